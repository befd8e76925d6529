/// A human-readable name of one kind: 1 to 256 bytes of UTF-8 without control characters.
///
/// Agents and tools have types of their own, so that one cannot be passed for the other.
/// String literals are checked too: an invalid one traps.
public protocol Name: Hashable, Sendable, Codable, CustomStringConvertible, ExpressibleByStringLiteral
where StringLiteralType == String {
    /// The kind in words, for error messages: `tool name`.
    static var kind: String { get }

    /// The validated text.
    var text: NameText { get }

    /// Wraps text that is already validated.
    init(text: NameText)
}

extension Name {
    /// The name as a string, as it stands on the wire.
    public var rawValue: String { text.string }

    public var description: String { text.string }

    /// Checks a string and wraps it.
    ///
    /// - Throws: ``IdentifierError`` when the string breaks the rule of ``NameText``.
    public init(_ string: some StringProtocol) throws(IdentifierError) {
        self.init(text: try NameText(string, kind: Self.kind))
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

// The kinds of name, one type each.

/// The name of an agent, as a frontend may show it.
public struct AgentName: Name {
    public static var kind: String { "agent name" }
    public let text: NameText
    public init(text: NameText) { self.text = text }
}

/// The name of a tool, as a frontend may show it.
public struct ToolName: Name {
    public static var kind: String { "tool name" }
    public let text: NameText
    public init(text: NameText) { self.text = text }
}
