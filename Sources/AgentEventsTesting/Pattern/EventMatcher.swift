import AgentEvents

/// Matches one event: its type, and conditions on it.
struct EventMatcher: Sendable {
    struct Condition: Sendable {
        /// As it stands in the pattern: `agent: "guide"`.
        let description: String
        /// Whether two conditions of the same description ask for the same. Not so where the test's own code is asked.
        var isTold = true
        /// The event's value instead; `nil` when it meets the condition.
        let objection: @Sendable (AgentEvent, EventContext) -> String?
    }

    /// As it stands in the pattern: `agentStarted(agent: "guide")`.
    let description: String
    /// `nil` for any type.
    let type: EventType?
    let conditions: [Condition]

    /// - Parameter name: the name of the pattern, without what is in parentheses.
    init(_ name: String, _ type: EventType?, _ conditions: [Condition?] = []) {
        let conditions = conditions.compactMap(\.self)
        let list = conditions.map(\.description).joined(separator: ", ")
        description = list.isEmpty ? name : "\(name)(\(list))"
        self.type = type
        self.conditions = conditions
    }

    /// Whether a matcher of the same type and description matches the same events.
    var isTold: Bool { conditions.allSatisfy(\.isTold) }

    func matches(_ event: AgentEvent, in context: EventContext) -> Bool {
        (type == nil || event.type == type) && conditions.allSatisfy { $0.objection(event, context) == nil }
    }

    /// The reasons why an event of the right type does not match.
    func objections(to event: AgentEvent, in context: EventContext) -> [String] {
        guard type == nil || event.type == type else { return [] }
        return conditions.compactMap { $0.objection(event, context) }
    }
}

extension EventMatcher.Condition {
    /// A condition on the payload, unless what it asks for is `nil`.
    static func payload<Payload>(
        _ extract: @escaping @Sendable (EventPayload) -> Payload?,
        _ constraints: [PayloadConstraint<Payload>]
    ) -> [EventMatcher.Condition] {
        constraints.map { constraint in
            var condition = EventMatcher.Condition(description: constraint.description) { event, _ in
                guard let payload = extract(event.payload) else { return "it is \(event.typeName)" }
                return constraint.objection(payload)
            }
            condition.isTold = false
            return condition
        }
    }

    static func agent(_ agent: AgentName?) -> EventMatcher.Condition? {
        agent.map { agent in
            EventMatcher.Condition(description: "agent: \(PatternText.quoted(agent.rawValue))") { event, _ in
                event.agent == agent ? nil : "agent is \(PatternText.quoted(event.agent?.rawValue ?? ""))"
            }
        }
    }

    /// - Parameter text: the text that is looked at, of an event of the right type.
    static func containing(
        _ part: String?,
        _ text: @escaping @Sendable (AgentEvent, EventContext) -> String?
    ) -> EventMatcher.Condition? {
        part.map { part in
            EventMatcher.Condition(description: "containing: \(PatternText.quoted(part))") { event, context in
                let text = text(event, context) ?? ""
                return text.contains(part) ? nil : "the text is \(PatternText.quoted(text))"
            }
        }
    }

    /// A value that must be this one, unless it does not matter.
    ///
    /// - Parameter label: `nil` for a value that stands first in the pattern, without a label.
    static func equal<Value: Equatable & Sendable>(
        _ label: String?,
        called name: String,
        _ value: Value?,
        _ found: @escaping @Sendable (AgentEvent) -> Value?
    ) -> EventMatcher.Condition? {
        value.map { value in
            let text = PatternText.literal(value)
            return EventMatcher.Condition(description: label.map { "\($0): \(text)" } ?? text) { event, _ in
                let found = found(event)
                return found == value ? nil : "\(name) is \(found.map { PatternText.literal($0) } ?? "missing")"
            }
        }
    }

    /// JSON that must have these members, and may have more, unless it does not matter.
    static func includes(
        _ name: String,
        _ json: JSONValue?,
        _ found: @escaping @Sendable (AgentEvent) -> JSONValue?
    ) -> EventMatcher.Condition? {
        json.map { json in
            EventMatcher.Condition(description: "\(name): \(PatternText.json(json))") { event, _ in
                guard let found = found(event) else { return "\(name) is missing" }
                return found.includes(json) ? nil : "\(name) is \(PatternText.json(found))"
            }
        }
    }
}

extension JSONValue {
    /// Whether this is the other value, and perhaps more: objects may have further members, at any depth.
    func includes(_ other: JSONValue) -> Bool {
        switch (self, other) {
        case (.object(let object), .object(let part)):
            part.allSatisfy { member in object[member.key]?.includes(member.value) ?? false }
        case (.array(let array), .array(let other)):
            array.count == other.count && zip(array, other).allSatisfy { $0.includes($1) }
        default:
            self == other
        }
    }
}
