/// A string that is valid as an identifier: 1 to 256 bytes of printable ASCII (0x21 to 0x7E), without the characters `"`,
/// `\`, `*`, `<`, `>` and the backtick.
///
/// So ids of other systems are ids here as they are: `auth0|5f7c8ec7`, `a@example.org`, `+4930123456`, `call_abc|fc_1`,
/// `mcp/server/1`, base64 and URLs. What is left out lets an id stand in JSON and in a line of a log as it is, so that none
/// can break the line, and keeps `*` for patterns. In the path of a URL an id is percent-encoded.
///
/// Every ``Identifier`` wraps one, so a value that exists is valid; there is no other way to make one.
public struct IdentifierText: Hashable, Sendable {
    /// The longest identifier, in bytes.
    public static let maximumByteCount = 256

    /// The identifier's characters, exactly as given.
    public let string: String

    /// Checks a string.
    ///
    /// - Throws: ``IdentifierError`` when the string is empty, longer than ``maximumByteCount`` bytes, or has a byte
    ///   that is not allowed.
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

    /// Whether it is `.` or `..`, which clients and proxies take out of a path, percent-encoded or not.
    var isDotSegment: Bool { string == "." || string == ".." }

    static func allows(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "*"), UInt8(ascii: "<"), UInt8(ascii: ">"),
            UInt8(ascii: "`"):
            false
        default:
            (0x21...0x7E).contains(byte)
        }
    }
}
