/// A field of the form that a request for approval shows; see ``ApprovalSchema``.
public struct ApprovalField: Hashable, Sendable {
    /// The values that a field takes.
    @nonexhaustive
    public enum Kind: Hashable, Sendable {
        /// A text. Its length is counted in Unicode scalars, as JSON Schema counts it.
        case text(length: ClosedRange<Int>, format: Format?)
        /// A number; `isWhole` for one without a fraction, however it is written.
        case number(minimum: Double?, maximum: Double?, isWhole: Bool)
        case flag
        /// One of several texts.
        case choice([Choice])
        /// Some of several texts, none of them twice.
        case choices([Choice], count: ClosedRange<Int>)
    }

    /// The form of a text, by its name in JSON Schema.
    @nonexhaustive
    public enum Format: String, CaseIterable, Sendable {
        case email
        case uri
        /// A day: `2026-11-27`.
        case date
        /// A time of RFC 3339.
        case dateTime = "date-time"
    }

    /// A value to choose, and what people are shown for it.
    public struct Choice: Hashable, Sendable {
        public let value: String
        public let title: String

        public init(_ value: String, title: String? = nil) {
            self.value = value
            self.title = title ?? value
        }
    }

    /// The name of the member in the data of the answer.
    public let name: String
    public let title: String?
    public let description: String?
    public let kind: Kind
    public let isRequired: Bool
    /// The value that a form begins with. An answer that leaves the field out does not have it.
    public let initialValue: JSONValue?

    /// The most values that a field has to choose from.
    public static let maximumChoiceCount = 1000

    init(_ name: String, isRequired: Bool, from schema: inout MemberReader) throws(WireError) {
        self.name = name
        self.isRequired = isRequired
        title = try schema.textIfPresent("title")
        description = try schema.textIfPresent("description")
        kind = try Kind(from: &schema)
        initialValue = schema.take("default")
        if let initialValue {
            do throws(WireError) {
                try kind.check(initialValue, at: "$.default")
            } catch {
                throw error.inside(path: schema.path)
            }
        }
    }

    /// - Parameter value: `nil` when the field was left out.
    /// - Throws: ``WireError`` with the path from the root of the data.
    func check(_ value: JSONValue?) throws(WireError) {
        let path = "$" + WireError.component(name)
        guard let value else {
            guard isRequired else { return }
            throw WireError(.missingField, path: path, "the field \(name) is required")
        }
        if let problem = kind.problem(with: value) {
            throw WireError(problem.isOfType ? .wrongType : .invalidValue, path: path, "\(name): \(problem.text)")
        }
    }
}

// MARK: Reading a schema

extension ApprovalField.Kind {
    private static let general = ["type", "title", "description", "default"]

    fileprivate init(from schema: inout MemberReader) throws(WireError) {
        let type = try schema.word("type")
        switch type {
        case "string" where schema.object["enum"] != nil || schema.object["oneOf"] != nil:
            try schema.checkKeywords(Self.general + ["enum", "enumNames", "oneOf"])
            self = .choice(try schema.choices(titled: "oneOf"))
        case "string":
            try schema.checkKeywords(Self.general + ["minLength", "maxLength", "format"])
            let length = try schema.range("minLength", "maxLength")
            self = .text(length: length, format: try schema.choiceIfPresent("format"))
        case "number", "integer":
            try schema.checkKeywords(Self.general + ["minimum", "maximum"])
            let (minimum, maximum) = (try schema.bound("minimum"), try schema.bound("maximum"))
            if let minimum, let maximum, minimum > maximum {
                throw schema.invalid("maximum", "maximum must be at least minimum: no number is both")
            }
            self = .number(minimum: minimum, maximum: maximum, isWhole: type == "integer")
        case "boolean":
            try schema.checkKeywords(Self.general)
            self = .flag
        case "array":
            try schema.checkKeywords(Self.general + ["items", "minItems", "maxItems", "uniqueItems"])
            _ = try schema.boolIfPresent("uniqueItems")
            var items = try schema.object("items")
            try items.checkKeywords(["type", "enum", "anyOf"])
            guard try items.wordIfPresent("type") ?? "string" == "string" else {
                throw items.invalid("type", "a field of several values has texts to choose from: type must be string")
            }
            self = .choices(try items.choices(titled: "anyOf"), count: try schema.range("minItems", "maxItems"))
        default:
            throw schema.invalid(
                "type", "a field is a string, number, integer, boolean, or an array of choices, it is \(type)")
        }
    }
}

extension MemberReader {
    fileprivate mutating func range(_ minimumName: String, _ maximumName: String) throws(WireError) -> ClosedRange<Int>
    {
        let minimum = Int(clamping: try integerIfPresent(minimumName, from: 0) ?? 0)
        let maximum = Int(clamping: try integerIfPresent(maximumName, from: 0) ?? .max)
        guard minimum <= maximum else {
            throw invalid(maximumName, "\(maximumName) must be at least \(minimumName), \(minimum), it is \(maximum)")
        }
        return minimum...maximum
    }

    fileprivate mutating func bound(_ name: String) throws(WireError) -> Double? {
        guard let value = takePresent(name) else { return nil }
        guard let bound = value.numberValue?.double else { throw invalid(name, "\(name) must be a number") }
        return bound
    }

