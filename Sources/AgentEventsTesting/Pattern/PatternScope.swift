import AgentEvents

/// The run or item that an event must belong to, because an earlier event of the same pattern did.
struct PatternScope: Hashable, Sendable {
    var run: RunID?
    var call: CallID?
    var message: MessageID?
    var thought: ThoughtID?

    func admits(_ event: AgentEvent) -> Bool {
        if let run, event.runID != run { return false }
        if let message, event.payload.message != message { return false }
        if let thought, event.payload.thought != thought { return false }
        // An event that has nothing to do with calls may stand inside of one.
        if let call, let other = event.payload.call, other != call { return false }
        return true
    }

    /// This, and where it asks for nothing the other.
    func or(_ other: PatternScope) -> PatternScope {
        PatternScope(
            run: run ?? other.run, call: call ?? other.call, message: message ?? other.message,
            thought: thought ?? other.thought)
    }
}

extension EventPayload {
    /// The call that the event is of.
    var call: CallID? {
        switch self {
        case .toolExecuting(let executing): executing.callID
        case .toolProgress(let progress): progress.callID
        case .toolCompleted(let completed): completed.callID
        case .approvalRequested(let requested): requested.callID
        case .agentStarted(let started): started.parentCallID
        default: nil
        }
    }

    /// The message that the event is of.
    var message: MessageID? {
        switch self {
        case .messageDelta(let delta): delta.messageID
        case .messageCompleted(let completed): completed.messageID
        default: nil
        }
    }

    /// The thought that the event is of.
    var thought: ThoughtID? {
        if case .agentThinking(let thinking) = self { thinking.thoughtID } else { nil }
    }
}
