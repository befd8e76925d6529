import Synchronization

/// The way of JSON values past Foundation, whose coders cannot hold every number and string of JSON: a value inside of
/// what is converted goes by its coding path, and Foundation sees a null in its place.
final class ExactValues: Sendable {
    /// Where a coder's `userInfo` has the values.
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

    /// What Foundation made, with each kept value in its place; `nil` when one has no place in it.
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
