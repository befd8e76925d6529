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

extension EventType {
    /// Whether an event of this type belongs to the thread itself, never to a run.
    package var belongsToThread: Bool {
        switch self {
        case .userMessage, .stateUpdated: true
        case .agentStarted, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting,
            .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved, .agentPaused, .agentResumed,
            .agentCompleted, .agentFailed, .agentCancelled, .custom:
            false
        }
    }

    /// Whether an event of this type must name its run.
    package var needsRun: Bool { self != .custom && !belongsToThread }

    /// Whether an event of this type is a piece of a text; adjacent ones merge for a reader that catches up.
    package var isFragment: Bool {
        switch self {
        case .agentThinking, .messageDelta: true
        case .agentStarted, .agentProgress, .messageCompleted, .toolExecuting, .toolProgress, .toolCompleted,
            .approvalRequested, .approvalResolved, .agentPaused, .agentResumed, .agentCompleted, .agentFailed,
            .agentCancelled, .userMessage, .stateUpdated, .custom:
            false
        }
    }

    /// Whether a draft of this type has members that cannot be left out.
    package var needsData: Bool {
        switch self {
        case .agentStarted, .agentProgress, .agentPaused, .agentResumed, .agentCompleted, .agentCancelled: false
        case .agentThinking, .messageDelta, .messageCompleted, .toolExecuting, .toolProgress, .toolCompleted,
            .approvalRequested, .approvalResolved, .agentFailed, .userMessage, .stateUpdated, .custom:
            true
        }
    }

    /// The members of `data`, by their names and in their order on the wire.
    package var dataMembers: [String] {
        switch self {
        case .agentStarted: ["input", "parent_run_id", "parent_call_id", "idle_timeout_ms"]
        case .agentThinking: ["thought_id", "text"]
        case .agentProgress: ["message", "fraction", "step", "total"]
        case .messageDelta: ["message_id", "text"]
        case .messageCompleted: ["message_id", "role", "text"]
        case .toolExecuting: ["call_id", "tool", "arguments", "purpose"]
        case .toolProgress: ["call_id", "message", "fraction"]
        case .toolCompleted: ["call_id", "tool", "status", "result", "error", "duration_ms"]
        case .approvalRequested: ["approval_id", "call_id", "prompt", "schema", "expires_at"]
        case .approvalResolved: ["approval_id", "decision", "by", "data"]
        case .agentPaused, .agentResumed: ["by", "reason"]
        case .agentCompleted: ["result", "usage", "duration_ms"]
        case .agentFailed: ["error", "usage", "duration_ms"]
        case .agentCancelled: ["reason", "by", "usage", "duration_ms"]
        case .userMessage: ["message_id", "user_id", "text", "data"]
        case .stateUpdated: ["version", "key", "value", "removed", "expires_at"]
        case .custom: ["name", "value"]
        }
    }
}
