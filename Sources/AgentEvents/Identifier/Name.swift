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
