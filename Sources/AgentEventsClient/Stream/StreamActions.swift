/// The actions to carry out after an input to ``StreamStateMachine``.
package struct StreamActions: Sendable {
    /// Leave the connection for this reason.
    package var leave: AgentEventsClientError?
    /// A silence of this length (two heartbeats) is the end of the connection.
    package var silence: Duration?
    /// Wait a moment for room before the next message; then ``StreamStateMachine/stopAwaitingRoom()``.
    package var awaitsRoom = false
    /// The followers that have something to read, by their numbers.
    package var readers: [Int] = []

    /// Time counts now: call ``StreamStateMachine/advance(by:)``.
    package var needsTime = false

    package init() {}
}
