import AgentEvents
import AgentEventsTesting

/// Random JSON values, small ones mostly.
enum RandomJSON {
    static func value(_ generator: inout SeededGenerator, depth: Int = 4) throws -> JSONValue {
        switch generator.below(depth > 0 ? 10 : 6) {
        case 0: return .null
        case 1: return .bool(generator.below(2) == 0)
        case 2: return .integer(Int64(bitPattern: generator.next()))
        case 3: return try JSONValue(parsing: Array(number(&generator).utf8))
        case 4, 5: return try string(&generator)
        case 6, 7:
            var elements: [JSONValue] = []
            for _ in 0..<generator.below(4) { elements.append(try value(&generator, depth: depth - 1)) }
            return .array(elements)
        default:
            var object: JSONObject = [:]
            for _ in 0..<generator.below(4) { object[text(&generator)] = try value(&generator, depth: depth - 1) }
            return .object(object)
        }
    }

    static func text(_ generator: inout SeededGenerator) -> String {
        var text = ""
        for _ in 0..<generator.below(20) {
            let limit = [0x80, 0x80, 0x80, 0x800, 0x1_0000, 0x11_0000][generator.below(6)]
            if let scalar = Unicode.Scalar(UInt32(generator.below(limit))) { text.unicodeScalars.append(scalar) }
        }
        return text
    }

    private static func number(_ generator: inout SeededGenerator) -> String {
        var literal = generator.below(2) == 0 ? "-" : ""
        literal += generator.below(2) == 0 ? "0" : "\(generator.below(9) + 1)\(generator.next())\(generator.next())"
        if generator.below(2) == 0 { literal += ".\(generator.next())" }
        if generator.below(2) == 0 {
            literal += ["e", "E", "e+", "E-"][generator.below(4)] + "\(generator.below(1000))"
        }
        return literal
    }

    /// A string of code units, some of them surrogates without a partner.
    private static func string(_ generator: inout SeededGenerator) throws -> JSONValue {
        guard generator.below(4) == 0 else { return .string(text(&generator)) }
        var json = "\""
        for _ in 0..<generator.below(6) + 1 {
            json += "\\u" + String(0xD7F0 + generator.below(0x820), radix: 16)
        }
        return try JSONValue(parsing: Array((json + "\"").utf8))
    }
}
