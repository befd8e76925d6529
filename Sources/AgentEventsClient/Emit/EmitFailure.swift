package import AgentEventsProtocol

/// The reason why a feed ended before everything was committed. Events that were committed before stay.
package enum EmitFailure: Error, Sendable {
    /// The service refused events for good.
    ///
    /// - Parameter lines: the line at fault, or those among which it is.
    case refused(ProtocolError, lines: ClosedRange<Int>)
    /// An event does not fit into a message.
    case tooLarge(line: Int, byteCount: Int, maximum: Int)
    /// There is no service, or none that takes the events.
    ///
    /// - Parameter after: for how long that was so; `nil` when trying again is of no use.
    case unavailable(AgentEventsClientError, after: Duration?)
}

/// The progress of a feed.
package struct EmitProgress: Hashable, Sendable {
    package var committedCount = 0
    package var lastCommittedLine: Int?
    /// Lines that were sent and not answered: they may be committed.
    package var unanswered: ClosedRange<Int>?

    package init() {}
}
