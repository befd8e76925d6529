import AgentEvents
import Synchronization

/// Whether a hub is run: it is once, and nobody notices by itself that it is not.
final class HubLife: Sendable {
    private enum State {
        case made
        /// Clients have come before the run, which was said.
        case usedTooEarly
        case run
    }

    private let state = Mutex(State.made)

    /// The run begins.
    ///
    /// - Throws: `AgentEventsError` `runtime.not_running` when it has begun before: a second run would stop the first one.
    func begin() throws(AgentEventsError) {
        let isFirst = state.withLock { state in
            if case .run = state { return false }
            state = .run
            return true
        }
        guard isFirst else {
            throw AgentEventsError(
                .notRunning, "the hub is run already: run() is called once, by the application that has it as a service"
            )
        }
    }

    /// A client has come.
    ///
    /// - Returns: whether it is the first one before the run.
    func isUsedTooEarly() -> Bool {
        state.withLock { state in
            guard case .made = state else { return false }
            state = .usedTooEarly
            return true
        }
    }
}
