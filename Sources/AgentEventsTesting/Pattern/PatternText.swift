import AgentEvents

/// Values in the descriptions of patterns.
enum PatternText {
    static func quoted(_ text: String) -> String { text.debugDescription }

    static func json(_ value: JSONValue) -> String { String(decoding: value.encoded(), as: UTF8.self) }

    /// As it stands in a pattern: names and texts in quotation marks, the cases of an enumeration with a dot.
    static func literal(_ value: some Any) -> String {
        switch value {
        case let optional as any OptionalValue: optional.wrapped.map { literal($0) } ?? "nil"
        case let name as any Name: quoted(name.rawValue)
        case let word as any RawRepresentable<String>: ".\(word.rawValue)"
        default: self.value(value)
        }
    }

    private static func value(_ value: some Any) -> String {
        switch value {
        case let text as String: quoted(text)
        case let json as JSONValue: self.json(json)
        default: "\(value)"
        }
    }
}

private protocol OptionalValue {
    var wrapped: Any? { get }
}

extension Optional: OptionalValue {
    var wrapped: Any? { map { $0 as Any } }
}
