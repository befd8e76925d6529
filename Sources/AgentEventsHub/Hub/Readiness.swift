import Synchronization

/// Whether the service takes requests.
package final class Readiness: Sendable {
    package enum Phase: String, Sendable {
        case starting
        case ready
        /// It takes everything, and says that it is not ready: whoever sends it requests sends them elsewhere.
        case draining
        case stopping
    }

    private let current = Mutex(Phase.starting)

    package init() {}

    package var phase: Phase { current.withLock { $0 } }

    /// The service listens, and its log is open.
    package func start() {
        current.withLock { if $0 == .starting { $0 = .ready } }
    }

    /// The service stops soon.
    package func drain() {
        current.withLock { if $0 == .ready { $0 = .draining } }
    }

    /// Final.
    package func stop() {
        current.withLock { $0 = .stopping }
    }
}
