import AgentEvents

/// The part of an event that its producer made.
struct EventContent: Hashable {
    let thread: ThreadID
    let run: RunID?
    let payload: EventPayload
    /// Whether the producer left the duration to the service; it is 0 here then.
    let leavesDuration: Bool

    /// - Parameters:
    ///   - leavingDuration: whether to compare it with what a producer left to the service.
    ///   - leavingUsage: whether the producer of the end of a run did not say what the run has used.
    init(_ event: AgentEvent, leavingDuration: Bool = false, leavingUsage: Bool = false) {
        thread = event.threadID
        run = event.runID
        var payload = leavingDuration ? Self.withoutDuration(event.payload) : event.payload
        if leavingUsage { payload = Self.withoutUsage(payload) }
        self.payload = Self.unstamped(payload)
        leavesDuration = leavingDuration
    }

    /// An event of the log as it was emitted, whatever was left to the service; `nil` when it was not.
    static func emitted(_ event: AgentEvent, among emitted: [EventContent: Int]) -> EventContent? {
        for leavingUsage in event.payload.usage == nil ? [false] : [false, true] {
            for leavingDuration in [true, false] {
                let content = EventContent(event, leavingDuration: leavingDuration, leavingUsage: leavingUsage)
                if emitted[content] != nil { return content }
            }
        }
        return nil
    }

    init(_ thread: ThreadID, _ draft: EventDraft) {
        self.thread = thread
        run = draft.runID
        payload = Self.unstamped(draft.payload)
        leavesDuration = draft.isDurationMeasured
    }

    /// Without what the service alone sets: who has answered.
    private static func unstamped(_ payload: EventPayload) -> EventPayload {
        guard case .approvalResolved(var resolved) = payload, resolved.by != nil else { return payload }
        resolved.by = nil
        return .approvalResolved(resolved)
    }

    private static func withoutUsage(_ payload: EventPayload) -> EventPayload {
        switch payload {
        case .agentCompleted(var completed):
            completed.usage = nil
            return .agentCompleted(completed)
        case .agentFailed(var failed):
            failed.usage = nil
            return .agentFailed(failed)
        case .agentCancelled(var cancelled):
            cancelled.usage = nil
            return .agentCancelled(cancelled)
        default:
            return payload
        }
    }

    private static func withoutDuration(_ payload: EventPayload) -> EventPayload {
        switch payload {
        case .toolCompleted(var completed):
            completed.durationMilliseconds = 0
            return .toolCompleted(completed)
        case .agentCompleted(var completed):
            completed.durationMilliseconds = 0
            return .agentCompleted(completed)
        case .agentFailed(var failed):
            failed.durationMilliseconds = 0
            return .agentFailed(failed)
        case .agentCancelled(var cancelled):
            cancelled.durationMilliseconds = 0
            return .agentCancelled(cancelled)
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .approvalRequested, .approvalResolved, .usageReported,
            .agentPaused, .agentResumed, .userMessage, .stateUpdated, .custom, .unknown:
            return payload
        }
    }

    /// Whether the runtime may have made it: it closes what is left open, and ends a run that is lost.
    var isMadeByRuntime: Bool {
        switch payload {
        case .toolCompleted(let completed): completed.status == .cancelled || completed.status == .timedOut
        case .approvalResolved(let resolved): resolved.decision == .expired || resolved.decision == .cancelled
        case .messageCompleted, .agentFailed, .agentCancelled: true
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta, .toolExecuting,
            .toolProgress, .approvalRequested, .usageReported, .agentPaused, .agentResumed, .agentCompleted,
            .userMessage, .stateUpdated, .custom, .unknown:
            false
        }
    }
}

/// The fragments of one message or thought, as one.
struct Fragments: Hashable {
    let run: RunID?
    let agent: AgentName?
    let type: EventType?
    let id: IdentifierText
    let text: String

    /// - Returns: `nil` unless all events are fragments of one message or thought.
    static func joining(_ events: [AgentEvent]) -> Fragments? {
        var joined: Fragments?
        for event in events {
            guard let part = Self.part(of: event) else { return nil }
            let text = (joined?.text ?? "") + part.text
            let next = Fragments(
                run: event.runID, agent: joined?.agent ?? event.agent, type: event.type, id: part.id, text: text)
            if let joined, joined.run != next.run || joined.type != next.type || joined.id != next.id { return nil }
            joined = next
        }
        return joined
    }

    private static func part(of event: AgentEvent) -> (id: IdentifierText, text: String)? {
        switch event.payload {
        case .messageDelta(let delta): (delta.messageID.text, delta.text)
        case .agentThinking(let thinking): (thinking.thoughtID.text, thinking.text)
        default: nil
        }
    }
}
