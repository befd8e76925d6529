/// The state of a message that is open.
struct OpenMessage: Hashable, Sendable {
    /// The fragments so far.
    private(set) var text = ""
    /// The first half of a character, with which the last fragment ended; the next one may begin with the other half.
    private(set) var half: UInt16?
    /// How long the text is in JSON, in bytes.
    private var encodedByteCount = 0

    /// The text as the message has it when it is closed now: nothing follows that would complete a character.
    var closedText: String { half == nil ? text : text + SplitCharacter.replacement }

    /// Adds a fragment. A half that waited is in it already, joined or replaced.
    ///
    /// - Parameters:
    ///   - half: the first half of a character, with which the fragment ended.
    ///   - maximumByteCount: the longest text, in bytes as it stands in JSON, so that the event that completes
    ///     the message can carry the whole of it. A half that waits counts as what stands for it if nothing follows.
    /// - Returns: `false`, and nothing changed, when the text would be longer.
    mutating func append(_ fragment: String, half: UInt16?, maximumByteCount: Int) -> Bool {
        let byteCount = JSONWriter.escapedByteCount(of: fragment)
        let reserve = half == nil ? 0 : SplitCharacter.replacement.utf8.count
        guard byteCount + reserve <= maximumByteCount - encodedByteCount else { return false }
        text.append(fragment)
        encodedByteCount += byteCount
        // An empty fragment continues nothing, and breaks nothing off.
        if half != nil || !fragment.isEmpty { self.half = half }
        return true
    }
}
