extension JSONValue {
    /// Any value as JSON. What already is JSON, or a plain string, number or truth value, is taken as it is; anything
    /// else goes through `Encodable`.
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
