/// An opaque identifier of one kind. Each kind is a type of its own, so that a thread cannot be passed for a user.
///
/// A value is always valid (see ``IdentifierText``). String literals are checked too: an invalid one traps.
/// Identifiers compare byte by byte and carry no meaning.
public protocol Identifier: Hashable, Sendable, Codable, CustomStringConvertible, ExpressibleByStringLiteral
where StringLiteralType == String {
    /// The kind in words, for error messages: `thread id`.
    static var kind: String { get }

    /// The validated text.
    var text: IdentifierText { get }

    /// Whether an identifier of this kind is a segment of paths, and so must not be `.` or `..`. Default: `false`.
    static var isPathSegment: Bool { get }

    /// Wraps text that is already validated.
    init(text: IdentifierText)
}

extension Identifier {
    /// The identifier as a string, as it stands on the wire.
    public var rawValue: String { text.string }

    public var description: String { text.string }

    public static var isPathSegment: Bool { false }

    /// Checks a string and wraps it.
    ///
    /// - Throws: ``IdentifierError`` when the string breaks the rule of ``IdentifierText``, or is `.` or `..` where the kind
    ///   is a segment of paths.
    public init(_ string: some StringProtocol) throws(IdentifierError) {
        let text = try IdentifierText(string, kind: Self.kind)
        if Self.isPathSegment, text.isDotSegment { throw IdentifierError(kind: Self.kind, problem: .dotSegment) }
        self.init(text: text)
    }

    public init(stringLiteral value: String) {
        do throws(IdentifierError) {
            try self.init(value)
        } catch {
            preconditionFailure("\"\(value)\": \(error.message)")
        }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let string = try container.decode(String.self)
        do throws(IdentifierError) {
            try self.init(string)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.message)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(rawValue)
    }
}

/// A string that is valid as an identifier: 1 to 256 bytes of printable ASCII (0x21 to 0x7E), without the characters `"`,
/// `\`, `*`, `<`, `>` and the backtick.
///
/// So ids of other systems are ids here as they are: `auth0|5f7c8ec7`, `a@example.org`, `+4930123456`, `call_abc|fc_1`,
/// `mcp/server/1`, base64 and URLs. The excluded characters let an id stand unchanged in JSON and in a line of a log, where
/// none can break the line, and reserve `*` for patterns. In the path of a URL an id is percent-encoded.
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

    /// - Returns: `nil` for bytes that are no identifier.
    init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard (1...Self.maximumByteCount).contains(bytes.count), bytes.allSatisfy(Self.allows) else { return nil }
        string = String(decoding: bytes, as: UTF8.self)
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

/// The reason why a string is not valid as an identifier or a name.
public struct IdentifierError: Error, Hashable, Sendable, CustomStringConvertible {
    enum Problem: Hashable, Sendable {
        case empty
        case tooLong(byteCount: Int)
        case character(offset: Int)
        case control(offset: Int)
        case dotSegment
    }

    /// The kind of identifier or name, in words: `thread id`, `tool name`.
    public let kind: String
    let problem: Problem

    /// One sentence: what is wrong, and what would have been right.
    public var message: String {
        switch problem {
        case .empty:
            "the \(kind) must not be empty"
        case .tooLong(let byteCount):
            "the \(kind) has \(byteCount) bytes, and may have at most \(IdentifierText.maximumByteCount)"
        case .character(let offset):
            "the \(kind) may have only printable ASCII characters without the space and \" \\ * < > `; "
                + "byte \(offset) (from 0) is not one of them"
        case .control(let offset):
            "the \(kind) must not have control characters, byte \(offset) (from 0) begins one"
        case .dotSegment:
            "the \(kind) must not be . or .., which cannot stand in a path"
        }
    }

    public var description: String { message }
}
