package import AgentEvents
package import AgentEventsProtocol

/// The place of a page in a list, as clients carry it: the time and the id of the last thread before it, which the client knows.
/// Clients do not look into it.
package enum ThreadListPlace {
    package static func text(of place: CardPlace) -> String { "\(place.activity.milliseconds)-\(place.thread)" }

    /// - Throws: ``ProtocolError`` `cursor.invalid`.
    package static func place(in text: String) throws(ProtocolError) -> CardPlace {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let milliseconds = Int64(parts[0]), String(milliseconds) == parts[0],
            let thread = try? ThreadID(parts[1])
        else {
            throw ProtocolError(.cursorInvalid, "before is next of the page before, as it came, and not \(text)")
        }
        return CardPlace(activity: Timestamp(milliseconds: milliseconds), thread: thread)
    }
}
