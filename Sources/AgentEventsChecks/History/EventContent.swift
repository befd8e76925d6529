import AgentEvents

/// What of an event its producer made.
struct EventContent: Hashable {
    let thread: ThreadID
    let run: RunID?
    let payload: EventPayload
    /// Whether the producer left the duration to the service; it is 0 here then.
    let leavesDuration: Bool

    /// - Parameter leavingDuration: whether to compare it with what a producer left to the service.
    init(_ event: AgentEvent, leavingDuration: Bool = false) {
        thread = event.thread
        run = event.run
        payload = leavingDuration ? Self.withoutDuration(event.payload) : event.payload
        leavesDuration = leavingDuration
    }

    init(_ thread: ThreadID, _ draft: EventDraft) {
        self.thread = thread
        run = draft.run
        payload = draft.payload
        leavesDuration = draft.isDurationMeasured
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
        case .agentStarted, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting,
            .toolProgress, .approvalRequested, .approvalResolved, .agentPaused, .agentResumed, .userMessage,
            .stateUpdated, .custom, .unknown:
            return payload
        }
    }

    /// Whether the runtime may have made it: what is left open is closed by it, and a run that is lost is ended.
    var isMadeByRuntime: Bool {
        switch payload {
        case .toolCompleted(let completed): completed.status == .cancelled || completed.status == .timedOut
        case .approvalResolved(let resolved): resolved.decision == .expired
        case .messageCompleted, .agentFailed, .agentCancelled: true
        case .agentStarted, .agentThinking, .agentProgress, .messageDelta, .toolExecuting, .toolProgress,
            .approvalRequested, .agentPaused, .agentResumed, .agentCompleted, .userMessage, .stateUpdated, .custom,
            .unknown:
            false
        }
    }
}
