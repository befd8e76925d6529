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
        let probe = SchemaProbe()
        do {
            _ = try Form(from: ProbingDecoder(probe: probe, codingPath: []))
        } catch let error as WireError {
            throw error
        } catch {
            throw SchemaProbe.unfit(
                probe.last.map { [$0] } ?? [], "\(form) does not decode from a value like any other")
        }
        try self.init(probe.json)
    }
}

/// Notes what a type asks for while it decodes itself. Used by one call, in one task.
private final class SchemaProbe {
    private var names: [String] = []
    private var fields: [String: JSONObject] = [:]
    private var optional: Set<String> = []

    /// The member that was asked for last.
    var last: String? { names.last }

    func note(_ name: String, _ field: JSONObject) {
        if fields.updateValue(field, forKey: name) == nil { names.append(name) }
    }

    /// Whoever asks if a member is there does without it.
    func noteOptional(_ name: String) { optional.insert(name) }

    var json: JSONValue {
        let properties = names.map { ($0, JSONValue.object(fields[$0] ?? [:])) }
        var schema: JSONObject = ["type": "object", "properties": .object(JSONObject(properties))]
        let required = names.filter { !optional.contains($0) }
        if !required.isEmpty { schema["required"] = .array(required.map { .string($0) }) }
        return .object(schema)
    }

    static func unfit(_ path: [String], _ problem: String) -> WireError {
        WireError(
            .invalidValue, path: path.reduce("$") { $0 + WireError.component($1) },
            "no field of a form can be made of it: \(problem); give the form as JSON")
    }

    static func unfit(_ path: [any CodingKey], _ problem: String) -> WireError {
        unfit(path.map(\.stringValue), problem)
    }
}

/// The decoder of the form, and of a member whose type is none that is known.
private struct ProbingDecoder: Decoder {
    let probe: SchemaProbe
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard codingPath.isEmpty else { throw SchemaProbe.unfit(codingPath, "it is an object, and a form is flat") }
        return KeyedDecodingContainer(ProbingFields<Key>(probe: probe))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw SchemaProbe.unfit(
            codingPath, codingPath.isEmpty ? "a form is one object" : "it is an array of no choices")
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        guard let name = codingPath.last?.stringValue else {
            throw SchemaProbe.unfit(codingPath, "a form is one object")
        }
        return ProbingValue(probe: probe, name: name, codingPath: codingPath)
    }
}

private struct ProbingFields<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let probe: SchemaProbe
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool {
        probe.noteOptional(key.stringValue)
        return true
    }

    func decodeNil(forKey key: Key) -> Bool {
        probe.noteOptional(key.stringValue)
        return false
    }

    private func value(_ key: Key) -> ProbingValue {
        ProbingValue(probe: probe, name: key.stringValue, codingPath: [key])
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

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        throw SchemaProbe.unfit([key], "it is an object, and a form is flat")
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        throw SchemaProbe.unfit([key], "it is an array of no choices")
    }

    func superDecoder() throws -> any Decoder { throw SchemaProbe.unfit(codingPath, "a form has no parts") }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw SchemaProbe.unfit([key], "a form has no parts") }
}

/// The value of one member.
private struct ProbingValue: SingleValueDecodingContainer {
    let probe: SchemaProbe
    let name: String
    let codingPath: [any CodingKey]

    func decodeNil() -> Bool {
        probe.noteOptional(name)
        return false
    }

    func decode(_ type: Bool.Type) -> Bool {
        probe.note(name, ["type": "boolean"])
        return false
    }

    func decode(_ type: String.Type) -> String {
        probe.note(name, ["type": "string"])
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
        probe.note(name, ["type": "number"])
        return 0
    }

    /// Data that passes the check can be decoded: the form has the bounds of the type, as far as a number of 64 bits has.
    private func integer<Integer: FixedWidthInteger>(_ type: Integer.Type) -> Integer {
        probe.note(name, ["type": "integer", "minimum": .integer(Integer.min), "maximum": .integer(Integer.max)])
        return 0
    }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if let choices = Self.choices(of: type), let first = choices.first?.value as? Value {
            probe.note(name, ["type": "string", "enum": .array(choices.map { .string($0.text) })])
            return first
        }
        if let list = type as? any ChoiceList.Type, let choices = Self.choices(of: list.choice), !choices.isEmpty,
            let none = list.init() as? Value
        {
            probe.note(
                name,
                [
                    "type": "array", "uniqueItems": true,
                    "items": ["type": "string", "enum": .array(choices.map { .string($0.text) })],
                ])
            return none
        }
        if type == URL.self, let url = URL(string: "https://example.org") as? Value {
            probe.note(name, ["type": "string", "format": "uri"])
            return url
        }
        if type == Date.self || type == Data.self {
            throw SchemaProbe.unfit(codingPath, "people do not write \(type) as JSON has it")
        }
        do {
            return try Value(from: ProbingDecoder(probe: probe, codingPath: codingPath))
        } catch let error as WireError {
            throw error
        } catch {
            throw SchemaProbe.unfit(codingPath, "\(type) does not decode from a value like any other")
        }
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
