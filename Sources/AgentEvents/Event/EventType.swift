/// The types of event in the catalogue, by their names on the wire.
@nonexhaustive
public enum EventType: String, CaseIterable, Sendable {
    case agentStarted = "agent_started"
    case agentThinking = "agent_thinking"
    case agentProgress = "agent_progress"
    case messageDelta = "message_delta"
    case messageCompleted = "message_completed"
    case toolExecuting = "tool_executing"
    case toolProgress = "tool_progress"
    case toolCompleted = "tool_completed"
    case approvalRequested = "approval_requested"
    case approvalResolved = "approval_resolved"
    case agentPaused = "agent_paused"
    case agentResumed = "agent_resumed"
    case agentCompleted = "agent_completed"
    case agentFailed = "agent_failed"
    case agentCancelled = "agent_cancelled"
    case userMessage = "user_message"
    case stateUpdated = "state_updated"
    case custom = "custom"

    /// Whether an event of this type is the last of its run.
    public var endsRun: Bool {
        switch self {
        case .agentCompleted, .agentFailed, .agentCancelled: true
        case .agentStarted, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting,
            .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved, .agentPaused, .agentResumed,
            .userMessage, .stateUpdated, .custom:
            false
        }
    }
}
