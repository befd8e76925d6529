#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension ApprovalSchema {
    /// Makes the form of a type: its members are the fields.
    ///
    /// The type is asked to decode itself, and what it asks for is noted. Texts, numbers and truth values become fields of that
    /// type, a `URL` a text of the format `uri`, an enumeration of texts with `CaseIterable` a choice, and an array or a set of
    /// such an enumeration a choice of several. What is optional, or has a default in an `init(from:)` of one's own, is not
    /// required. Bounds and titles a type does not have: a form with them is given as JSON.
    ///
    /// - Throws: ``WireError`` with the path to the member that no field can be made of: an object or an array in it, a type
    ///   that does not decode from any value of its kind.
    public init<Form: Decodable>(of form: Form.Type) throws(WireError) {
        try self.init(try SchemaProbe.form.schema(of: form))
    }
}

/// Makes the JSON Schema of a type: asks it to decode itself, and notes what it asks for.
package struct SchemaProbe: Sendable {
    /// The form of an answer, one flat object with the bounds of its numbers; what ``ApprovalSchema`` takes.
    static let form = SchemaProbe(isFlat: true)
    /// The arguments of a tool: an object, with others and with arrays in it.
    package static let arguments = SchemaProbe(isFlat: false)

    fileprivate let isFlat: Bool

    /// The deepest member; a type that contains itself has no end.
    fileprivate static let maximumDepth = 8

    /// - Throws: ``WireError`` with the path to the member of which nothing can be made.
    package func schema<Value: Decodable>(of type: Value.Type) throws(WireError) -> JSONValue {
        let node = SchemaNode()
        // A type without members asks for nothing.
        node.noteObject()
        do {
            _ = try Value(from: ProbingDecoder(probe: self, node: node, codingPath: []))
        } catch let error as WireError {
            throw error
        } catch {
            throw unfit(node.lastName.map { [$0] } ?? [], "\(type) does not decode from a value like any other")
        }
        return node.json
    }

    fileprivate func unfit(_ path: [String], _ problem: String) -> WireError {
        let (part, whole) = isFlat ? ("field of a form", "form") : ("schema of arguments", "schema")
        return WireError(
            .invalidValue, path: path.reduce("$") { $0 + WireError.component($1) },
            "no \(part) can be made of it: \(problem); give the \(whole) as JSON")
    }

    fileprivate func unfit(_ path: [any CodingKey], _ problem: String) -> WireError {
        unfit(path.map(\.stringValue), problem)
    }
}

/// The things that a value is asked for. Used by one call, in one task.
private final class SchemaNode {
    private enum Kind {
        case scalar(JSONObject)
        case object
        case array(SchemaNode)
    }

    private var kind = Kind.scalar([:])
    private var names: [String] = []
    private var members: [String: SchemaNode] = [:]
    /// Those that are asked whether they are there: who asks does without them.
    private var optional: Set<String> = []
    private var isOptional = false

    /// The member that was asked for last.
    var lastName: String? { names.last }

    func note(_ schema: JSONObject) { kind = .scalar(schema) }
    func noteObject() { kind = .object }
    func noteOptional() { isOptional = true }
    func noteOptional(_ name: String) { optional.insert(name) }

    func noteArray() -> SchemaNode {
        let items = SchemaNode()
        kind = .array(items)
        return items
    }

    func member(_ name: String) -> SchemaNode {
        if let known = members[name] { return known }
        let member = SchemaNode()
        names.append(name)
        members[name] = member
        return member
    }

    var json: JSONValue {
        switch kind {
        case .scalar(let schema):
            return .object(schema)
        case .array(let items):
            return ["type": "array", "items": items.json]
        case .object:
            let properties = names.map { ($0, members[$0]?.json ?? .object([:])) }
            var schema: JSONObject = ["type": "object", "properties": .object(JSONObject(properties))]
            let required = names.filter { !optional.contains($0) && members[$0]?.isOptional == false }
            if !required.isEmpty { schema["required"] = .array(required.map { .string($0) }) }
            return .object(schema)
        }
    }
}

/// The decoder of the whole, and of a member whose type is not one that is known.
private struct ProbingDecoder: Decoder {
    let probe: SchemaProbe
    let node: SchemaNode
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard codingPath.isEmpty || !probe.isFlat else {
            throw probe.unfit(codingPath, "it is an object, and a form is flat")
        }
        guard codingPath.count < SchemaProbe.maximumDepth else {
            throw probe.unfit(codingPath, "it contains itself, or is nested deeper than \(SchemaProbe.maximumDepth)")
        }
        node.noteObject()
        return KeyedDecodingContainer(ProbingMembers<Key>(probe: probe, node: node, codingPath: codingPath))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard !codingPath.isEmpty else { throw probe.unfit(codingPath, notAnObject) }
        guard !probe.isFlat else { throw probe.unfit(codingPath, "it is an array of no choices") }
        return ProbingElements(probe: probe, node: node.noteArray(), codingPath: codingPath)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        guard !codingPath.isEmpty else { throw probe.unfit(codingPath, notAnObject) }
        return ProbingValue(probe: probe, node: node, codingPath: codingPath)
    }

    private var notAnObject: String { probe.isFlat ? "a form is one object" : "arguments are one object" }
}

