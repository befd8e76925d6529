/// The order in which a hub stops: the agents first, so that their last events still reach the open connections, then
/// the connections, then the runtime and with it the log. Programs outside that are in the middle of a run have the
/// same time as the agents, and their runs are not ended.
///
///     running ── shutdown ──> draining ── agents and emitters done, or their time is over ──> endingRuns
///        │                                                                                        │ runs ended
///        ├── the runtime has ended ────────────────────────────────────────────────────> closing <┘
///        │
///        └── another part has ended ──> cancelled      (also from the other three: deadline passed, task cancelled)
///
///     finished: from anywhere, as soon as all three parts have ended
package struct HubStateMachine: Equatable {
    package enum Part: CaseIterable, Hashable, Sendable {
        /// Commits and delivers events.
        case runtime
        /// Runs agents.
        case agents
        /// Answers connections, and listens, if it is this hub that does.
        case server
    }

    package enum Input: Hashable, Sendable {
        case shutdownRequested
        case ended(Part)
        /// No program outside is in the middle of a run.
        case emittersDone
        /// The agents, and programs outside, have had their time.
        case agentsDeadlinePassed
        /// No run that the process hosts is open any longer.
        case runsEnded
        case deadlinePassed
        /// The task of the hub is cancelled.
        case cancelled
    }

    package enum Action: Hashable, Sendable {
        /// Refuse what is new, tell the connections, wait for programs outside, and set the deadlines.
        case beginDrain
        /// End the runs that are open, and cancel the agents.
        case endRuns
        /// Cancel the agents; their runs can no longer end in a log.
        case cancelAgents
        /// Close the connections, each when what was emitted on it is answered.
        case closeConnections
        case stopRuntime
        /// Close the connections, whatever is still to be answered, and cancel all that still runs.
        case cancelParts
        /// Everything has ended but agents that ignore their cancellation.
        case reportUnresponsiveAgents
        case finish
    }

    private enum Phase: Equatable {
        case running
        /// The agents have time to end, and programs outside to emit what they have.
        case draining
        /// The runs that are open are being ended.
        case endingRuns
        /// The connections are being closed, then the runtime.
        case closing
        /// All that still runs was cancelled.
        case cancelled
        case finished
    }

    private var phase = Phase.running
    private var ended: Set<Part> = []
    private var areEmittersDone = false
    private var isRuntimeStopped = false
    private var areAgentsReported = false

    package init() {}

    package mutating func receive(_ input: Input) -> [Action] {
        switch (phase, input) {
        case (.finished, _):
            return []
        case (.running, .shutdownRequested):
            phase = .draining
            return [.beginDrain] + proceed()
        case (.running, .ended(.runtime)):
            // The log has failed. What waits for it gets an answer before the connections close.
            ended.insert(.runtime)
            isRuntimeStopped = true
            phase = .closing
            return [.beginDrain, .cancelAgents, .closeConnections] + proceed()
        case (.running, .ended(let part)):
            // One part alone is no service: the others go too.
            ended.insert(part)
            return cancel(begins: true)
        case (.draining, .ended(let part)), (.endingRuns, .ended(let part)), (.closing, .ended(let part)),
            (.cancelled, .ended(let part)):
            ended.insert(part)
            return proceed()
        case (.draining, .emittersDone):
            areEmittersDone = true
            return proceed()
        case (.draining, .agentsDeadlinePassed):
            phase = .endingRuns
            return [.endRuns]
        case (.endingRuns, .runsEnded):
            phase = .closing
            return [.closeConnections] + proceed()
        case (.running, .deadlinePassed), (.running, .cancelled):
            return cancel(begins: true)
        case (.draining, .deadlinePassed), (.endingRuns, .deadlinePassed), (.closing, .deadlinePassed),
            (.draining, .cancelled), (.endingRuns, .cancelled), (.closing, .cancelled):
            return cancel(begins: false)
        case (.draining, .shutdownRequested), (.endingRuns, .shutdownRequested), (.closing, .shutdownRequested),
            (.running, .agentsDeadlinePassed), (.endingRuns, .agentsDeadlinePassed), (.closing, .agentsDeadlinePassed),
            (.running, .emittersDone), (.endingRuns, .emittersDone), (.closing, .emittersDone),
            (.cancelled, .emittersDone), (.running, .runsEnded), (.draining, .runsEnded), (.closing, .runsEnded),
            (.cancelled, .shutdownRequested), (.cancelled, .agentsDeadlinePassed), (.cancelled, .runsEnded),
            (.cancelled, .deadlinePassed), (.cancelled, .cancelled):
            return []
        }
    }

    private mutating func cancel(begins: Bool) -> [Action] {
        phase = .cancelled
        return (begins ? [.beginDrain] : []) + [.cancelParts] + proceed()
    }

    private mutating func proceed() -> [Action] {
        guard ended.count < Part.allCases.count else {
            phase = .finished
            return [.finish]
        }
        switch phase {
        case .draining where ended.contains(.agents) && areEmittersDone:
            phase = .endingRuns
            return [.endRuns]
        case .closing where ended.contains(.server) && !isRuntimeStopped:
            isRuntimeStopped = true
            return [.stopRuntime]
        case .cancelled where ended.isSuperset(of: [.runtime, .server]) && !areAgentsReported:
            areAgentsReported = true
            return [.reportUnresponsiveAgents]
        case .running, .draining, .endingRuns, .closing, .cancelled, .finished:
            return []
        }
    }
}
