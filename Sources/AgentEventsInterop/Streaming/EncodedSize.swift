import AgentEvents

/// The size of what is kept for a client that comes later, as JSON has it: at most, without encoding it.
enum EncodedSize {
    /// The names of the members of a message, and what stands between them; two ids are in each.
    static func message(id: String) -> Int { 200 + 2 * text(id) }

    /// A text within quotation marks.
    static func text(_ text: String) -> Int {
        var count = 2
        for byte in text.utf8 {
            switch byte {
            case 0x00..<0x20, 0x7F: count += 6
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): count += 2
            default: count += 1
            }
        }
        return count
    }
}