    /// The values to choose from: `enum`, with `enumNames` or without, or a list of `const` with `title`.
    fileprivate mutating func choices(titled titledName: String) throws(WireError) -> [ApprovalField.Choice] {
        var choices: [ApprovalField.Choice] = []
        if let values = try arrayIfPresent("enum") {
            let titles = try arrayIfPresent("enumNames")
            guard titles == nil || titles?.count == values.count else {
                throw invalid("enumNames", "enumNames has a name for each value of enum")
            }
            for (index, value) in values.enumerated() {
                guard let text = value.stringValue else { throw invalid("enum", "the values of enum must be texts") }
                choices.append(ApprovalField.Choice(text, title: titles?[index].stringValue))
            }
        } else {
            choices = try objects(titledName) { (choice) throws(WireError) in
                try choice.checkKeywords(["const", "title"])
                return ApprovalField.Choice(try choice.word("const"), title: try choice.textIfPresent("title"))
            }
        }
        let name = object["enum"] == nil ? titledName : "enum"
        guard (1...ApprovalField.maximumChoiceCount).contains(choices.count) else {
            throw invalid(name, "\(name) has 1 to \(ApprovalField.maximumChoiceCount) values, it has \(choices.count)")
        }
        guard Set(choices.map(\.value)).count == choices.count else {
            throw invalid(name, "each value stands in \(name) once")
        }
        return choices
    }
}

// MARK: Checking an answer

extension ApprovalField.Kind {
    fileprivate func check(_ value: JSONValue, at path: String) throws(WireError) {
        if let problem = problem(with: value) {
            throw WireError(problem.isOfType ? .wrongType : .invalidValue, path: path, problem.text)
        }
    }

    /// - Returns: what would be right; `nil` when the value is.
    fileprivate func problem(with value: JSONValue) -> (text: String, isOfType: Bool)? {
        switch self {
        case .text(let length, let format):
            guard let text = value.stringValue else { return ("a text is expected here", true) }
            let count = text.unicodeScalars.count
            guard length.contains(count) else {
                let bounds =
                    length.upperBound == .max
                    ? "at least \(length.lowerBound)" : "\(length.lowerBound) to \(length.upperBound)"
                return ("the text must have \(bounds) characters, it has \(count)", false)
            }
            guard format?.isKept(by: text) ?? true else {
                return (format.map { "the text must be \($0.words)" } ?? "", false)
            }
            return nil
        case .number(let minimum, let maximum, let isWhole):
            guard let number = value.numberValue, !isWhole || number.isWhole, let double = number.double else {
                return (isWhole ? "a whole number is expected here" : "a number is expected here", true)
            }
            if let minimum, double < minimum { return ("the number must be at least \(Self.text(of: minimum))", false) }
            if let maximum, double > maximum { return ("the number must be at most \(Self.text(of: maximum))", false) }
            return nil
        case .flag:
            return value.boolValue == nil ? ("true or false is expected here", true) : nil
        case .choice(let choices):
            guard let text = value.stringValue else { return ("a text is expected here", true) }
            return choices.contains { $0.value == text }
                ? nil : ("the value must be one of: \(Self.list(choices))", false)
        case .choices(let choices, let count):
            guard let values = value.arrayValue else { return ("an array of texts is expected here", true) }
            let texts = values.compactMap(\.stringValue)
            let isRight =
                texts.count == values.count && texts.allSatisfy { text in choices.contains { $0.value == text } }
            guard isRight, Set(texts).count == texts.count else {
                return ("the values must be some of these, each once: \(Self.list(choices))", false)
            }
            guard count.contains(texts.count) else {
                let bounds =
                    count.upperBound == .max
                    ? "at least \(count.lowerBound)" : "\(count.lowerBound) to \(count.upperBound)"
                return ("there must be \(bounds) values, there are \(texts.count)", false)
            }
            return nil
        }
    }

    /// A bound as people write it: a whole one without a fraction.
    private static func text(of bound: Double) -> String { Int64(exactly: bound).map { "\($0)" } ?? "\(bound)" }

    /// The first of them: an error is a sentence.
    private static func list(_ choices: [ApprovalField.Choice]) -> String {
        choices.prefix(20).map(\.value).joined(separator: ", ") + (choices.count > 20 ? ", …" : "")
    }
}

extension ApprovalField.Format {
    var words: String {
        switch self {
        case .email: "an address of electronic mail"
        case .uri: "a URI with a scheme, such as https://example.org"
        case .date: "a day, such as 2026-11-27"
        case .dateTime: "a time of RFC 3339, such as 2026-11-27T02:10:00Z"
        }
    }

    /// Finds what a person may have mistyped, and no more: nobody looks for the mailbox or the page.
    func isKept(by text: String) -> Bool {
        let isPlain = text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
        switch self {
        case .email:
            let parts = text.split(separator: "@", omittingEmptySubsequences: false)
            return isPlain && parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
        case .uri:
            guard isPlain, let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return false }
            let scheme = text.utf8[..<colon]
            let isScheme = scheme.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                default:
                    false
                }
            }
            return isScheme && scheme.first.map { $0 > UInt8(ascii: "9") } ?? false
                && text.utf8.index(after: colon) < text.utf8.endIndex
        case .date:
            return text.utf8.count == 10 && Timestamp(rfc3339: text + "T00:00:00Z") != nil
        case .dateTime:
            return Timestamp(rfc3339: text) != nil
        }
    }
}
