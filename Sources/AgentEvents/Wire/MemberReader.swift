/// Takes the members of one object by their names, and keeps account of those nobody took.
///
/// Members mostly come in the order in which they are asked for, so the search starts after the last one found.
/// The file is long because every kind of member is read here, and nowhere else.
package struct MemberReader {
    package let object: JSONObject
    private let base: String
    /// The name of the object in the one at `base`; `nil` for that one itself.
    private let member: String?
    /// Whether this is a draft, which may leave out what the service can tell by itself. Whatever is read, `null` for an
    /// optional member of a type is its absence; of a draft, also for one that may be any JSON.
    let isDraft: Bool
    /// Whether a duration was left out, to be measured.
    private(set) var leavesDuration = false
    /// The halves of characters at the ends of a fragment.
    private(set) var halves: SplitCharacter?
    private var next = 0
    private var takenCount = 0
    /// Members of objects inside of this one that nobody took.
    private var nested: [JSONObject.Element] = []

    package init(_ object: JSONObject, path: String, isDraft: Bool = false) {
        self.init(object, base: path, member: nil, isDraft: isDraft)
    }

    package init(_ value: JSONValue, path: String, isDraft: Bool = false) throws(WireError) {
        guard case .object(let object) = value else { throw Self.wrongType(value, path, expected: "an object") }
        self.init(object, path: path, isDraft: isDraft)
    }

    private init(_ object: JSONObject, base: String, member: String?, isDraft: Bool) {
        self.object = object
        self.base = base
        self.member = member
        self.isDraft = isDraft
    }

    /// The reader of an object inside of this one.
    private func inner(_ value: JSONValue, _ name: String) throws(WireError) -> MemberReader {
        guard case .object(let object) = value else { throw wrongType(value, name, expected: "an object") }
        return inner(object, name)
    }

    private func inner(_ object: JSONObject, _ name: String) -> MemberReader {
        MemberReader(object, base: member == nil ? base : path, member: name, isDraft: isDraft)
    }

    /// Paths are for errors, and are made when there is one.
    var path: String { member.map { base + WireError.component($0) } ?? base }

    // MARK: Any value

    /// The value of a member, or `nil` when it is not there.
    package mutating func take(_ name: String) -> JSONValue? {
        let count = object.count
        for step in 0..<count {
            var index = next &+ step
            if index >= count { index &-= count }
            let member = object[index]
            guard ExactString.areEqual(member.key, name) else { continue }
            next = index &+ 1
            takenCount &+= 1
            return member.value
        }
        return nil
    }

    /// The value of a member, or `nil` when it is not there or is `null`.
    package mutating func takePresent(_ name: String) -> JSONValue? {
        guard let value = take(name), value != .null else { return nil }
        return value
    }

    /// The value of an optional member that may be any JSON. Events have `null` there for a reason; in a draft it is most
    /// often how a language writes nothing.
    mutating func json(_ name: String) -> JSONValue? { isDraft ? takePresent(name) : take(name) }

    package mutating func required(_ name: String) throws(WireError) -> JSONValue {
        guard let value = take(name) else {
            throw missing(name)
        }
        return value
    }

    // MARK: Typed values

    /// A text; half of a surrogate pair in it becomes U+FFFD.
    package mutating func text(_ name: String) throws(WireError) -> String { try text(try required(name), name) }

    /// A text that is one of several fragments: halves of characters at its ends are kept apart.
    mutating func fragment(_ name: String) throws(WireError) -> String {
        let value = try required(name)
        guard isDraft, case .unpairedString(let string) = value else { return try text(value, name) }
        let fragment = string.asFragment
        halves = fragment.halves
        return fragment.text
    }

    /// A text that stands for something else, so that nothing in it can be replaced.
    package mutating func word(_ name: String) throws(WireError) -> String { try word(try required(name), name) }

    package mutating func wordIfPresent(_ name: String) throws(WireError) -> String? {
        guard let value = takePresent(name) else { return nil }
        return try word(value, name)
    }

    package mutating func textIfPresent(_ name: String) throws(WireError) -> String? {
        guard let value = takePresent(name) else { return nil }
        return try text(value, name)
    }

    package mutating func identifier<ID: Identifier>(_ name: String) throws(WireError) -> ID {
        try identifier(try required(name), name)
    }

    /// The member `thread_id`, of nearly every message: without generics, which cost more across modules.
    package mutating func threadID() throws(WireError) -> ThreadID { try identifier("thread_id") }

    package mutating func identifierIfPresent<ID: Identifier>(_ name: String) throws(WireError) -> ID? {
        guard let value = takePresent(name) else { return nil }
        return try identifier(value, name)
    }

    package mutating func name<Kind: Name>(_ name: String) throws(WireError) -> Kind {
        try self.name(try required(name), name)
    }

    package mutating func nameIfPresent<Kind: Name>(_ name: String) throws(WireError) -> Kind? {
        guard let value = takePresent(name) else { return nil }
        return try self.name(value, name)
    }

    mutating func bool(_ name: String) throws(WireError) -> Bool {
        let value = try required(name)
        guard case .bool(let bool) = value else { throw wrongType(value, name, expected: "true or false") }
        return bool
    }

    package mutating func boolIfPresent(_ name: String) throws(WireError) -> Bool? {
        guard let value = takePresent(name) else { return nil }
        guard case .bool(let bool) = value else { throw wrongType(value, name, expected: "true or false") }
        return bool
    }

    package mutating func integer(_ name: String, from minimum: Int64) throws(WireError) -> Int64 {
        try integer(try required(name), name, from: minimum)
    }

    mutating func integerIfPresent(_ name: String, from minimum: Int64) throws(WireError) -> Int64? {
        guard let value = takePresent(name) else { return nil }
        return try integer(value, name, from: minimum)
    }

    /// A duration in milliseconds; 0 for one that a draft leaves out (``leavesDuration``).
    mutating func duration(_ name: String) throws(WireError) -> Int64 {
        guard isDraft else { return try integer(name, from: 0) }
        if let duration = try integerIfPresent(name, from: 0) { return duration }
        leavesDuration = true
        return 0
    }

    package mutating func integerIfPresent(_ name: String, in range: ClosedRange<Int64>) throws(WireError) -> Int64? {
        guard let integer = try integerIfPresent(name, from: range.lowerBound) else { return nil }
        guard integer <= range.upperBound else {
            throw invalid(name, "\(name) must be at most \(range.upperBound), it is \(integer)")
        }
        return integer
    }

    /// A number from 1 to 2^64 - 1.
    package mutating func sequenceIfPresent(_ name: String) throws(WireError) -> UInt64? {
        guard let value = takePresent(name) else { return nil }
        let number = try wholeNumber(value, name)
        guard let sequence: UInt64 = number.wholeValue() else { throw outOfRange(number.literal, name) }
        guard sequence > 0 else { throw invalid(name, "\(name) must be at least 1, it is 0") }
        return sequence
    }

    mutating func fractionIfPresent(_ name: String) throws(WireError) -> Double? {
        guard let value = takePresent(name) else { return nil }
        guard case .number(let number) = value else { throw wrongType(value, name, expected: "a number") }
        guard let fraction = number.double else { throw outOfRange(number.literal, name) }
        guard (0...1).contains(fraction) else {
            throw invalid(name, "\(name) must be 0 to 1, it is \(Self.cut(number.literal))")
        }
        return fraction
    }

    mutating func time(_ name: String) throws(WireError) -> Timestamp { try time(try required(name), name) }

    package mutating func timeIfPresent(_ name: String) throws(WireError) -> Timestamp? {
        guard let value = takePresent(name) else { return nil }
        return try time(value, name)
    }

    mutating func choice<Choice>(_ name: String) throws(WireError) -> Choice
    where Choice: RawRepresentable<String> & CaseIterable {
        try choice(try word(name), name)
    }

    package mutating func choiceIfPresent<Choice>(_ name: String) throws(WireError) -> Choice?
    where Choice: RawRepresentable<String> & CaseIterable {
        guard let value = takePresent(name) else { return nil }
        return try choice(try word(value, name), name)
    }

    private func choice<Choice>(_ text: String, _ name: String) throws(WireError) -> Choice
    where Choice: RawRepresentable<String> & CaseIterable {
        guard let choice = Choice(rawValue: text) else {
            let choices = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw invalid(name, "\(name) must be one of: \(choices)")
        }
        return choice
    }

    /// The identifiers of an array: at least one, and none twice.
    mutating func identifiersIfPresent<ID: Identifier>(
        _ name: String, upTo maximumCount: Int
    ) throws(WireError) -> [ID]? {
        guard let values = try arrayIfPresent(name) else { return nil }
        guard (1...maximumCount).contains(values.count) else {
            throw invalid(name, "\(name) must have 1 to \(maximumCount) ids, it has \(values.count)")
        }
        var identifiers: [ID] = []
        identifiers.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            // The same as of a member whose name is the place.
            let identifier: ID = try MemberReader.identifier(
                value, at: "\(path(name))[\(index)]", called: "\(name)[\(index)]")
            guard !identifiers.contains(identifier) else {
                throw WireError(
                    .invalidValue, path: "\(path(name))[\(index)]",
                    "\(identifier) stands in \(name) twice, each id stands there once")
            }
            identifiers.append(identifier)
        }
        return identifiers
    }

    /// The reader of an object inside of this one; give it to ``close(_:as:)`` when it is read.
    mutating func object(_ name: String) throws(WireError) -> MemberReader {
        try inner(try required(name), name)
    }

    mutating func objectIfPresent(_ name: String) throws(WireError) -> MemberReader? {
        guard let value = takePresent(name) else { return nil }
        return try inner(value, name)
    }

    /// The members of an object inside of this one that may be left out as a whole.
    mutating func objectOrEmpty(_ name: String) throws(WireError) -> MemberReader {
        try objectIfPresent(name) ?? inner(JSONObject(uniqueMembers: []), name)
    }

    /// The objects of an array, each read by the closure.
    mutating func objects<Element>(
        _ name: String, _ read: (inout MemberReader) throws(WireError) -> Element
    ) throws(WireError) -> [Element] {
        let values = try array(name)
        var elements: [Element] = []
        elements.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            var reader = try MemberReader(value, path: "\(path(name))[\(index)]")
            elements.append(try read(&reader))
        }
        return elements
    }

    package mutating func array(_ name: String) throws(WireError) -> [JSONValue] {
        let value = try required(name)
        guard case .array(let values) = value else { throw wrongType(value, name, expected: "an array") }
        return values
    }

    mutating func arrayIfPresent(_ name: String) throws(WireError) -> [JSONValue]? {
        guard let value = takePresent(name) else { return nil }
        guard case .array(let values) = value else { throw wrongType(value, name, expected: "an array") }
        return values
    }

    /// A cursor; `nil` for one that is not there, or `null`.
    package mutating func cursorIfPresent(_ name: String) throws(WireError) -> Cursor? {
        guard let value = takePresent(name) else { return nil }
        guard let cursor = value.stringValue.flatMap({ Cursor($0) }) else {
            throw invalid(name, "\(name) must be a cursor, such as 3-42")
        }
        return cursor
    }

    package mutating func cursors(_ name: String) throws(WireError) -> [Cursor] {
        var cursors: [Cursor] = []
        for value in try array(name) {
            guard let cursor = value.stringValue.flatMap({ Cursor($0) }) else {
                throw invalid(name, "\(name) must be an array of cursors, such as 3-42")
            }
            cursors.append(cursor)
        }
        return cursors
    }

    // MARK: Unrecognized members

    /// Takes over the members that nobody took from an object inside of this one.
    mutating func close(_ reader: MemberReader, as name: String, known: [String]) {
        let rest = reader.untaken(known: known)
        if !rest.isEmpty { nested.append((name, .object(rest))) }
    }

    /// The members whose names are not known.
    func untaken(known: @autoclosure () -> [String]) -> JSONObject {
        guard takenCount < object.count || !nested.isEmpty else { return JSONObject(uniqueMembers: []) }
        let known = known()
        let members = object.filter { member in !known.contains { ExactString.areEqual($0, member.key) } }
        return JSONObject(uniqueMembers: members + nested)
    }

    /// Takes all members whose names are not known, as they are.
    mutating func takeRest(known: [String]) -> JSONObject {
        let rest = untaken(known: known)
        takenCount = object.count
        return rest
    }

    // MARK: Conversions

    private func text(_ value: JSONValue, _ name: String) throws(WireError) -> String {
        switch value {
        case .string(let text):
            return text
        case .unpairedString(let string):
            return string.replacingUnpaired
        case .null, .bool, .number, .array, .object:
            throw wrongType(value, name, expected: "a string")
        }
    }

    private func word(_ value: JSONValue, _ name: String) throws(WireError) -> String {
        try Self.word(value, at: path(name), called: name)
    }

    private static func word(
        _ value: JSONValue, at path: @autoclosure () -> String, called name: @autoclosure () -> String
    ) throws(WireError) -> String {
        switch value {
        case .string(let text):
            return text
        case .unpairedString:
            throw WireError(
                .loneSurrogate, path: path(), "\(name()) has half of a surrogate pair, which is no character")
        case .null, .bool, .number, .array, .object:
            throw wrongType(value, path(), expected: "a string")
        }
    }

    private func identifier<ID: Identifier>(_ value: JSONValue, _ name: String) throws(WireError) -> ID {
        try Self.identifier(value, at: path(name), called: name)
    }

    private static func identifier<ID: Identifier>(
        _ value: JSONValue, at path: @autoclosure () -> String, called name: @autoclosure () -> String
    ) throws(WireError) -> ID {
        let text = try word(value, at: path(), called: name())
        do throws(IdentifierError) {
            return try ID(text)
        } catch {
            throw WireError(.invalidIdentifier, path: path(), error.message)
        }
    }

    private func name<Kind: Name>(_ value: JSONValue, _ name: String) throws(WireError) -> Kind {
        let text = try text(value, name)
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            throw WireError(.invalidIdentifier, path: path(name), error.message)
        }
    }

    private func integer(_ value: JSONValue, _ name: String, from minimum: Int64) throws(WireError) -> Int64 {
        let number = try wholeNumber(value, name)
        guard let integer: Int64 = number.wholeValue() else { throw outOfRange(number.literal, name) }
        guard integer >= minimum else { throw invalid(name, "\(name) must be at least \(minimum), it is \(integer)") }
        return integer
    }

    /// A number without a fraction, however it is written: `12`, `12.0`, `1.2e1`.
    private func wholeNumber(_ value: JSONValue, _ name: String) throws(WireError) -> JSONNumber {
        guard case .number(let number) = value else { throw wrongType(value, name, expected: "a whole number") }
        guard number.isWhole else {
            throw invalid(name, "\(name) must be a whole number, it is \(Self.cut(number.literal))")
        }
        return number
    }

    private func time(_ value: JSONValue, _ name: String) throws(WireError) -> Timestamp {
        guard let time = Timestamp(rfc3339: try word(value, name)) else {
            throw invalid(name, "\(name) must be a time of RFC 3339, such as 2026-11-21T02:10:00.123Z")
        }
        return time
    }

    // MARK: Faults

    func missing(_ name: String) -> WireError {
        WireError(.missingField, path: path(name), "the member \(name) is missing")
    }

    package func invalid(_ name: String, _ problem: String) -> WireError {
        WireError(.invalidValue, path: path(name), problem)
    }

    private func path(_ name: String) -> String { path + WireError.component(name) }

    private func outOfRange(_ literal: String, _ name: String) -> WireError {
        WireError(.numberRange, path: path(name), "\(name) is out of range, it is \(Self.cut(literal))")
    }

    private func wrongType(_ value: JSONValue, _ name: String, expected: String) -> WireError {
        Self.wrongType(value, path(name), expected: expected)
    }

    private static func wrongType(_ value: JSONValue, _ path: String, expected: String) -> WireError {
        let found =
            switch value {
            case .null: "null"
            case .bool: "true or false"
            case .number: "a number"
            case .string, .unpairedString: "a string"
            case .array: "an array"
            case .object: "an object"
            }
        return WireError(.wrongType, path: path, "\(expected) is expected here, there is \(found)")
    }

    /// A literal that may be as long as its sender likes.
    private static func cut(_ literal: String) -> String {
        literal.utf8.count <= 40 ? literal : "\(literal.prefix(40))…"
    }
}
