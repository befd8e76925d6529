package import AgentEvents
import Synchronization

/// The programs outside that emit: those on a connection, for as long as it is open, and those that send requests.
package final class OutsideEmitters: Sendable {
    private struct State {
        var connectionCount = 0
        var lastRequest: Duration?
    }

    private let state = Mutex(State())
    private let monotonicNow: @Sendable () -> Duration

    package init(in environment: Environment) { monotonicNow = environment.monotonicNow }

    /// Something was emitted on a connection for the first time.
    package func didBeginEmitting() { state.withLock { $0.connectionCount += 1 } }

    /// A connection on which something was emitted is gone.
    package func didEndEmitting() { state.withLock { $0.connectionCount -= 1 } }

    /// A request with events has come.
    package func didRequest() { state.withLock { [now = monotonicNow()] in $0.lastRequest = now } }

    /// Whether one of them may emit more: it has a connection, or sent a request a while ago at most.
    package func mayEmit(silentFor silence: Duration) -> Bool {
        state.withLock { [now = monotonicNow()] state in
            state.connectionCount > 0 || state.lastRequest.map { now - $0 < silence } ?? false
        }
    }
}
