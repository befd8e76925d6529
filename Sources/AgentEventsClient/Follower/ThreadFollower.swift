/// The events of one thread, each once and in order, across reconnections (I2). Had from
/// ``AgentEventsClient/withEvents(of:from:_:)``.
///
/// It holds no events: while nobody asks for the next one, nothing is read off the network. It goes on until its scope
/// ends, and throws ``AgentEventsClientError`` when the service refuses for good, `CancellationError` when its task is
/// cancelled. To be iterated over by one task.
public struct ThreadFollower: AsyncSequence, Sendable {
    public typealias Element = FollowedElement

    let handover: Handover<FollowedElement>

    public func makeAsyncIterator() -> Iterator { Iterator(handover: handover) }

    public struct Iterator: AsyncIteratorProtocol {
        let handover: Handover<FollowedElement>

        /// The next element; waits for it.
        public mutating func next() async throws -> FollowedElement? { try await handover.take() }
    }
}
