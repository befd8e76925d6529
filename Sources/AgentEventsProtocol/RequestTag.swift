package import AgentEvents

/// A client's own mark on a request, a string or a number, which the reply carries again.
package struct RequestTag: Hashable, Sendable {
    /// A string or a number.
    package let json: JSONValue

    /// The longest that is taken, in bytes of JSON: the reply, which repeats it, must not be too large.
    package static var maximumByteCount: Int { 65_536 }

    /// Its size in JSON, in bytes.
    package var byteCount: Int {
        if case .number(let number) = json { return number.literal.utf8.count }
        return json.encoded().count
    }

    /// - Returns: `nil` when the value is neither a string nor a number.
    package init?(_ json: JSONValue) {
        switch json {
        case .string, .unpairedString, .number: self.json = json
        case .null, .bool, .array, .object: return nil
        }
    }

    /// A mark in words.
    package init(text: String) { json = .string(text) }

    /// The mark of a client that counts its requests.
    package init(number: Int64) { json = .integer(number) }

    /// The number of a request that was counted; `nil` for any other mark.
    package var number: Int64? { json.integerValue }
}
