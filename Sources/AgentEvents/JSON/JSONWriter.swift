/// Writes JSON into a byte array. It does not check the order: commas and colons are up to the caller.
///
/// An event is made of some thirty pieces of a few bytes each. They are copied into room that is there already, because an
/// array that grows with each piece costs twice as much.
package struct JSONWriter: Sendable {
    /// The bytes that were written, and zeros after them.
    private var room: [UInt8]
    /// The number of bytes that were written.
    private var count = 0

    /// The bytes written so far.
    package var bytes: [UInt8] { Array(room[..<count]) }

    /// - Parameter capacity: how many bytes to reserve; more than that is fine, only slower.
    package init(capacity: Int = 256) { room = [UInt8](repeating: 0, count: capacity) }

    /// Gives out the bytes written, in the room in which they are, without a copy. Nothing is written afterwards.
    package mutating func finish() -> [UInt8] {
        var written: [UInt8] = []
        swap(&written, &room)
        written.removeLast(written.count - count)
        count = 0
        return written
    }

    private mutating func append(_ piece: UnsafeRawBufferPointer) {
        if piece.count > room.count - count { grow(by: piece.count) }
        room.withUnsafeMutableBytes { room in
            guard let room = room.baseAddress, let bytes = piece.baseAddress else { return }
            (room + count).copyMemory(from: bytes, byteCount: piece.count)
        }
        count += piece.count
    }

    private mutating func append(_ byte: UInt8) {
        if count == room.count { grow(by: 1) }
        room[count] = byte
        count += 1
    }

    private mutating func grow(by byteCount: Int) {
        room.append(contentsOf: repeatElement(0, count: Swift.max(byteCount, room.count)))
    }

    /// Appends text that is JSON already.
    package mutating func raw(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends bytes that are JSON already.
    package mutating func raw(_ json: [UInt8]) { json.withUnsafeBytes { append($0) } }

    /// Appends bytes that are JSON already.
    package mutating func raw(_ json: UnsafeRawBufferPointer) { append(json) }

    /// Appends one byte that is JSON already.
    package mutating func byte(_ byte: UInt8) { append(byte) }

    /// Appends text without quotation marks; it has nothing that needs an escape (an identifier, a number's literal).
    package mutating func plain(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    /// Appends a string: quotation marks around it, escapes where JSON demands them.
    package mutating func string(_ text: String) {
        append(ASCII.quote)
        escaped(text)
        append(ASCII.quote)
    }

    /// Appends the inside of a string, with escapes where JSON demands them.
    package mutating func escaped(_ text: String) {
        var text = text
        text.withUTF8 { buffer in
            guard let base = buffer.baseAddress else { return }
            var start = 0
            while true {
                let stop = StringScan.firstSpecial(base, from: start, to: buffer.count)
                append(UnsafeRawBufferPointer(start: base + start, count: stop - start))
                guard stop < buffer.count else { return }
                escape(base[stop])
                start = stop + 1
            }
        }
    }

    /// The number of bytes that the inside of a string takes.
    static func escapedByteCount(of text: String) -> Int {
        var text = text
        return text.withUTF8 { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            var count = buffer.count
            var start = StringScan.firstSpecial(base, from: 0, to: buffer.count)
            while start < buffer.count {
                switch base[start] {
                case ASCII.quote, ASCII.backslash, ASCII.lineFeed, ASCII.tab, ASCII.carriageReturn, 0x08, 0x0C:
                    count += 1
                default: count += 5
                }
                start = StringScan.firstSpecial(base, from: start + 1, to: buffer.count)
            }
            return count
        }
    }

    /// Appends a string of which not all is Unicode text.
    package mutating func string(_ string: UnpairedString) {
        append(ASCII.quote)
        var decoder = UTF16()
        var units = string.codeUnits[...]
        while let first = units.first {
            var iterator = units.makeIterator()
            if case .scalarValue(let scalar) = decoder.decode(&iterator) {
                escaped(String(scalar))
                units = units.dropFirst(UTF16.width(scalar))
            } else {
                escape(unit: first)
                units = units.dropFirst()
            }
            decoder = UTF16()
        }
        append(ASCII.quote)
    }

    /// Appends an integer.
    package mutating func integer(_ value: Int64) {
        if value < 0 { append(ASCII.minus) }
        integer(value.magnitude)
    }

    /// Appends an integer.
    package mutating func integer(_ value: UInt64) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var start = 20
            var rest = value
            repeat {
                start &-= 1
                let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 10)
                digits[start] = ASCII.zero &+ UInt8(truncatingIfNeeded: remainder)
                rest = quotient
            } while rest != 0
            append(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(digits)[start...]))
        }
    }

    /// Appends a JSON value, compact.
    package mutating func value(_ value: JSONValue) { _ = self.value(value, depthLimit: .max) }

    /// Appends a JSON value, compact.
    ///
    /// - Parameter depthLimit: how deep arrays and objects may be nested.
    /// - Returns: `false` when they are nested deeper; what has been written is then of no use.
    package mutating func value(_ value: JSONValue, depthLimit: Int) -> Bool {
        switch value {
        case .null: raw("null")
        case .bool(true): raw("true")
        case .bool(false): raw("false")
        case .number(let number): plain(number.literal)
        case .string(let text): string(text)
        case .unpairedString(let text): string(text)
        case .array(let elements):
            guard depthLimit > 0 else { return false }
            append(ASCII.openBracket)
            var isFirst = true
            for element in elements {
                if !isFirst { append(ASCII.comma) }
                isFirst = false
                guard self.value(element, depthLimit: depthLimit - 1) else { return false }
            }
            append(ASCII.closeBracket)
        case .object(let object):
            guard depthLimit > 0 else { return false }
            append(ASCII.openBrace)
            var isFirst = true
            for (key, value) in object {
                if !isFirst { append(ASCII.comma) }
                isFirst = false
                string(key)
                append(ASCII.colon)
                guard self.value(value, depthLimit: depthLimit - 1) else { return false }
            }
            append(ASCII.closeBrace)
        }
        return true
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case ASCII.quote: raw(#"\""#)
        case ASCII.backslash: raw(#"\\"#)
        case ASCII.lineFeed: raw(#"\n"#)
        case ASCII.tab: raw(#"\t"#)
        case ASCII.carriageReturn: raw(#"\r"#)
        case 0x08: raw(#"\b"#)
        case 0x0C: raw(#"\f"#)
        default: escape(unit: UInt16(byte))
        }
    }

    private mutating func escape(unit: UInt16) {
        raw(#"\u"#)
        for shift in [12, 8, 4, 0] as [UInt16] {
            let digit = UInt8(truncatingIfNeeded: unit >> shift & 0xF)
            append(digit < 10 ? ASCII.zero + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}

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
