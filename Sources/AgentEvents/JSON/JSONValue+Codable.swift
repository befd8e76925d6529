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
