extension ThreadState {
    /// What a run thinks, or thought last.
    public struct Thought: Hashable, Sendable {
        /// What the fragments of it share.
        public let thought: ThoughtID
        /// The text so far, or the end of it.
        public private(set) var text = ""
        /// Whether the beginning of the text was dropped because of ``Limits/thoughtByteCount``.
        public private(set) var isCut = false

        init(thought: ThoughtID) { self.thought = thought }

        /// Appends a fragment and keeps the longest end that has room. What is kept is the same however a text is divided.
        mutating func append(_ fragment: String, maximumByteCount: Int) {
            text += fragment
            let bytes = text.utf8
            guard bytes.count > maximumByteCount else { return }
            isCut = true
            let start = bytes.index(bytes.endIndex, offsetBy: -maximumByteCount)
            // The bytes of a character behind its first one begin with the bits 10.
            let end = bytes[start...].drop { $0 & 0xC0 == 0x80 }
            text = String(Substring(end))
        }
    }
}

extension ThreadState.Thought {
    var json: JSONValue {
        var members = StateMembers()
        members.add("thought_id", thought)
        members.add("text", text)
        members.add("cut", isCut ? .bool(true) : nil)
        return members.json
    }

    init(from reader: inout MemberReader) throws(WireError) {
        thought = try reader.identifier("thought_id")
        text = try reader.text("text")
        isCut = try reader.boolIfPresent("cut") ?? false
    }
}
