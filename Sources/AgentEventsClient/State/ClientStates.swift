/// The state of a stream, and each change: ``EventStream/states``.
///
/// It begins with the present state. A reader that is slow sees the latest state and not those in between, so nothing
/// piles up. It ends with the stream. Any number of tasks may iterate, each on its own.
public struct ClientStates: AsyncSequence, Sendable {
    public typealias Element = ClientState
    public typealias Failure = Never

    let states: LatestValue<ClientState>

    public func makeAsyncIterator() -> Iterator { Iterator(states: states) }

    public struct Iterator: AsyncIteratorProtocol {
        let states: LatestValue<ClientState>
        private var seen: Int?

        init(states: LatestValue<ClientState>) { self.states = states }

        /// The next state; waits for a change.
        ///
        /// - Returns: `nil` when the stream has ended or the task is cancelled.
        public mutating func next() async -> ClientState? { await next(isolation: nil) }

        /// The next state; waits for a change.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> ClientState? {
            guard let (state, version) = await states.next(after: seen) else { return nil }
            seen = version
            return state
        }
    }
}

/// The state of a stream.
@nonexhaustive
public enum ClientState: Sendable {
    /// A connection is being opened.
    case connecting
    /// Connected; the history of at least one thread is still arriving.
    case catchingUp
    /// Connected; events arrive as they happen.
    case live
    /// The connection ended for this reason; it is opened again after a pause.
    case waiting(pause: Duration, AgentEventsClientError)
    /// The service refused this client for good; every sequence of events throws this error.
    case refused(AgentEventsClientError)
}
