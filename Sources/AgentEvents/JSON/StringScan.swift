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
