import AgentEvents

/// Data that fits a form: what a person might fill in.
enum FormExample {
    /// - Returns: `nil` for a form without fields that have to be filled in, and for a question without one.
    static func data(for asked: ApprovalRequested) -> JSONValue? {
        guard let schema = asked.schema, let form = try? ApprovalSchema(schema) else { return nil }
        let members = form.fields.filter(\.isRequired).map { ($0.name, $0.initialValue ?? value(of: $0.kind)) }
        return members.isEmpty ? nil : .object(JSONObject(members))
    }

    private static func value(of kind: ApprovalField.Kind) -> JSONValue {
        switch kind {
        case .text(let length, let format): .string(text(length, format))
        case .number(let minimum, let maximum, let isWhole): number(minimum, maximum, isWhole: isWhole)
        case .flag: true
        case .choice(let choices): .string(choices.first?.value ?? "")
        case .choices(let choices, let count):
            .array(choices.prefix(max(count.lowerBound, 1)).map { .string($0.value) })
        @unknown default: .null
        }
    }

    private static func text(_ length: ClosedRange<Int>, _ format: ApprovalField.Format?) -> String {
        switch format {
        case .email: "somebody@example.com"
        case .uri: "https://example.com/"
        case .date: "2026-11-27"
        case .dateTime: "2026-11-27T10:00:00Z"
        case nil: String(repeating: "x", count: min(max(length.lowerBound, 1), length.upperBound))
        @unknown default: ""
        }
    }

    private static func number(_ minimum: Double?, _ maximum: Double?, isWhole: Bool) -> JSONValue {
        let number = minimum ?? maximum ?? 0
        return isWhole
            ? .integer(Int64(minimum == nil ? number.rounded(.down) : number.rounded(.up)))
            : JSONValue(floatLiteral: number)
    }
}
