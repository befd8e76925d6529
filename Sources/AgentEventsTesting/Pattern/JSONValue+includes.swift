import AgentEvents

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