private struct ProbingMembers<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let probe: SchemaProbe
    let node: SchemaNode
    let codingPath: [any CodingKey]
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool {
        node.noteOptional(key.stringValue)
        return true
    }

    func decodeNil(forKey key: Key) -> Bool {
        node.noteOptional(key.stringValue)
        return false
    }

    private func value(_ key: Key) -> ProbingValue {
        ProbingValue(probe: probe, node: node.member(key.stringValue), codingPath: codingPath + [key])
    }

    func decode(_ type: Bool.Type, forKey key: Key) -> Bool { value(key).decode(type) }
    func decode(_ type: String.Type, forKey key: Key) -> String { value(key).decode(type) }
    func decode(_ type: Double.Type, forKey key: Key) -> Double { value(key).decode(type) }
    func decode(_ type: Float.Type, forKey key: Key) -> Float { value(key).decode(type) }
    func decode(_ type: Int.Type, forKey key: Key) -> Int { value(key).decode(type) }
    func decode(_ type: Int8.Type, forKey key: Key) -> Int8 { value(key).decode(type) }
    func decode(_ type: Int16.Type, forKey key: Key) -> Int16 { value(key).decode(type) }
    func decode(_ type: Int32.Type, forKey key: Key) -> Int32 { value(key).decode(type) }
    func decode(_ type: Int64.Type, forKey key: Key) -> Int64 { value(key).decode(type) }
    func decode(_ type: UInt.Type, forKey key: Key) -> UInt { value(key).decode(type) }
    func decode(_ type: UInt8.Type, forKey key: Key) -> UInt8 { value(key).decode(type) }
    func decode(_ type: UInt16.Type, forKey key: Key) -> UInt16 { value(key).decode(type) }
    func decode(_ type: UInt32.Type, forKey key: Key) -> UInt32 { value(key).decode(type) }
    func decode(_ type: UInt64.Type, forKey key: Key) -> UInt64 { value(key).decode(type) }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value { try value(key).decode(type) }

    private func decoder(_ key: Key) -> ProbingDecoder {
        ProbingDecoder(probe: probe, node: node.member(key.stringValue), codingPath: codingPath + [key])
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try decoder(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try decoder(key).unkeyedContainer()
    }

    func superDecoder() throws -> any Decoder { throw probe.unfit(codingPath, "a part of it has no name") }
    func superDecoder(forKey key: Key) throws -> any Decoder { decoder(key) }
}

/// An array with one element.
private struct ProbingElements: UnkeyedDecodingContainer {
    let probe: SchemaProbe
    let node: SchemaNode
    let codingPath: [any CodingKey]
    private(set) var currentIndex = 0
    var count: Int? { 1 }
    var isAtEnd: Bool { currentIndex > 0 }

    init(probe: SchemaProbe, node: SchemaNode, codingPath: [any CodingKey]) {
        self.probe = probe
        self.node = node
        self.codingPath = codingPath
    }

    private struct Place: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.init(stringValue) }
        init?(intValue: Int) { return nil }
    }

    private mutating func next() -> ProbingValue {
        defer { currentIndex += 1 }
        return ProbingValue(probe: probe, node: node, codingPath: codingPath + [Place("\(currentIndex)")])
    }

    mutating func decodeNil() -> Bool { false }
    mutating func decode(_ type: Bool.Type) -> Bool { next().decode(type) }
    mutating func decode(_ type: String.Type) -> String { next().decode(type) }
    mutating func decode(_ type: Double.Type) -> Double { next().decode(type) }
    mutating func decode(_ type: Float.Type) -> Float { next().decode(type) }
    mutating func decode(_ type: Int.Type) -> Int { next().decode(type) }
    mutating func decode(_ type: Int8.Type) -> Int8 { next().decode(type) }
    mutating func decode(_ type: Int16.Type) -> Int16 { next().decode(type) }
    mutating func decode(_ type: Int32.Type) -> Int32 { next().decode(type) }
    mutating func decode(_ type: Int64.Type) -> Int64 { next().decode(type) }
    mutating func decode(_ type: UInt.Type) -> UInt { next().decode(type) }
    mutating func decode(_ type: UInt8.Type) -> UInt8 { next().decode(type) }
    mutating func decode(_ type: UInt16.Type) -> UInt16 { next().decode(type) }
    mutating func decode(_ type: UInt32.Type) -> UInt32 { next().decode(type) }
    mutating func decode(_ type: UInt64.Type) -> UInt64 { next().decode(type) }
    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try next().decode(type) }

    mutating func superDecoder() throws -> any Decoder {
        let value = next()
        return ProbingDecoder(probe: probe, node: node, codingPath: value.codingPath)
    }

    mutating func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try superDecoder().container(keyedBy: type)
    }

    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
        try superDecoder().unkeyedContainer()
    }
}

/// The value of one member.
private struct ProbingValue: SingleValueDecodingContainer {
    let probe: SchemaProbe
    let node: SchemaNode
    let codingPath: [any CodingKey]

