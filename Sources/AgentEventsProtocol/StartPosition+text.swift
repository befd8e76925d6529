package import AgentEvents

extension StartPosition {
    /// The position as it stands in messages and parameters: `start`, `now` or a cursor.
    var text: String {
        switch self {
        case .start: "start"
        case .now: "now"
        case .after(let cursor): cursor.description
        }
    }

    /// Reads `start`, `now` or a cursor.
    ///
    /// - Parameter path: where the text stands, for the error; `nil` outside of a message.
    /// - Throws: ``ProtocolError`` `cursor.invalid`, or `op.unsupported` for `snapshot`.
    package init(text: String, path: String?) throws(ProtocolError) {
        switch text {
        case "start":
            self = .start
        case "now":
            self = .now
        case "snapshot":
            throw ProtocolError(
                .operationUnsupported,
                "there are no snapshots among events: ask for \"start\", \"now\" or a cursor",
                path: path
            )
        default:
            guard let cursor = Cursor(text) else {
                throw ProtocolError(
                    .cursorInvalid,
                    "that is no cursor: a cursor is the id of an event, such as 3-42; \"start\" and \"now\" stand for "
                        + "the ends",
                    path: path
                )
            }
            self = .after(cursor)
        }
    }
}
