/// The state of a message that is open.
struct OpenMessage: Hashable, Sendable {
    /// The fragments so far.
    private(set) var text = ""
    /// How long the text is in JSON, in bytes.
    private var encodedByteCount = 0

    /// Adds a fragment.
    ///
    /// - Parameter maximumByteCount: the longest text, in bytes as it stands in JSON, so that the event that completes
    ///   the message can carry the whole of it.
    /// - Returns: `false`, and nothing changed, when the text would be longer.
    mutating func append(_ fragment: String, maximumByteCount: Int) -> Bool {
        let byteCount = JSONWriter.escapedByteCount(of: fragment)
        guard byteCount <= maximumByteCount - encodedByteCount else { return false }
        text.append(fragment)
        encodedByteCount += byteCount
        return true
    }
}
