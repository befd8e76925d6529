// What an event means for those who wait for a run, or command it.

extension EventPayload {
    /// Whether commands refer to the event: where a run began, and since when it is as it is.
    var marksRun: Bool {
        switch self {
        case .agentQueued, .agentStarted, .approvalRequested, .approvalResolved, .agentPaused, .agentResumed: true
        case .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting,
            .toolProgress, .toolCompleted, .usageReported, .agentCompleted, .agentFailed, .agentCancelled, .userMessage,
            .stateUpdated, .custom, .unknown:
            false
        }
    }

    /// Whether somebody may have waited for the event: a run is not paused any longer, or a request has its answer.
    var releases: Bool {
        switch self {
        case .agentResumed, .approvalResolved: true
        default: false
        }
    }
}
