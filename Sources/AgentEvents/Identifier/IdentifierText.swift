/// A string that is valid as an identifier: 1 to 128 bytes, each out of `[A-Za-z0-9._:~-]`.
///
/// Every ``Identifier`` wraps one, so a value that exists is valid; there is no other way to make one.
public struct IdentifierText: Hashable, Sendable {
    /// The longest identifier, in bytes.
    public static let maximumByteCount = 128

    /// The identifier's characters, exactly as given.
    public let string: String

    /// Checks a string.
    ///
    /// - Throws: ``IdentifierError`` when the string is empty, longer than ``maximumByteCount`` bytes, or has a byte
    ///   outside of `[A-Za-z0-9._:~-]`.
    public init(_ string: some StringProtocol, kind: String = "identifier") throws(IdentifierError) {
        let bytes = string.utf8
        guard !bytes.isEmpty else { throw IdentifierError(kind: kind, problem: .empty) }
        guard bytes.count <= Self.maximumByteCount else {
            throw IdentifierError(kind: kind, problem: .tooLong(byteCount: bytes.count))
        }
        var offset = 0
        for byte in bytes {
            guard Self.allows(byte) else { throw IdentifierError(kind: kind, problem: .character(offset: offset)) }
            offset += 1
        }
        self.string = String(string)
    }

    /// For text that was made by this package out of allowed characters.
    package init(unchecked string: String) {
        assert((try? IdentifierText(string)) != nil, "\(string) is not an identifier")
        self.string = string
    }

    static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"),
            UInt8(ascii: "~"), UInt8(ascii: "-"):
            true
        default:
            false
        }
    }
}
