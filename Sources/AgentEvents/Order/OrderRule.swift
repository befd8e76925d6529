/// The rules of a run's order, by their codes.
@nonexhaustive
public enum OrderRule: String, CaseIterable, Sendable {
    /// A run's first event is `agent_queued` or `agent_started`; one that is queued starts, is cancelled, or fails with
    /// the code `run.not_started_in_time`.
    case notStarted = "order.not_started"
    /// A run is queued and started once at most, and its id is never used twice among the events of a thread that can be read.
    case alreadyStarted = "order.already_started"
    /// Nothing follows a run's terminal event.
    case alreadyEnded = "order.already_ended"
    /// A call id is open once at a time in its run; after its end it may be used again, and pairs by order.
    case callReused = "order.call_reused"
    /// Progress, completion and whatever refers to a call name an open one, and the same tool.
    case callNotOpen = "order.call_not_open"
    /// No fragment after `message_completed`; a message id is not reopened. A run remembers the latest 16 384.
    case messageClosed = "order.message_closed"
    /// An approval that is resolved is open, and has not expired.
    case approvalNotOpen = "order.approval_not_open"
    /// An approval id is new in its run, which remembers the latest 16 384.
    case approvalReused = "order.approval_reused"
    /// A run does not complete while a call, message, approval or child run is open.
    case workOpen = "order.work_open"
    /// While paused only: `agent_resumed`, the progress and the ends of calls already open, the ends of approvals already
    /// open, `usage_reported`, `agent_failed`, `agent_cancelled`.
    case paused = "order.paused"
    /// `agent_resumed` follows `agent_paused`.
    case notPaused = "order.not_paused"
    /// A child run starts under an open run of the same thread.
    case parentNotOpen = "order.parent_not_open"
    /// An event names the agent of its run, or none.
    case agentMismatch = "order.agent_mismatch"
    /// The fragments of one message stay below a limit; what is longer goes into another message.
    case messageTooLong = "order.message_too_long"
    /// The policy `canonical`: thinking before the first tool call, and at least one of each.
    case notCanonical = "order.not_canonical"
}
