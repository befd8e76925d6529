public import AgentEvents
public import AgentEventsProtocol

/// The events of one thread, each once and in order, across reconnections (I2). Obtain one with
/// ``EventStream/withEvents(of:from:consumer:_:)``.
///
/// It continues until its scope ends, and throws ``AgentEventsClientError`` when the service refuses for good,
/// `CancellationError` when its task is cancelled. Events received before that are given first. Of a thread whose
/// reader is slow a bounded part is held; nothing is lost. To be iterated over by one task.
public struct ThreadFollower: AsyncSequence, Sendable {
    public typealias Element = FollowedElement

    /// The thread.
    public let thread: ThreadID
    let core: StreamCore
    let number: Int
    let signal: WakeSignal

    /// Acknowledges everything up to an event, in the name of this reader's consumer (I10). The acknowledgement is sent
    /// soon, and again on the next connection if it did not get through; the call does not wait for the service.
    ///
    /// - Throws: `client.not_given` when the event was not given to this reader. An objection of the service is
    ///   thrown by the sequence.
    public func acknowledge(_ cursor: Cursor) throws(AgentEventsClientError) {
        try core.acknowledge(cursor, of: thread, number: number)
    }

    public func makeAsyncIterator() -> Iterator { Iterator(follower: self) }

    public struct Iterator: AsyncIteratorProtocol {
        let follower: ThreadFollower

        /// The next element; waits for it.
        public mutating func next() async throws -> FollowedElement? {
            while true {
                try Task.checkCancellation()
                switch follower.core.take(follower.thread, number: follower.number) {
                case .give(let element): return element
                case .fail(let error): throw error
                case .end: throw CancellationError()
                case .wait:
                    guard await follower.signal.wait() else { throw CancellationError() }
                }
            }
        }
    }
}

/// An element of a ``ThreadFollower``.
@nonexhaustive
public enum FollowedElement: Sendable {
    /// The next event.
    case event(StreamEvent)
    /// Everything before this element is history; everything after it happens now. Comes again after each interruption.
    case live(Cursor?)
    /// The history so far is void and should be dropped: the next event is the first one of a new history.
    case reset(ResetReason)
    /// The connection ended for this reason, and is opened again after a pause. No event is lost or repeated.
    case interrupted(AgentEventsClientError, pause: Duration)
}
