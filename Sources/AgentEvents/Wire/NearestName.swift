/// The name that a sender most likely means by one that its receiver does not have.
package enum NearestName {
    /// The problem in words: `subscribe has no member "from"; after is probably meant. Its members are: op, req, …`.
    ///
    /// - Parameters:
    ///   - kind: the noun for the name: `member` or `parameter`.
    ///   - owner: the noun for what does not have it: `subscribe`.
    ///   - known: the names that the owner has, in the order in which they are listed.
    package static func problem(_ name: String, kind: String, of owner: String, known: [String]) -> String {
        let cut = name.utf8.count <= 64 ? name : String(name.unicodeScalars.prefix(32)) + "…"
        let nearest = nearest(to: name, among: known).map { "; \($0) is probably meant" } ?? ""
        let rest =
            known.isEmpty ? "It has no \(kind)s" : "Its \(kind)s are: \(known.joined(separator: ", "))"
        return "\(owner) has no \(kind) \"\(cut)\"\(nearest). \(rest)"
    }

    /// The nearest of the known names: the same letters in another spelling (`threadId`), another word for the same
    /// (`from` for `after`), a slip of the keyboard (`agnet`), or the name with something added (`after_cursor`).
    ///
    /// - Returns: `nil` when none is near.
    package static func nearest(to name: String, among known: [String]) -> String? {
        let letters = letters(of: name)
        guard !letters.isEmpty, letters.count <= 64 else { return nil }
        let candidates = known.map { ($0, self.letters(of: $0)) }
        if let same = candidates.first(where: { $0.1 == letters }) { return same.0 }
        let word = String(decoding: letters, as: UTF8.self)
        // The later ones are those of the request itself: of an acknowledgement, an id is the cursor, and not the mark.
        if let other = known.last(where: { synonyms[$0]?.contains(word) ?? false }) { return other }
        let near = candidates.map { ($0.0, distance(letters, $0.1), max(letters.count, $0.1.count) / 4) }
            .filter { $0.1 <= max(1, $0.2) && $0.1 < letters.count }
            .min { $0.1 < $1.1 }
        if let near { return near.0 }
        return candidates.first { contains(letters, $0.1) || contains($0.1, letters) }?.0
    }

    /// Letters and digits in lower case; what joins words does not count.
    private static func letters(of name: String) -> [UInt8] {
        name.utf8.compactMap { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
            case UInt8(ascii: "_"), ASCII.minus, ASCII.point, ASCII.space: nil
            default: byte
            }
        }
    }

    private static func contains(_ text: [UInt8], _ part: [UInt8]) -> Bool {
        part.count >= 4 && (text.starts(with: part) || text.reversed().starts(with: part.reversed()))
    }

    /// The number of letters to insert, remove, replace, or exchange with the next one.
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var previous: [Int] = []
        var current = Array(0...other.count)
        for (index, letter) in one.enumerated() {
            let beforePrevious = previous
            previous = current
            current = [index + 1]
            for (column, otherLetter) in other.enumerated() {
                var least = min(previous[column + 1] + 1, current[column] + 1)
                least = min(least, previous[column] + (letter == otherLetter ? 0 : 1))
                if index > 0, column > 0, letter == other[column - 1], one[index - 1] == otherLetter {
                    least = min(least, beforePrevious[column - 1] + 1)
                }
                current.append(least)
            }
        }
        return current[other.count]
    }

    /// Other words for the names of this protocol, as other systems have them, in the spelling of ``letters(of:)``.
    private static let synonyms: [String: Set<String>] = [
        "after": [
            "cursor", "from", "since", "start", "startfrom", "begin", "offset", "position", "lasteventid", "lastid",
            "resume", "resumefrom", "seq", "sequence", "eventid",
        ],
        "agent": ["to", "assistant", "bot", "name", "model", "recipient"],
        "arguments": ["args", "input", "parameters", "params", "toolinput"],
        "call_id": ["id", "toolcallid", "tooluseid", "toolid"],
        "consumer": ["client", "clientid", "group", "name", "subscriber"],
        "cursor": ["after", "ack", "eventid", "id", "lasteventid", "position", "seq", "sequence", "upto"],
        "data": ["attachment", "attachments", "extra", "meta", "metadata", "payload", "properties"],
        "duration_ms": ["duration", "elapsed", "took"],
        "events": ["batch", "event", "items", "messages", "records"],
        "key": ["dedupekey", "idempotencykey", "idempotency", "requestid", "messageid"],
        "limit": ["count", "first", "max", "maximum", "n", "pagesize", "perpage", "size", "take"],
        "merge": ["coalesce", "compact", "join"],
        "message": ["text", "content"],
        "message_id": ["id", "msgid"],
        "reason": ["why", "cause", "message"],
        "req": ["id", "ref", "requestid"],
        "result": ["output", "response", "value", "content"],
        "run_id": ["run", "task", "taskid"],
        "snapshot": ["state", "withstate"],
        "text": ["body", "content", "delta", "input", "message", "msg", "prompt", "question", "query"],
        "thread_id": ["channel", "conversation", "conversationid", "room", "sessionid", "session", "thread", "topic"],
        "tool": ["function", "name", "toolname"],
        "usage": ["tokens", "tokenusage"],
        "user_id": ["author", "owner", "sub", "uid", "user"],
        "value": ["data", "payload"],
    ]
}