    func decodeNil() -> Bool {
        node.noteOptional()
        return false
    }

    func decode(_ type: Bool.Type) -> Bool {
        node.note(["type": "boolean"])
        return false
    }

    func decode(_ type: String.Type) -> String {
        node.note(["type": "string"])
        return ""
    }

    func decode(_ type: Double.Type) -> Double { number() }
    func decode(_ type: Float.Type) -> Float { number() }
    func decode(_ type: Int.Type) -> Int { integer(type) }
    func decode(_ type: Int8.Type) -> Int8 { integer(type) }
    func decode(_ type: Int16.Type) -> Int16 { integer(type) }
    func decode(_ type: Int32.Type) -> Int32 { integer(type) }
    func decode(_ type: Int64.Type) -> Int64 { integer(type) }
    func decode(_ type: UInt.Type) -> UInt { integer(type) }
    func decode(_ type: UInt8.Type) -> UInt8 { integer(type) }
    func decode(_ type: UInt16.Type) -> UInt16 { integer(type) }
    func decode(_ type: UInt32.Type) -> UInt32 { integer(type) }
    func decode(_ type: UInt64.Type) -> UInt64 { integer(type) }

    private func number<Number: BinaryFloatingPoint>() -> Number {
        node.note(["type": "number"])
        return 0
    }

    /// Data that passes the check can be decoded: the form has the bounds of the type, as far as a number of 64 bits has. A model is
    /// told no bound that it would not come near.
    private func integer<Integer: FixedWidthInteger>(_ type: Integer.Type) -> Integer {
        var schema: JSONObject = ["type": "integer"]
        let isSmall = Integer.bitWidth < 64
        if probe.isFlat || isSmall || Integer.min == 0 { schema["minimum"] = .integer(Integer.min) }
        if probe.isFlat || isSmall { schema["maximum"] = .integer(Integer.max) }
        node.note(schema)
        return 0
    }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if let choices = Self.choices(of: type), let first = choices.first?.value as? Value {
            node.note(["type": "string", "enum": .array(choices.map { .string($0.text) })])
            return first
        }
        if let known = try probe.isFlat ? listOfChoices(type) : anything(type) { return known }
        if type == URL.self, let url = URL(string: "https://example.org") as? Value {
            node.note(["type": "string", "format": "uri"])
            return url
        }
        if type == Date.self || type == Data.self {
            throw probe.unfit(codingPath, "people do not write \(type) as JSON has it")
        }
        do {
            return try Value(from: ProbingDecoder(probe: probe, node: node, codingPath: codingPath))
        } catch let error as WireError {
            throw error
        } catch {
            throw probe.unfit(codingPath, "\(type) does not decode from a value like any other")
        }
    }

    private func listOfChoices<Value: Decodable>(_ type: Value.Type) -> Value? {
        guard let list = type as? any ChoiceList.Type, let choices = Self.choices(of: list.choice), !choices.isEmpty,
            let none = list.init() as? Value
        else { return nil }
        node.note([
            "type": "array", "uniqueItems": true,
            "items": ["type": "string", "enum": .array(choices.map { .string($0.text) })],
        ])
        return none
    }

    /// The types that have a schema of their own outside of forms.
    private func anything<Value: Decodable>(_ type: Value.Type) throws -> Value? {
        if type == JSONValue.self {
            node.note([:])
            return JSONValue.null as? Value
        }
        if type == UUID.self {
            node.note(["type": "string", "format": "uuid"])
            return UUID() as? Value
        }
        guard let map = type as? any TextMap.Type, let none = map.init() as? Value else { return nil }
        let values = SchemaNode()
        _ = try ProbingValue(probe: probe, node: values, codingPath: codingPath).decode(map.value)
        node.note(["type": "object", "additionalProperties": values.json])
        return none
    }

    private static func choices(of type: any Any.Type) -> [(text: String, value: Any)]? {
        guard let type = type as? any CaseIterable.Type else { return nil }
        let cases = cases(of: type)
        let choices = cases.compactMap { value in
            (value as? any RawRepresentable).flatMap { text(of: $0) }.map { ($0, value) }
        }
        return choices.count == cases.count ? choices : nil
    }

    private static func cases<Cases: CaseIterable>(of type: Cases.Type) -> [Any] { type.allCases.map { $0 as Any } }
    private static func text<Value: RawRepresentable>(of value: Value) -> String? { value.rawValue as? String }
}

/// A collection whose elements may be choices.
private protocol ChoiceList {
    static var choice: any Any.Type { get }
    init()
}

extension Array: ChoiceList {
    fileprivate static var choice: any Any.Type { Element.self }
}

extension Set: ChoiceList {
    fileprivate static var choice: any Any.Type { Element.self }
}

/// A dictionary from texts to values that can be decoded.
private protocol TextMap {
    static var value: any Decodable.Type { get }
    init()
}

extension Dictionary: TextMap where Key == String, Value: Decodable {
    fileprivate static var value: any Decodable.Type { Value.self }
}
