internal import AgentEvents
internal import AgentEventsProtocol

/// The state that a stream keeps of one thread that has a follower.
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
    /// The reason why it is over; the reader gets it after the elements in the inbox.
    var error: AgentEventsClientError?
}
