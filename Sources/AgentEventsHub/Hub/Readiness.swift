import Synchronization

/// Whether the service takes requests.
package final class Readiness: Sendable {
    package enum Phase: String, Sendable {
        case starting
        case ready
        case stopping
    }

    private let current = Mutex(Phase.starting)

    package init() {}

    package var phase: Phase { current.withLock { $0 } }

    /// The service listens, and its log is open.
    package func start() {
        current.withLock { if $0 == .starting { $0 = .ready } }
    }

    /// Final.
    package func stop() {
        current.withLock { $0 = .stopping }
    }
}
