/// Searches over the bytes of a string, shared by the parser and the writer.
enum StringScan {
    /// The first byte that cannot stand in a JSON string as it is: `"`, `\`, or below U+0020.
    ///
    /// - Returns: its index, or `end` when there is none.
    static func firstSpecial(_ base: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        var index = start
        while index &+ 8 <= end {
            let word = UInt64(
                littleEndian: UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self))
            let hits = special(word)
            if hits != 0 { return index &+ (hits.trailingZeroBitCount &>> 3) }
            index &+= 8
        }
        while index < end {
            let byte = base[index]
            if byte < ASCII.space || byte == ASCII.quote || byte == ASCII.backslash { return index }
            index &+= 1
        }
        return end
    }

    /// The high bit of each special byte. A borrow may mark bytes above the lowest mark wrongly, never below it.
    private static func special(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        let quote = word ^ 0x2222_2222_2222_2222
        let backslash = word ^ 0x5C5C_5C5C_5C5C_5C5C
        let control = (word &- 0x2020_2020_2020_2020) & ~word
        return (control | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)) & highs
    }

    /// The text of bytes that may or may not be well-formed UTF-8.
    static func text(_ base: UnsafePointer<UInt8>, from start: Int, to end: Int) -> String? {
        guard firstMalformed(base, from: start, to: end) == nil else { return nil }
        return String(decoding: UnsafeBufferPointer(start: base + start, count: end - start), as: UTF8.self)
    }

    private static func firstBeyondASCII(_ base: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        var index = start
        while index &+ 8 <= end {
            let word = UInt64(littleEndian: UnsafeRawPointer(base + index).loadUnaligned(as: UInt64.self))
            let hits = word & 0x8080_8080_8080_8080
            if hits != 0 { return index &+ (hits.trailingZeroBitCount &>> 3) }
            index &+= 8
        }
        while index < end, base[index] < 0x80 { index &+= 1 }
        return index
    }

    /// The first byte that is not part of well-formed UTF-8 (The Unicode Standard, table 3-7).
    ///
    /// - Returns: the index of the sequence's first byte, or `nil` when all is well formed.
    static func firstMalformed(_ base: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int? {
        var index = start
        while index < end {
            let lead = base[index]
            if lead < 0x80 {
                index = firstBeyondASCII(base, from: index, to: end)
                continue
            }
            let length: Int
            let second: ClosedRange<UInt8>
            switch lead {
            case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
            case 0xE0: (length, second) = (3, 0xA0...0xBF)
            case 0xED: (length, second) = (3, 0x80...0x9F)
            case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
            case 0xF0: (length, second) = (4, 0x90...0xBF)
            case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
            case 0xF4: (length, second) = (4, 0x80...0x8F)
            default: return index
            }
            guard index + length <= end, second.contains(base[index + 1]) else { return index }
            for further in 2..<4 where further < length {
                guard base[index + further] & 0xC0 == 0x80 else { return index }
            }
            index += length
        }
        return nil
    }
}

/// Reads a JSON string that has an escape, from after its opening quotation mark to after its closing one.
struct EscapedStringScan {
    private let base: UnsafePointer<UInt8>
    private let end: Int
    private(set) var position: Int

    init(base: UnsafePointer<UInt8>, position: Int, end: Int) {
        self.base = base
        self.position = position
        self.end = end
    }

    /// The string: as text, or as code units when a surrogate in it has no partner.
    mutating func value() throws(WireError) -> JSONValue {
        let start = position
        var bytes: [UInt8] = []
        while true {
            let stop = StringScan.firstSpecial(base, from: position, to: end)
            bytes.append(contentsOf: UnsafeBufferPointer(start: base + position, count: stop - position))
            position = stop
            if try takeQuote() { break }
            let unit = try escape()
            guard !UTF16.isSurrogate(unit) else {
                guard let scalar = try scalar(leading: unit) else {
                    position = start
                    return .unpairedString(UnpairedString(codeUnits: try codeUnits()))
                }
                bytes.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
                continue
            }
            if unit < 0x80 {
                bytes.append(UInt8(unit))
            } else if let scalar = Unicode.Scalar(unit) {
                bytes.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
            }
        }
        let text = bytes.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { StringScan.text($0, from: 0, to: buffer.count) } ?? ""
        }
        guard let text else { throw malformed() }
        return .string(text)
    }

    /// The same string as code units of UTF-16, unpaired surrogates and all.
    private mutating func codeUnits() throws(WireError) -> [UInt16] {
        var units: [UInt16] = []
        while true {
            let stop = StringScan.firstSpecial(base, from: position, to: end)
            guard let text = StringScan.text(base, from: position, to: stop) else { throw malformed() }
            units.append(contentsOf: text.utf16)
            position = stop
            if try takeQuote() { return units }
            units.append(try escape())
        }
    }

    private func malformed() -> WireError {
        WireError(.encoding, offset: position, "the text is not well-formed UTF-8")
    }

    /// Takes the closing quotation mark, when that is the special byte here.
    private mutating func takeQuote() throws(WireError) -> Bool {
        guard position < end else {
            throw WireError(.syntax, offset: position, "the text ends inside a string")
        }
        guard base[position] >= ASCII.space else {
            throw WireError(
                .syntax, offset: position, "a control character in a string must be written as an escape")
        }
        guard base[position] == ASCII.quote else { return false }
        position += 1
        return true
    }

    /// The scalar of a surrogate and the escape after it; `nil` when they make no pair.
    private mutating func scalar(leading: UInt16) throws(WireError) -> Unicode.Scalar? {
        guard UTF16.isLeadSurrogate(leading), position < end, base[position] == ASCII.backslash else { return nil }
        let trailing = try escape()
        guard UTF16.isTrailSurrogate(trailing) else { return nil }
        return Unicode.Scalar(0x1_0000 + (UInt32(leading & 0x3FF) << 10 | UInt32(trailing & 0x3FF)))
    }

    /// The code unit of the escape that starts here.
    private mutating func escape() throws(WireError) -> UInt16 {
        let start = position
        position += 1
        guard position < end else { throw WireError(.syntax, offset: position, "the text ends inside an escape") }
        let letter = base[position]
        position += 1
        switch letter {
        case ASCII.quote, ASCII.backslash, ASCII.slash: return UInt16(letter)
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "u"): return try hexadecimal(from: start)
        default:
            throw WireError(
                .syntax, offset: start, "an escape is one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with four digits"
            )
        }
    }

    private mutating func hexadecimal(from start: Int) throws(WireError) -> UInt16 {
        guard position + 4 <= end else {
            throw WireError(.syntax, offset: end, "the text ends inside an escape")
        }
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = Self.digit(base[position]) else {
                throw WireError(.syntax, offset: start, "\\u takes four hexadecimal digits")
            }
            unit = unit << 4 | digit
            position += 1
        }
        return unit
    }

    private static func digit(_ byte: UInt8) -> UInt16? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }
}
