internal import AgentEvents
internal import AgentEventsProtocol

/// The threads that are followed over a stream, and how many of them are not settled.
struct FollowedThreads: Sendable {
    private var threads: [ThreadID: FollowedThread] = [:]
    /// See ``FollowerStateMachine/isSettled``.
    private(set) var unsettledCount = 0

    subscript(thread: ThreadID) -> FollowedThread? { threads[thread] }

    /// The phase of a thread's follower.
    func phase(of thread: ThreadID) -> FollowerStateMachine.Phase? { threads[thread]?.subscription.phase }

    /// In the order in which they were followed.
    var inOrder: [ThreadID] { threads.sorted { $0.value.number < $1.value.number }.map(\.key) }

    func contains(where condition: (FollowedThread) -> Bool) -> Bool { threads.values.contains(where: condition) }

    func first(where condition: (FollowedThread) -> Bool) -> ThreadID? {
        threads.first { condition($0.value) }?.key
    }

    mutating func insert(_ thread: ThreadID, _ followed: FollowedThread) {
        threads[thread] = followed
        unsettledCount += followed.subscription.isSettled ? 0 : 1
    }

    mutating func remove(_ thread: ThreadID) {
        guard let followed = threads.removeValue(forKey: thread) else { return }
        unsettledCount -= followed.subscription.isSettled ? 0 : 1
    }

    /// Changes what is kept of a thread.
    ///
    /// - Returns: what the change returned; `nil` when nobody follows the thread.
    @discardableResult
    mutating func update<Result>(_ thread: ThreadID, _ change: (inout FollowedThread) -> Result) -> Result? {
        guard let index = threads.index(forKey: thread) else { return nil }
        let wasSettled = threads.values[index].subscription.isSettled
        let result = change(&threads.values[index])
        let isSettled = threads.values[index].subscription.isSettled
        unsettledCount += (wasSettled ? 1 : 0) - (isSettled ? 1 : 0)
        return result
    }
}

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
