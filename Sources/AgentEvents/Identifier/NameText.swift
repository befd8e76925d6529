/// A string that is valid as a name: 1 to 256 bytes of UTF-8 without control characters.
public struct NameText: Hashable, Sendable {
    /// The longest name, in bytes: as long as an identifier.
    public static let maximumByteCount = IdentifierText.maximumByteCount

    /// The name's characters, exactly as given.
    public let string: String

    /// Checks a string.
    ///
    /// - Throws: ``IdentifierError`` when the string is empty, longer than ``maximumByteCount`` bytes, or has a control
    ///   character (U+0000 to U+001F, U+007F to U+009F).
    public init(_ string: some StringProtocol, kind: String = "name") throws(IdentifierError) {
        let byteCount = string.utf8.count
        guard byteCount > 0 else { throw IdentifierError(kind: kind, problem: .empty) }
        guard byteCount <= Self.maximumByteCount else {
            throw IdentifierError(kind: kind, problem: .tooLong(byteCount: byteCount))
        }
        var offset = 0
        for scalar in string.unicodeScalars {
            guard scalar.value >= 0x20, !(0x7F...0x9F).contains(scalar.value) else {
                throw IdentifierError(kind: kind, problem: .control(offset: offset))
            }
            offset += UTF8.width(scalar)
        }
        self.string = String(string)
    }
}
