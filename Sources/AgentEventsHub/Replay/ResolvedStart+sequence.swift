package import AgentEvents
package import AgentEventsProtocol

extension ResolvedStart {
    /// The number of the event that the position is after.
    ///
    /// - Throws: ``ProtocolError`` `cursor.diverged`, `cursor.trimmed` or `cursor.unknown` when there is none.
    package func sequence(in thread: ThreadID) throws(ProtocolError) -> UInt64 {
        switch self {
        case .position(let position): return position
        case .trimmed: throw .cursorTrimmed(in: thread)
        case .diverged:
            throw ProtocolError(
                .cursorDiverged,
                "the cursor is of another history of this thread than the log has: read again from the start",
                threadID: thread)
        case .unknown:
            throw ProtocolError(
                .cursorUnknown, "the cursor is beyond the end of this thread: read again from the start",
                threadID: thread)
        }
    }
}

extension ProtocolError {
    /// What the cursor stands for is not kept any longer.
    package static func cursorTrimmed(in thread: ThreadID) -> ProtocolError {
        ProtocolError(
            .cursorTrimmed, "the event of the cursor, and maybe later ones, were trimmed: read again from the start",
            threadID: thread)
    }
}
