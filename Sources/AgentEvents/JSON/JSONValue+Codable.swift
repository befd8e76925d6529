import Synchronization

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension JSONValue {
    /// Converts any `Encodable` value, as `JSONEncoder` does by default: dates as seconds since 2001, data as Base64.
    /// A `JSONValue` inside of it is taken over exactly.
    ///
    /// - Throws: what encoding the value throws; `EncodingError` for a number that is not finite.
    public init(encoding value: some Encodable) throws {
        if let value = value as? JSONValue {
            self = value
            return
        }
        let exact = ExactValues()
        let encoder = JSONEncoder()
        // The same value gives the same bytes; by default the order of keys changes from process to process.
        encoder.outputFormatting = .sortedKeys
        encoder.userInfo[ExactValues.key] = exact
        let json = try JSONValue(parsing: [UInt8](try encoder.encode(value)))
        guard let restored = exact.restore(in: json) else {
            throw EncodingError.invalidValue(
                value,
                .init(codingPath: [], debugDescription: "a JSON value in it is encoded outside of its coding path"))
        }
        self = restored
    }

    /// Converts to any `Decodable` type, as `JSONDecoder` does by default. A `JSONValue` inside of it is taken over
    /// exactly.
    ///
    /// - Throws: what decoding the type throws; `DecodingError` for a number that the type cannot hold.
    public func decode<Value: Decodable>(as type: Value.Type = Value.self) throws -> Value {
        if let value = self as? Value { return value }
        let decoder = JSONDecoder()
        decoder.userInfo[ExactValues.key] = ExactValues(root: self)
        return try decoder.decode(type, from: Data(encoded()))
    }
}

extension JSONValue: Codable {
    /// Encodes the value. An encoder of Foundation's holds numbers of 64 bits and decimals of 38 digits.
    ///
    /// - Throws: `EncodingError` for a number or a string that the encoder cannot hold exactly.
    public func encode(to encoder: any Encoder) throws {
        if let exact = encoder.userInfo[ExactValues.key] as? ExactValues {
            exact.keep(self, at: encoder.codingPath)
            var container = encoder.singleValueContainer()
            return try container.encodeNil()
        }
        switch self {
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .bool(let bool):
            var container = encoder.singleValueContainer()
            try container.encode(bool)
        case .number(let number):
            try Self.encode(number, to: encoder)
        case .string(let text):
            var container = encoder.singleValueContainer()
            try container.encode(text)
        case .unpairedString:
            throw Self.cannotHold(self, in: encoder, "the string has half of a surrogate pair")
        case .array(let elements):
            var container = encoder.unkeyedContainer()
            for element in elements { try container.encode(element) }
        case .object(let object):
            var container = encoder.container(keyedBy: MemberKey.self)
            for (key, value) in object { try container.encode(value, forKey: MemberKey(stringValue: key)) }
        }
    }

    private static func encode(_ number: JSONNumber, to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let integer = number.integer {
            try container.encode(integer)
        } else if let integer = UInt64(number.literal) {
            try container.encode(integer)
        } else if let double = number.double, JSONNumber(double)?.isSameValue(as: number) == true {
            try container.encode(double)
        } else if let decimal = Decimal(string: number.literal),
            JSONNumber(validated: decimal.description).isSameValue(as: number)
        {
            try container.encode(decimal)
        } else {
            throw cannotHold(.number(number), in: encoder, "the number has too many digits")
        }
    }

    private static func cannotHold(_ value: JSONValue, in encoder: any Encoder, _ reason: String) -> EncodingError {
        .invalidValue(value, .init(codingPath: encoder.codingPath, debugDescription: "\(reason), it would be changed"))
    }

    public init(from decoder: any Decoder) throws {
        if let exact = (decoder.userInfo[ExactValues.key] as? ExactValues)?.value(at: decoder.codingPath) {
            self = exact
            return
        }
        if let container = try? decoder.container(keyedBy: MemberKey.self) {
            var members: [(String, JSONValue)] = []
            for key in container.allKeys {
                members.append((key.stringValue, try container.decode(JSONValue.self, forKey: key)))
            }
            self = .object(JSONObject(members))
        } else if var container = try? decoder.unkeyedContainer() {
            var elements: [JSONValue] = []
            while !container.isAtEnd { elements.append(try container.decode(JSONValue.self)) }
            self = .array(elements)
        } else {
            self = try Self.scalar(in: try decoder.singleValueContainer())
        }
    }

