import AgentEvents
import Synchronization

/// Remembers what happened to the sinks of a runtime.
final class NoticeRecord: SinkObserver {
    private let act: @Sendable (SinkNotice) -> Void
    private let noted = Mutex<[String]>([])

    init(_ act: @escaping @Sendable (SinkNotice) -> Void = { _ in }) { self.act = act }

    func note(_ notice: SinkNotice) {
        let kind =
            switch notice.kind {
            case .refused(let failures, _, _): "refused \(failures)"
            case .recovered(let failures): "recovered \(failures)"
            case .setAside(_, let event, _, _, _): "set aside \(event.sequence)"
            case .stopped: "stopped"
            case .failed: "failed"
            }
        noted.withLock { $0.append(kind) }
        act(notice)
    }

    /// In order.
    var kinds: [String] { noted.withLock { $0 } }
}
