public import AgentEvents
import AgentEventsFiles
import Synchronization

extension FileEventLog: MeasuredLog {
    public var eventByteCount: Int64 { (try? openConnection())?.blocks.byteCount ?? 0 }

    public func observeFlushes(_ observe: @escaping @Sendable (_ duration: Duration) -> Void) {
        flushes.setObserver(observe)
    }
}

extension FileEventLog: RoomAwareLog {
    public var freeByteCount: Int64? { configuration.files.freeByteCount(at: path) }
}

/// Tells somebody how long flushes take.
final class FlushWatch: Sendable {
    private let observer = Mutex<(@Sendable (Duration) -> Void)?>(nil)

    func setObserver(_ observe: @escaping @Sendable (Duration) -> Void) { observer.withLock { $0 = observe } }

    func didFlush(in duration: Duration) { observer.withLock { $0 }?(duration) }
}
