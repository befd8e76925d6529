extension JSONWriter {
    /// Appends a JSON value in the one form that all equal values have: compact, the members of objects in the order of
    /// the UTF-8 bytes of their keys.
    mutating func canonical(_ value: JSONValue) {
        switch value {
        case .null, .bool, .number, .string, .unpairedString:
            self.value(value)
        case .array(let elements):
            byte(ASCII.openBracket)
            for (index, element) in elements.enumerated() {
                if index > 0 { byte(ASCII.comma) }
                canonical(element)
            }
            byte(ASCII.closeBracket)
        case .object(let object):
            byte(ASCII.openBrace)
            let members = object.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            for (index, member) in members.enumerated() {
                if index > 0 { byte(ASCII.comma) }
                string(member.key)
                byte(ASCII.colon)
                canonical(member.value)
            }
            byte(ASCII.closeBrace)
        }
    }
}
