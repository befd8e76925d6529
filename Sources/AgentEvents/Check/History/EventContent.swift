/// What of an event its producer made.
struct EventContent: Hashable {
    let thread: ThreadID
    let run: RunID?
    let payload: EventPayload

    init(_ event: AgentEvent) {
        thread = event.thread
        run = event.run
        payload = event.payload
    }

    init(_ thread: ThreadID, _ draft: EventDraft) {
        self.thread = thread
        run = draft.run
        payload = draft.payload
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