    private static func scalar(in container: any SingleValueDecodingContainer) throws -> JSONValue {
        if container.decodeNil() { return .null }
        if let bool = try? container.decode(Bool.self) { return .bool(bool) }
        if let integer = try? container.decode(Int64.self) { return .integer(integer) }
        if let integer = try? container.decode(UInt64.self) { return .integer(integer) }
        if let decimal = try? container.decode(Decimal.self), decimal.isFinite {
            return .number(JSONNumber(validated: decimal.description))
        }
        if let double = try? container.decode(Double.self), let number = JSONNumber(double) { return .number(number) }
        return .string(try container.decode(String.self))
    }
}

extension JSONValue {
    /// Any value as JSON. A value that is JSON already, or a plain string, number or truth value, is taken as it is;
    /// any other goes through `Encodable`.
    ///
    /// - Throws: what the value's `encode(to:)` throws, or an error for a number that is not finite.
    package init(converting value: any Encodable) throws {
        switch value {
        case let json as JSONValue: self = json
        case let string as String: self = .string(string)
        case let bool as Bool: self = .bool(bool)
        case let integer as Int: self = .integer(integer)
        default: self = try JSONValue(encoding: value)
        }
    }
}

/// The way of JSON values past Foundation, whose coders cannot hold every number and string of JSON: a value inside of
/// what is converted goes by its coding path, and Foundation sees a null in its place.
private final class ExactValues: Sendable {
    /// The key of the values in a coder's `userInfo`.
    static var key: CodingUserInfoKey {
        guard let key = CodingUserInfoKey(rawValue: "agent_events.exact_values") else {
            preconditionFailure("any text is a key")
        }
        return key
    }

    private let root: JSONValue?
    private let kept = Mutex(KeptValues())

    /// - Parameter root: the value that is decoded; `nil` for encoding.
    init(root: JSONValue? = nil) { self.root = root }

    /// Keeps a value that is encoded at a path.
    func keep(_ value: JSONValue, at path: [any CodingKey]) { kept.withLock { $0.keep(value, at: path) } }

    /// The result of Foundation with each kept value in its place; `nil` when one has no place in it.
    func restore(in value: JSONValue) -> JSONValue? {
        let kept = kept.withLock { $0 }
        var placed = 0
        let restored = kept.restore(in: value, placed: &placed)
        return placed == kept.count ? restored : nil
    }

    /// The value at a path from the root; `nil` when the path does not lead to one.
    func value(at path: [any CodingKey]) -> JSONValue? {
        var value = root
        for key in path {
            switch value {
            case .object(let object): value = object[key.stringValue]
            case .array(let array): value = key.intValue.flatMap { array.indices.contains($0) ? array[$0] : nil }
            case .null, .bool, .number, .string, .unpairedString, nil: return nil
            }
        }
        return value
    }
}

/// JSON values by their coding paths, as a tree.
///
/// A step of a path has a name and maybe a number; which of them counts is known only when what it leads into is seen
/// to be an object or an array.
private struct KeptValues {
    private struct Node {
        var value: JSONValue?
        var byName: [ExactString: Int] = [:]
        var byNumber: [Int: Int] = [:]
    }

    private var nodes = [Node()]

    /// The number of values.
    var count: Int { nodes.count { $0.value != nil } }

    mutating func keep(_ value: JSONValue, at path: [any CodingKey]) {
        var index = 0
        for key in path {
            let name = ExactString(key.stringValue)
            if let next = nodes[index].byName[name] {
                index = next
                continue
            }
            nodes.append(Node())
            nodes[index].byName[name] = nodes.count - 1
            if let number = key.intValue { nodes[index].byNumber[number] = nodes.count - 1 }
            index = nodes.count - 1
        }
        nodes[index].value = value
    }

    /// - Parameter placed: the number of kept values that have found their place.
    func restore(in value: JSONValue, placed: inout Int) -> JSONValue { restore(in: value, node: 0, placed: &placed) }

    private func restore(in value: JSONValue, node: Int, placed: inout Int) -> JSONValue {
        if let exact = nodes[node].value {
            placed += 1
            return exact
        }
        switch value {
        case .array(var elements):
            for (number, next) in nodes[node].byNumber where elements.indices.contains(number) {
                elements[number] = restore(in: elements[number], node: next, placed: &placed)
            }
            return .array(elements)
        case .object(let object):
            let members = object.map { key, value in
                let next = nodes[node].byName[ExactString(key)]
                return (key, next.map { restore(in: value, node: $0, placed: &placed) } ?? value)
            }
            return .object(JSONObject(uniqueMembers: members))
        case .null, .bool, .number, .string, .unpairedString:
            return value
        }
    }
}

/// The key of any member of an object, for `Codable`.
private struct MemberKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { self.init(stringValue: String(intValue)) }
}
