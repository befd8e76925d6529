package import AgentEventsProtocol

/// Why a feed ended before everything was committed. What was committed before stays.
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

/// How far a feed has come.
package struct EmitProgress: Hashable, Sendable {
    package var committedCount = 0
    package var lastCommittedLine: Int?
    /// Lines that were sent and not answered: they may be committed.
    package var unanswered: ClosedRange<Int>?

    package init() {}
}
