import AgentEvents
import Synchronization

/// Whether the service takes requests.
final class Readiness: Sendable {
    enum Phase: String, Sendable {
        case starting
        case ready
        case stopping
    }

    private let current = Mutex(Phase.starting)

    var phase: Phase { current.withLock { $0 } }

    /// The service listens, and its log is open.
    func start() {
        current.withLock { if $0 == .starting { $0 = .ready } }
    }

    /// Final.
    func stop() {
        current.withLock { $0 = .stopping }
    }
}
