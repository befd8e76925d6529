import AgentEvents

/// Values as they are written in Swift.
enum SwiftLiteral {
    /// A string literal of one line. A character that does not show, or would turn the line around, is escaped.
    static func text(_ text: String) -> String {
        var literal = "\""
        var isFirst = true
        for scalar in text.unicodeScalars {
            literal += escaped(scalar, isFirst: isFirst)
            isFirst = false
        }
        return literal + "\""
    }

    private static func escaped(_ scalar: Unicode.Scalar, isFirst: Bool) -> String {
        switch scalar {
        case "\\": return "\\\\"
        case "\"": return "\\\""
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        case "\0": return "\\0"
        default: break
        }
        let isShown: Bool
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber, .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
            .initialPunctuation, .finalPunctuation, .otherPunctuation, .mathSymbol, .currencySymbol, .modifierSymbol,
            .otherSymbol:
            isShown = true
        // A mark would be shown on the quotation mark.
        case .nonspacingMark, .spacingMark, .enclosingMark: isShown = !isFirst
        case .spaceSeparator: isShown = scalar == " "
        // The joiner of emoji; the other ones turn text around, or are not seen.
        case .format: isShown = scalar == "\u{200D}" && !isFirst
        case .lineSeparator, .paragraphSeparator, .control, .surrogate, .privateUse, .unassigned: isShown = false
        @unknown default: isShown = false
        }
        return isShown ? String(scalar) : "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
    }

    /// - Returns: `nil` for a value that no literal gives exactly: `1.0`, `1e400`, half of a surrogate pair.
    static func json(_ value: JSONValue) -> String? {
        switch value {
        case .null: return ".null"
        case .bool(let bool): return "\(bool)"
        case .number(let number): return self.number(number)
        case .string(let string): return text(string)
        case .unpairedString: return nil
        case .array(let array):
            let elements = array.compactMap { json($0) }
            return elements.count == array.count ? "[\(elements.joined(separator: ", "))]" : nil
        case .object(let object):
            let members = object.compactMap { member in json(member.value).map { "\(text(member.key)): \($0)" } }
            guard members.count == object.count else { return nil }
            return members.isEmpty ? "[:]" : "[\(members.joined(separator: ", "))]"
        }
    }

    private static func number(_ number: JSONNumber) -> String? {
        if let integer = number.integer { return JSONNumber(integer) == number ? number.literal : nil }
        if let integer = UInt64(number.literal), JSONNumber(integer) == number {
            return ".integer(\(number.literal) as UInt64)"
        }
        // A fraction that was written as Swift writes it.
        guard let double = number.double, JSONNumber(double) == number else { return nil }
        return number.literal
    }

    /// A value for a parameter of the type `JSONValue?`: a literal, or what parses the JSON.
    static func optionalJSON(_ value: JSONValue) -> String {
        json(value) ?? "try? JSONValue(parsing: Array(\(text(String(decoding: value.encoded(), as: UTF8.self))).utf8))"
    }
}
