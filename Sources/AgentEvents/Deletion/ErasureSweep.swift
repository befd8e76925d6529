import Synchronization

/// Has the bytes of deleted threads removed: once when the log was opened, since a crash may have come in between, and after
/// each deletion; again and again where it fails.
final class ErasureSweep: Sendable {
    /// The pause after a failure.
    private static let pause: Duration = .seconds(60)

    private let log: any DeletingEventLog
    private let environment: Environment
    private let signal = WakeSignal()
    private let lastFailure = Mutex<(any Error)?>(nil)

    init(_ log: any DeletingEventLog, _ environment: Environment) {
        self.log = log
        self.environment = environment
        signal.signal()
    }

    /// The error of the last attempt; `nil` when there was none.
    var failure: (any Error)? { lastFailure.withLock { $0 } }

    /// A thread was deleted.
    func begin() { signal.signal() }

    /// Erases until the task is cancelled.
    func run() async {
        while await signal.wait() {
            do throws(EventLogError) {
                _ = try await log.erase(clock: environment.wallClock)
                lastFailure.withLock { $0 = nil }
            } catch {
                lastFailure.withLock { $0 = error }
                // Cancelled at the end of the runtime; the next start does it.
                try? await environment.sleep(Self.pause)
                signal.signal()
            }
        }
    }
}
