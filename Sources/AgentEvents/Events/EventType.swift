/// The types of event in the catalogue, by their names on the wire.
@nonexhaustive
public enum EventType: String, CaseIterable, Sendable {
    case agentQueued = "agent_queued"
    case agentStarted = "agent_started"
    case inputTaken = "input_taken"
    case agentThinking = "agent_thinking"
    case agentProgress = "agent_progress"
    case messageDelta = "message_delta"
    case messageCompleted = "message_completed"
    case toolExecuting = "tool_executing"
    case toolProgress = "tool_progress"
    case toolCompleted = "tool_completed"
    case approvalRequested = "approval_requested"
    case approvalResolved = "approval_resolved"
    case usageReported = "usage_reported"
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
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved,
            .usageReported, .agentPaused, .agentResumed, .userMessage, .stateUpdated, .custom:
            false
        }
    }

    /// The types of the last events of runs.
    public static var runEnds: Set<EventType> { Set(allCases.filter(\.endsRun)) }

    /// `true` for the types that the first event of a run may have. A queued run has both, `agent_queued` first.
    public var beginsRun: Bool {
        switch self {
        case .agentQueued, .agentStarted: true
        case .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting,
            .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved, .usageReported, .agentPaused,
            .agentResumed, .agentCompleted, .agentFailed, .agentCancelled, .userMessage, .stateUpdated, .custom:
            false
        }
    }
}

extension EventType {
    /// Whether an event of this type belongs to the thread itself, never to a run.
    package var belongsToThread: Bool {
        switch self {
        case .userMessage, .stateUpdated: true
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved,
            .usageReported, .agentPaused, .agentResumed, .agentCompleted, .agentFailed, .agentCancelled, .custom:
            false
        }
    }

    /// Whether an event of this type must name its run.
    package var needsRun: Bool { self != .custom && !belongsToThread }

    /// Whether an event of this type is a piece of a text; adjacent ones merge for a reader that catches up.
    package var isFragment: Bool {
        switch self {
        case .agentThinking, .messageDelta: true
        case .agentQueued, .agentStarted, .inputTaken, .agentProgress, .messageCompleted, .toolExecuting,
            .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved, .usageReported, .agentPaused,
            .agentResumed, .agentCompleted, .agentFailed, .agentCancelled, .userMessage, .stateUpdated, .custom:
            false
        }
    }

    /// Whether a draft of this type has members that cannot be left out.
    package var needsData: Bool {
        switch self {
        case .agentQueued, .agentStarted, .agentProgress, .agentPaused, .agentResumed, .agentCompleted,
            .agentCancelled:
            false
        case .inputTaken, .agentThinking, .messageDelta, .messageCompleted, .toolExecuting, .toolProgress,
            .toolCompleted, .approvalRequested, .approvalResolved, .usageReported, .agentFailed, .userMessage,
            .stateUpdated, .custom:
            true
        }
    }

    /// The members of `data`, by their names and in their order on the wire.
    package var dataMembers: [String] {
        switch self {
        case .agentQueued:
            ["input", "message_ids", "by", "not_before", "start_by", "schedule_id", "attempt", "retry_of"]
        case .agentStarted:
            [
                "input", "parent_run_id", "parent_call_id", "idle_timeout_ms", "message_ids", "attempt", "retry_of",
                "trace",
            ]
        case .inputTaken: ["message_ids"]
        case .agentThinking: ["thought_id", "text"]
        case .agentProgress: ["message", "fraction", "step", "total"]
        case .messageDelta: ["message_id", "text"]
        case .messageCompleted: ["message_id", "role", "text", "interrupted"]
        case .toolExecuting: ["call_id", "tool", "arguments", "purpose"]
        case .toolProgress: ["call_id", "message", "fraction"]
        case .toolCompleted: ["call_id", "tool", "status", "result", "error", "duration_ms"]
        case .approvalRequested:
            [
                "approval_id", "call_id", "prompt", "kind", "schema", "editable", "approvers", "separate_from",
                "expires_at",
            ]
        case .approvalResolved: ["approval_id", "decision", "by", "data"]
        case .usageReported: UsageReported.dataMembers
        case .agentPaused: ["by", "reason", "handed_over"]
        case .agentResumed: ["by", "reason"]
        case .agentCompleted: ["result", "usage", "duration_ms"]
        case .agentFailed: ["error", "usage", "duration_ms"]
        case .agentCancelled: ["reason", "by", "superseded_by", "discarded", "usage", "duration_ms"]
        case .userMessage: ["message_id", "user_id", "text", "data", "replaces", "given_to", "trace"]
        case .stateUpdated: ["version", "key", "value", "removed", "expires_at", "by", "reason"]
        case .custom: ["name", "value", "by"]
        }
    }
}
