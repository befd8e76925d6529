/// The reason why bytes, or a JSON value, are not what they should be.
public struct WireError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Dotted and stable.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Value: String, CaseIterable {
            case syntax = "json.syntax"
            case encoding = "json.encoding"
            case depth = "json.depth"
            case duplicateKey = "json.duplicate_key"
            case loneSurrogate = "json.lone_surrogate"
            case numberRange = "json.number_range"
            case missingField = "event.missing_field"
            case wrongType = "event.wrong_type"
            case invalidValue = "event.invalid_value"
            case invalidIdentifier = "event.invalid_id"
            case unknownType = "event.unknown_type"
            case unknownField = "event.unknown_field"
            case fieldNotAllowed = "event.field_not_allowed"
            case tooLarge = "event.too_large"
        }
        private let value: Value

        /// The bytes are not JSON.
        public static let syntax = Code(value: .syntax)
        /// The bytes are not UTF-8.
        public static let encoding = Code(value: .encoding)
        /// Arrays and objects are nested deeper than 64 levels.
        public static let depth = Code(value: .depth)
        /// A key occurs twice in an object.
        public static let duplicateKey = Code(value: .duplicateKey)
        /// A text has half of a surrogate pair.
        public static let loneSurrogate = Code(value: .loneSurrogate)
        /// A number is out of the range of its field.
        public static let numberRange = Code(value: .numberRange)
        /// A required member is missing.
        public static let missingField = Code(value: .missingField)
        /// A member has the wrong JSON type.
        public static let wrongType = Code(value: .wrongType)
        /// A member has the right type and an impossible value.
        public static let invalidValue = Code(value: .invalidValue)
        /// A member is not a valid identifier or name.
        public static let invalidIdentifier = Code(value: .invalidIdentifier)
        /// The type is not in the catalogue.
        public static let unknownType = Code(value: .unknownType)
        /// A member that the type does not have.
        public static let unknownField = Code(value: .unknownField)
        /// A member that is not allowed here: only the runtime sets `id`, `seq` and `time`; an event of the thread has
        /// no `run_id`.
        public static let fieldNotAllowed = Code(value: .fieldNotAllowed)
        /// The value is larger than allowed.
        public static let tooLarge = Code(value: .tooLarge)

        package init?(rawValue: String) {
            guard let value = Value(rawValue: rawValue) else { return nil }
            self.init(value: value)
        }

        /// All codes, in the order of their declaration.
        package static var all: [Self] { Value.allCases.map { Self(value: $0) } }

        private init(value: Value) { self.value = value }

        public var description: String { value.rawValue }
    }

    public var code: Code
    /// The path to the fault, from the root: `$.events[3].data.call_id`.
    public var path: String
    /// The place in the bytes, from 0; `nil` when the fault has no single place.
    public var offset: Int?
    /// One sentence: what is wrong, and what would have been right.
    public var problem: String

    public init(_ code: Code, path: String = "$", offset: Int? = nil, _ problem: String) {
        self.code = code
        self.path = path
        self.offset = offset
        self.problem = problem
    }

    /// The problem and its place, in one line.
    public var message: String {
        "\(problem) (at \(path)\(offset.map { ", byte \($0)" } ?? ""))"
    }

    public var description: String { "\(code): \(message)" }
}

extension WireError.Code {
    public static func ~= (code: Self, error: any Error) -> Bool { (error as? WireError)?.code == code }
}

extension WireError {
    /// The same fault, seen from the array around the value.
    package func inside(index: Int) -> WireError { inside("[\(index)]") }

    /// The same fault, seen from the object around the value.
    package func inside(key: String) -> WireError { inside(Self.component(key)) }

    /// The same fault, for a value that stands at a path of its own.
    package func inside(path: String) -> WireError {
        guard path != "$" else { return self }
        var error = self
        error.path = path + self.path.dropFirst()
        return error
    }

    private func inside(_ component: String) -> WireError {
        var error = self
        error.path = "$" + component + path.dropFirst()
        return error
    }

    /// A key as a step of a path: `.call_id`, or `["any text"]`; a long one is cut.
    package static func component(_ key: String) -> String {
        let bytes = key.utf8
        let isPlain = !bytes.isEmpty && bytes.count <= 64 && bytes.allSatisfy(Self.isPlain)
        if isPlain { return ".\(key)" }
        var writer = JSONWriter()
        writer.string(bytes.count <= 64 ? key : String(key.unicodeScalars.prefix(32)) + "…")
        return "[\(String(decoding: writer.bytes, as: UTF8.self))]"
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default:
            false
        }
    }
}
