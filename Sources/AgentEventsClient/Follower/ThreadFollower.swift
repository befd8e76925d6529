public import AgentEvents

/// The events of one thread, each once and in order, across reconnections (I2). Had from
/// ``EventStream/withEvents(of:from:consumer:_:)``.
///
/// It goes on until its scope ends, and throws ``AgentEventsClientError`` when the service refuses for good,
/// `CancellationError` when its task is cancelled. What was received before that is given first. Of a thread whose reader is
/// slow a bounded part is held; nothing is lost. To be iterated over by one task.
public struct ThreadFollower: AsyncSequence, Sendable {
    public typealias Element = FollowedElement

    /// The thread.
    public let thread: ThreadID
    let core: StreamCore
    let number: Int
    let signal: WakeSignal

    /// Tells the service that this reader's consumer is done with everything up to an event (I10). It is sent soon, and
    /// again on the next connection if it did not get through; sending does not wait for the service.
    ///
    /// - Throws: `client.not_given` when the event was not given to this reader. What the service has against it is
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
