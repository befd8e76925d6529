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
