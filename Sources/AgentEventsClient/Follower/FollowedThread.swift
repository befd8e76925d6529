internal import AgentEvents
internal import AgentEventsProtocol

/// Everything a stream keeps of one thread that somebody follows.
struct FollowedThread: Sendable {
    /// Tells this follower from earlier ones of the same thread.
    let number: Int
    let consumer: ConsumerName?
    /// The mark of this follower's acknowledgements, for errors that answer them.
    let acknowledgementRequest: Int64
    var subscription: FollowerStateMachine
    var inbox: Inbox
    var acknowledgement = FollowerAcknowledgementStateMachine()
    /// The mark of the last `subscribe`.
    var subscribeRequest: Int64?
    /// Why it is over; the reader gets it behind what is in the inbox.
    var error: AgentEventsClientError?
}
