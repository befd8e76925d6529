package import AgentEvents
package import AgentEventsProtocol

/// The place in a thread at which a client begins, and the `pid` by which it is told that it has missed nothing.
///
/// A client keeps the `pid` of its first connection, and as its offset the last string argument of any event, here a cursor; it
/// sends both when it connects again. A `pid` carries the place at which its client began: so one that has got no event yet has
/// a place as well.
package struct RecoveryPlace: Hashable, Sendable {
    package var start: StartPosition
    /// The `pid` that stays when the log knows the place; `nil` for a new client.
    package var pid: String?
    /// Whether an offset was sent that is none of ours: what the client has got is not known.
    package var isLost = false

    /// - Parameter auth: of the packet that connects; what is in it and not ours is passed over.
    /// - Throws: ``ProtocolError`` `cursor.invalid` for an `after` that is none.
    package init(_ auth: JSONObject) throws(ProtocolError) {
        let offset = auth["offset"]?.stringValue.flatMap { Self.place(of: $0) }
        if let pid = auth["pid"]?.stringValue, let first = Self.place(ofPid: pid) {
            self.pid = pid
            // An offset that is none of ours has taken the place of the one that the client has kept.
            isLost = auth["offset"] != nil && offset == nil
            start = isLost ? .start : offset ?? first
        } else if auth["pid"] != nil, let offset {
            // An application's own `pid` took the place of ours; the offset is the client's.
            start = offset
        } else if let after = auth["after"]?.stringValue {
            start = try StartPosition(text: after, path: "$.after")
        } else {
            start = .now
        }
    }

    /// A `pid` for a client that begins at a place.
    package static func pid(_ random: String, startingAfter cursor: Cursor?) -> String {
        "\(random).\(cursor.map { "\($0)" } ?? "start")"
    }

    private static func place(ofPid pid: String) -> StartPosition? {
        guard let dot = pid.lastIndex(of: ".") else { return nil }
        return place(of: String(pid[pid.index(after: dot)...]))
    }

    private static func place(of text: String) -> StartPosition? {
        text == "start" ? .start : Cursor(text).map { .after($0) }
    }
}
