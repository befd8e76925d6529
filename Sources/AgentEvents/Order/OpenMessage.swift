/// The state of a message that is open.
struct OpenMessage: Hashable, Sendable {
    /// The fragments so far.
    private(set) var text = ""
    /// The first half of a character, with which the last fragment ended; the next one may begin with the other half.
    private(set) var half: UInt16?
    /// The length of the text in JSON, in bytes.
    private var encodedByteCount = 0

    /// The state of a message before a fragment came.
    struct Mark: Hashable, Sendable {
        fileprivate var byteCount: Int
        fileprivate var half: UInt16?
        fileprivate var encodedByteCount: Int
    }

    /// The text as the message has it when it is closed now: nothing follows that would complete a character.
    var closedText: String { half == nil ? text : text + SplitCharacter.replacement }

    /// Whether the message may take a fragment.
    ///
    /// - Parameters:
    ///   - byteCount: how long the fragment is, in bytes as it stands in JSON.
    ///   - half: the first half of a character, with which the fragment ends. It counts as what stands for it if
    ///     nothing follows, so that the event that completes the message can carry the whole of it.
    ///   - maximumByteCount: the longest text, in bytes as it stands in JSON.
    func fits(_ byteCount: Int, half: UInt16?, maximumByteCount: Int) -> Bool {
        let reserve = half == nil ? 0 : SplitCharacter.replacement.utf8.count
        return byteCount + reserve <= maximumByteCount - encodedByteCount
    }

    /// Adds a fragment. A half that waited is in it already, joined or replaced.
    ///
    /// - Parameters:
    ///   - byteCount: how long the fragment is, in bytes as it stands in JSON.
    ///   - half: the first half of a character, with which the fragment ended.
    /// - Returns: what the message was before.
    mutating func append(_ fragment: String, byteCount: Int, half: UInt16?) -> Mark {
        let mark = Mark(byteCount: text.utf8.count, half: self.half, encodedByteCount: encodedByteCount)
        text.append(fragment)
        encodedByteCount += byteCount
        // An empty fragment continues nothing, and breaks nothing off.
        if half != nil || !fragment.isEmpty { self.half = half }
        return mark
    }

    /// Cuts off what came after a mark.
    mutating func truncate(to mark: Mark) {
        text.removeSubrange(text.utf8.index(text.startIndex, offsetBy: mark.byteCount)...)
        half = mark.half
        encodedByteCount = mark.encodedByteCount
    }
}
