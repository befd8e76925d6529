public import AgentEvents

/// A condition on the payload of an event, in a pattern.
///
/// ```swift
/// .toolCompleted("search", .equals(\.status, .failed), .includes(\.result, ["count": 3]))
/// ```
public struct PayloadConstraint<Payload>: Sendable {
    /// In words, for failures.
    let description: String
    /// The payload's value instead; `nil` when it meets the condition.
    let objection: @Sendable (Payload) -> String?

    /// A member has this value.
    public static func equals<Value: Equatable & Sendable>(
        _ member: any KeyPath<Payload, Value> & Sendable,
        _ value: Value
    ) -> PayloadConstraint {
        let name = memberName(member)
        return PayloadConstraint(description: "\(name): \(PatternText.literal(value))") { payload in
            let found = payload[keyPath: member]
            return found == value ? nil : "\(name) is \(PatternText.literal(found))"
        }
    }

    /// A member has this JSON, and perhaps more: objects may have further members, at any depth. Arrays have equally
    /// many elements.
    public static func includes(
        _ member: any KeyPath<Payload, JSONValue?> & Sendable,
        _ json: JSONValue
    ) -> PayloadConstraint {
        let name = memberName(member)
        return PayloadConstraint(description: "\(name): \(PatternText.json(json))") { payload in
            guard let found = payload[keyPath: member] else { return "\(name) is missing" }
            return found.includes(json) ? nil : "\(name) is \(PatternText.json(found))"
        }
    }

    /// A member has this JSON, and perhaps more.
    public static func includes(
        _ member: any KeyPath<Payload, JSONValue> & Sendable,
        _ json: JSONValue
    ) -> PayloadConstraint {
        let name = memberName(member)
        return PayloadConstraint(description: "\(name): \(PatternText.json(json))") { payload in
            let found = payload[keyPath: member]
            return found.includes(json) ? nil : "\(name) is \(PatternText.json(found))"
        }
    }

    /// Anything else.
    ///
    /// - Parameter description: in words, for failures.
    public static func `where`(
        _ description: String = "where …",
        _ condition: @escaping @Sendable (Payload) -> Bool
    ) -> PayloadConstraint {
        PayloadConstraint(description: description) { condition($0) ? nil : "the condition does not hold" }
    }

    /// `status` of `\ToolCompleted.status`.
    private static func memberName(_ member: AnyKeyPath) -> String {
        let name = String(describing: member)
        return name.lastIndex(of: ".").map { String(name[$0...].dropFirst()) } ?? name
    }
}
