/// Reads one JSON text (RFC 8259) in one pass, over bytes that outlive it.
///
/// Stricter than the grammar in three places: keys are unique, keys have no unpaired surrogates, and nesting is limited.
struct JSONParser {
    /// The deepest nesting of arrays and objects.
    static var depthLimit: Int { 64 }

    let base: UnsafePointer<UInt8>
    private let end: Int
    private(set) var position = 0

    /// Parses a whole buffer.
    static func parse(_ bytes: UnsafeBufferPointer<UInt8>) throws(WireError) -> JSONValue {
        guard let base = bytes.baseAddress, !bytes.isEmpty else {
            throw WireError(.syntax, offset: 0, "there is nothing where a JSON value was expected")
        }
        var parser = JSONParser(base: base, end: bytes.count)
        let value = try parser.value(depth: 0)
        parser.skipWhitespace()
        guard parser.position == parser.end else { throw parser.unexpected("the end of the text") }
        return value
    }

    /// Parses the value of a whole buffer, or the first of several that stand on lines of their own.
    ///
    /// - Returns: whether the value is that of the whole buffer.
    /// - Throws: ``WireError``, also for a value that something follows and that does not stand on one line, with nothing but
    ///   white space beside it.
    static func parseFirst(_ bytes: UnsafeBufferPointer<UInt8>) throws(WireError) -> (value: JSONValue, isWhole: Bool) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else {
            throw WireError(.syntax, offset: 0, "there is nothing where a JSON value was expected")
        }
        var parser = JSONParser(base: base, end: bytes.count)
        parser.skipWhitespace()
        let start = parser.position
        let value = try parser.value(depth: 0)
        let stop = parser.position
        parser.skipWhitespace()
        guard parser.position < parser.end else { return (value, true) }
        let standsOnOneLine = !bytes[start..<stop].contains(ASCII.lineFeed)
        guard standsOnOneLine, bytes[stop..<parser.position].contains(ASCII.lineFeed) else {
            throw parser.unexpected("the end of the text")
        }
        return (value, false)
    }

    /// For a reader that knows which values come; ``PlainEmit``.
    init(base: UnsafePointer<UInt8>, end: Int) {
        self.base = base
        self.end = end
    }

    /// Whether nothing but white space is left.
    mutating func isAtEnd() -> Bool {
        skipWhitespace()
        return position == end
    }

    private mutating func skipWhitespace() {
        while position < end {
            let byte = base[position]
            guard byte <= ASCII.space else { return }
            guard
                byte == ASCII.space || byte == ASCII.lineFeed || byte == ASCII.carriageReturn || byte == ASCII.tab
            else { return }
            position &+= 1
        }
    }

    // MARK: Values

    /// - Parameter depth: how many arrays and objects it stands in.
    mutating func value(depth: Int) throws(WireError) -> JSONValue {
        skipWhitespace()
        guard position < end else { throw unexpected("a value") }
        let byte = base[position]
        if byte == ASCII.quote {
            position &+= 1
            return try string()
        }
        if byte == ASCII.openBrace { return .object(try object(depth: depth &+ 1)) }
        if byte == ASCII.openBracket { return .array(try array(depth: depth &+ 1)) }
        if byte == ASCII.minus || (byte >= ASCII.zero && byte <= ASCII.nine) { return .number(try number()) }
        if skip("true") { return .bool(true) }
        if skip("false") { return .bool(false) }
        if skip("null") { return .null }
        throw unexpected("a value")
    }

    private mutating func skip(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard end - position >= count else { return false }
        for index in 0..<count where base[position + index] != word.utf8Start[index] { return false }
        position += count
        return true
    }

    private mutating func array(depth: Int) throws(WireError) -> [JSONValue] {
        try enter(depth)
        var elements: [JSONValue] = []
        if skipIfNext(ASCII.closeBracket) { return elements }
        while true {
            do throws(WireError) {
                elements.append(try value(depth: depth))
            } catch {
                throw error.inside(index: elements.count)
            }
            if skipIfNext(ASCII.comma) { continue }
            guard skipIfNext(ASCII.closeBracket) else { throw unexpected("a comma or a closing bracket") }
            return elements
        }
    }

    private mutating func object(depth: Int) throws(WireError) -> JSONObject {
        try enter(depth)
        if skipIfNext(ASCII.closeBrace) { return JSONObject(uniqueMembers: []) }
        var members: [JSONObject.Element] = []
        var seen = KeyFilter()
        members.reserveCapacity(4)
        while true {
            guard skipIfNext(ASCII.quote) else { throw unexpected("a key in quotation marks") }
            let start = position - 1
            let key = try key()
            guard seen.insert(key, after: members) else {
                throw WireError(.duplicateKey, offset: start, "a key must not occur twice in an object")
                    .inside(key: key)
            }
            do throws(WireError) {
                guard skipIfNext(ASCII.colon) else { throw unexpected("a colon") }
                members.append((key, try value(depth: depth)))
            } catch {
                throw error.inside(key: key)
            }
            if skipIfNext(ASCII.comma) { continue }
            guard skipIfNext(ASCII.closeBrace) else { throw unexpected("a comma or a closing brace") }
            return JSONObject(uniqueMembers: members)
        }
    }

    /// Takes the opening bracket or brace.
    private mutating func enter(_ depth: Int) throws(WireError) {
        guard depth <= Self.depthLimit else {
            throw WireError(
                .depth, offset: position, "arrays and objects must not be nested deeper than \(Self.depthLimit) levels")
        }
        position &+= 1
    }

    mutating func skipIfNext(_ byte: UInt8) -> Bool {
        skipWhitespace()
        guard position < end, base[position] == byte else { return false }
        position &+= 1
        return true
    }

    // MARK: Numbers

    private mutating func number() throws(WireError) -> JSONNumber {
        let start = position
        if base[position] == ASCII.minus { position += 1 }
        if position < end, base[position] == ASCII.zero {
            position += 1
            if position < end, isDigit(base[position]) {
                throw WireError(.syntax, offset: start, "a number must not have leading zeros")
            }
        } else {
            try digits()
        }
        if position < end, base[position] == ASCII.point {
            position += 1
            try digits()
        }
        // 0x20 is the bit that makes an ASCII letter lower case.
        if position < end, base[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < end, base[position] == ASCII.plus || base[position] == ASCII.minus { position += 1 }
            try digits()
        }
        let literal = UnsafeBufferPointer(start: base + start, count: position - start)
        return JSONNumber(validated: String(decoding: literal, as: UTF8.self))
    }

    private mutating func digits() throws(WireError) {
        guard position < end, isDigit(base[position]) else { throw unexpected("a digit") }
        while position < end, isDigit(base[position]) { position &+= 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= ASCII.zero && byte <= ASCII.nine }

    // MARK: Strings

    /// The bytes of the string that comes, without its quotation marks.
    ///
    /// - Returns: `nil` when no string comes, or one that has an escape or a fault; the parser is of no use then.
    mutating func plainString() -> UnsafeBufferPointer<UInt8>? {
        guard skipIfNext(ASCII.quote) else { return nil }
        let start = position
        let stop = StringScan.firstSpecial(base, from: start, to: end)
        guard stop < end, base[stop] == ASCII.quote else { return nil }
        position = stop + 1
        return UnsafeBufferPointer(start: base + start, count: stop - start)
    }

    private mutating func key() throws(WireError) -> String {
        let start = position - 1
        switch try string() {
        case .string(let key): return key
        case .unpairedString, .null, .bool, .number, .array, .object:
            throw WireError(.loneSurrogate, offset: start, "a key must not have half of a surrogate pair")
        }
    }

    /// The string whose opening quotation mark has been taken.
    private mutating func string() throws(WireError) -> JSONValue {
        let start = position
        let stop = StringScan.firstSpecial(base, from: start, to: end)
        guard stop < end, base[stop] == ASCII.quote else { return try escapedString(from: start) }
        guard let text = StringScan.text(base, from: start, to: stop) else { throw malformed(from: start, to: stop) }
        position = stop + 1
        return .string(text)
    }

    private mutating func escapedString(from start: Int) throws(WireError) -> JSONValue {
        var scan = EscapedStringScan(base: base, position: start, end: end)
        do throws(WireError) {
            let value = try scan.value()
            position = scan.position
            return value
        } catch {
            // A fault in the encoding comes first: it is why the rest looks wrong.
            if let fault = StringScan.firstMalformed(base, from: start, to: error.offset ?? end) {
                throw malformed(from: fault, to: end)
            }
            throw error
        }
    }

    // MARK: Faults

    private func malformed(from start: Int, to end: Int) -> WireError {
        let offset = StringScan.firstMalformed(base, from: start, to: end) ?? start
        return WireError(.encoding, offset: offset, "the text is not well-formed UTF-8")
    }

    private func unexpected(_ expected: String) -> WireError {
        guard position < end else {
            return WireError(.syntax, offset: position, "the text ends where \(expected) was expected")
        }
        let byte = base[position]
        if byte >= 0x80, StringScan.firstMalformed(base, from: position, to: min(position + 4, end)) == position {
            return malformed(from: position, to: end)
        }
        let found =
            byte > ASCII.space && byte < 0x7F
            ? "\"\(Unicode.Scalar(byte))\"" : "byte 0x\(byte < 16 ? "0" : "")\(String(byte, radix: 16))"
        return WireError(.syntax, offset: position, "there is \(found) where \(expected) was expected")
    }
}
