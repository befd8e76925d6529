/// Any JSON value, kept exactly: 64-bit and larger integers, fractions as they were written, any Unicode, and escapes of
/// lone surrogates.
@nonexhaustive
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    /// A string with an unpaired surrogate escape, which no Swift `String` can hold.
    case unpairedString(UnpairedString)
    case array([JSONValue])
    case object(JSONObject)
}

extension JSONValue: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .number(JSONNumber(value)) }
    /// Traps on a literal that is not finite.
    public init(floatLiteral value: Double) {
        guard let number = JSONNumber(value) else { preconditionFailure("\(value) is no JSON number") }
        self = .number(number)
    }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// Traps when a key occurs twice.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements))
    }
}

extension JSONValue {
    public static func integer(_ value: some BinaryInteger) -> JSONValue { .number(JSONNumber(value)) }

    /// The text, when this is a string without unpaired surrogates.
    public var stringValue: String? { if case .string(let string) = self { string } else { nil } }
    public var boolValue: Bool? { if case .bool(let bool) = self { bool } else { nil } }
    public var numberValue: JSONNumber? { if case .number(let number) = self { number } else { nil } }
    /// The number, when this is one that an `Int64` holds exactly.
    public var integerValue: Int64? { numberValue?.integer }
    public var arrayValue: [JSONValue]? { if case .array(let array) = self { array } else { nil } }
    public var objectValue: JSONObject? { if case .object(let object) = self { object } else { nil } }

    /// The member of an object; `nil` when there is none, or this is not an object.
    public subscript(key: String) -> JSONValue? { objectValue?[key] }
}

extension JSONValue {
    /// The deepest nesting of arrays and objects that is read, in levels: 64.
    package static var maximumDepth: Int { JSONParser.depthLimit }

    /// Whether arrays and objects are nested deeper than this number of levels.
    func isNested(deeperThan depth: Int) -> Bool {
        switch self {
        case .array(let elements): depth == 0 || elements.contains { $0.isNested(deeperThan: depth - 1) }
        case .object(let object): depth == 0 || object.contains { $0.value.isNested(deeperThan: depth - 1) }
        case .null, .bool, .number, .string, .unpairedString: false
        }
    }
}

/// Strings are equal when their UTF-8 bytes are, even where Unicode calls others equivalent.
extension JSONValue: Hashable {
    public static func == (one: JSONValue, other: JSONValue) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.bool(let one), .bool(let other)): one == other
        case (.number(let one), .number(let other)): one == other
        case (.string(let one), .string(let other)): ExactString.areEqual(one, other)
        case (.unpairedString(let one), .unpairedString(let other)): one == other
        case (.array(let one), .array(let other)): one == other
        case (.object(let one), .object(let other)): one == other
        case (.null, _), (.bool, _), (.number, _), (.string, _), (.unpairedString, _), (.array, _), (.object, _): false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .null:
            hasher.combine(0 as UInt8)
        case .bool(let bool):
            hasher.combine(1 as UInt8)
            hasher.combine(bool)
        case .number(let number):
            hasher.combine(2 as UInt8)
            hasher.combine(number)
        case .string(let string):
            hasher.combine(3 as UInt8)
            ExactString.hash(string, into: &hasher)
        case .unpairedString(let string):
            hasher.combine(4 as UInt8)
            hasher.combine(string)
        case .array(let array):
            hasher.combine(5 as UInt8)
            hasher.combine(array)
        case .object(let object):
            hasher.combine(6 as UInt8)
            hasher.combine(object)
        }
    }
}

/// A JSON string with at least one unpaired surrogate, such as `"\ud83d"`: legal JSON (RFC 8259, section 8.2), but not
/// Unicode text. It is kept, so that it survives a round trip.
public struct UnpairedString: Hashable, Sendable {
    /// The UTF-16 code units of the string.
    public let codeUnits: [UInt16]

    /// For code units that hold at least one unpaired surrogate.
    package init(codeUnits: [UInt16]) { self.codeUnits = codeUnits }

    /// The text with U+FFFD in the place of each unpaired surrogate.
    public var replacingUnpaired: String { String(decoding: codeUnits, as: UTF16.self) }
}
