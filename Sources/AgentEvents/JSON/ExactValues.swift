import Synchronization

/// The way past Foundation for JSON values: they are kept by their coding path, because a `JSONEncoder` cannot hold every
/// number and string of JSON.
final class ExactValues: Sendable {
    static var key: CodingUserInfoKey {
        guard let key = CodingUserInfoKey(rawValue: "agent_events.exact_values") else {
            preconditionFailure("any text is a key")
        }
        return key
    }

    private let root: JSONValue?
    private let values = Mutex<[[String]: JSONValue]>([:])

    init(root: JSONValue? = nil) { self.root = root }

    func keep(_ value: JSONValue, at path: [any CodingKey]) {
        values.withLock { $0[path.map(Self.step)] = value }
    }

    /// The value with each kept one in its place.
    func restore(in value: JSONValue) -> JSONValue {
        let values = values.withLock { $0 }
        return values.isEmpty ? value : Self.restore(value, at: [], from: values)
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

    private static func step(_ key: any CodingKey) -> String {
        // An element of an array has no name of its own: Foundation calls the first one "Index 0".
        if let index = key.intValue { return String(index) }
        return key.stringValue
    }

    private static func restore(
        _ value: JSONValue, at path: [String], from values: [[String]: JSONValue]
    ) -> JSONValue {
        if let exact = values[path] { return exact }
        switch value {
        case .array(let elements):
            return .array(
                elements.enumerated().map { index, element in
                    restore(element, at: path + [String(index)], from: values)
                })
        case .object(let object):
            return .object(
                JSONObject(uniqueMembers: object.map { ($0.key, restore($0.value, at: path + [$0.key], from: values)) })
            )
        case .null, .bool, .number, .string, .unpairedString:
            return value
        }
    }
}
