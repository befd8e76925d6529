/// The order in which a service stops: the agents first, so that their last events still reach the open connections,
/// then the connections, then the runtime and with it the log.
package struct ServiceStateMachine: Equatable {
    package enum Part: CaseIterable, Hashable, Sendable {
        /// Commits and delivers events.
        case runtime
        /// Runs agents.
        case agents
        /// Listens, and answers connections.
        case server
    }

    package enum Input: Hashable, Sendable {
        case shutdownRequested
        case ended(Part)
        /// The agents have had their time.
        case agentsDeadlinePassed
        case deadlinePassed
        /// The service's own task is cancelled.
        case cancelled
    }

    package enum Action: Hashable, Sendable {
        /// Refuse what is new, cancel the agents and set the deadlines.
        case beginShutdown
        case closeConnections
        case stopRuntime
        /// Cancel all that still runs.
        case cancelParts
        case finish
    }

    private enum State: Equatable {
        case running
        case stopping(areConnectionsClosed: Bool, isRuntimeStopped: Bool)
        case finished
    }

    private var state = State.running
    private var ended: Set<Part> = []

    package init() {}

    package mutating func receive(_ input: Input) -> [Action] {
        switch (state, input) {
        case (.finished, _):
            return []
        case (.running, .shutdownRequested):
            state = .stopping(areConnectionsClosed: false, isRuntimeStopped: false)
            return [.beginShutdown] + proceed()
        case (.running, .ended(let part)):
            // One part alone is no service: the others go too.
            ended.insert(part)
            state = .stopping(areConnectionsClosed: true, isRuntimeStopped: true)
            return [.beginShutdown, .closeConnections, .cancelParts] + proceed()
        case (.stopping, .ended(let part)):
            ended.insert(part)
            return proceed()
        case (.stopping(false, let isRuntimeStopped), .agentsDeadlinePassed):
            state = .stopping(areConnectionsClosed: true, isRuntimeStopped: isRuntimeStopped)
            return [.closeConnections]
        case (.running, .deadlinePassed), (.stopping, .deadlinePassed), (.running, .cancelled), (.stopping, .cancelled):
            state = .stopping(areConnectionsClosed: true, isRuntimeStopped: true)
            return [.beginShutdown, .closeConnections, .cancelParts] + proceed()
        case (.running, .agentsDeadlinePassed), (.stopping(true, _), .agentsDeadlinePassed),
            (.stopping, .shutdownRequested):
            return []
        }
    }

    private mutating func proceed() -> [Action] {
        guard case .stopping(var areConnectionsClosed, var isRuntimeStopped) = state else { return [] }
        guard ended.count < Part.allCases.count else {
            state = .finished
            return [.finish]
        }
        var actions: [Action] = []
        if ended.contains(.agents), !areConnectionsClosed {
            areConnectionsClosed = true
            actions.append(.closeConnections)
        }
        if ended.isSuperset(of: [.agents, .server]), !isRuntimeStopped {
            isRuntimeStopped = true
            actions.append(.stopRuntime)
        }
        state = .stopping(areConnectionsClosed: areConnectionsClosed, isRuntimeStopped: isRuntimeStopped)
        return actions
    }
}
