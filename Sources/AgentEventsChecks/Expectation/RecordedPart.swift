import AgentEvents

/// What one pattern stands for: some events of a recorded thread, and those that lie inside.
struct RecordedPart {
    enum Kind {
        case event(AgentEvent)
        /// The fragments of one thought, by their whole text.
        case thought(String)
        case message(MessageCompleted)
        case call(ToolExecuting, ToolCompleted)
        /// A run from its start.
        case run(AgentEvent)
        /// A run of which the recording does not have the start.
        case restOfRun
    }

    let kind: Kind
    /// Where its first event stands in the thread, and its last.
    let span: ClosedRange<Int>
    /// Of the thread, not of a run.
    var isOfThread = false
    /// What lies inside, in the order of the first events.
    var parts: [RecordedPart] = []

    /// Whether a part that lies inside of this one may be one of its own.
    func mayTake(_ other: RecordedPart, isTop: Bool) -> Bool {
        guard span.lowerBound < other.span.lowerBound, other.span.upperBound <= span.upperBound else { return false }
        switch (kind, other.kind) {
        // Runs at the same time; and calls at the same time, which are parallel.
        case (.run, .run), (.run, .restOfRun), (.restOfRun, .run), (.restOfRun, .restOfRun), (.call, .call):
            return false
        // In the braces of `.run` and `.tool` there are events of one run only.
        case (.run, _), (.restOfRun, _): return isTop
        // … and of no other call.
        case (.call(let start, _), _):
            return !other.isOfThread && other.span.upperBound < span.upperBound
                && (other.call == nil || other.call == start.call)
        case (.event, _), (.thought, _), (.message, _): return false
        }
    }

    /// The call that its event is of, when it is a single event or a run.
    private var call: CallID? {
        let event: AgentEvent
        switch kind {
        case .event(let only), .run(let only): event = only
        case .thought, .message, .call, .restOfRun: return nil
        }
        return switch event.payload {
        case .agentStarted(let started): started.parentCall
        case .toolExecuting(let executing): executing.call
        case .toolProgress(let progress): progress.call
        case .toolCompleted(let completed): completed.call
        case .approvalRequested(let requested): requested.call
        case .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .approvalResolved, .agentPaused,
            .agentResumed, .agentCompleted, .agentFailed, .agentCancelled, .userMessage, .stateUpdated, .custom,
            .unknown:
            nil
        }
    }

    mutating func take(_ others: [RecordedPart]) {
        parts = (parts + others).sorted { $0.span.lowerBound < $1.span.lowerBound }
    }
}
