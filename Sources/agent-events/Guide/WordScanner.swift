/// Cuts text into words: runs of letters and digits, and of what is not ASCII but for signs. A compound such as
/// `RunStateMachine` is given whole and in its parts.
package struct WordScanner {
    /// Whether a word that begins with a byte is of interest; `nil` when every word is.
    private let beginnings: [Bool]?

    package init() { beginnings = nil }

    /// - Parameter terms: folded words; others that begin with no first letter of theirs are passed over unseen.
    package init(lookingFor terms: [String]) {
        var beginnings = [Bool](repeating: false, count: 256)
        for first in terms.compactMap(\.utf8.first) {
            beginnings[Int(first)] = true
            if (0x61...0x7A).contains(first) { beginnings[Int(first - 0x20)] = true }
        }
        for byte in 0x80...0xFF { beginnings[byte] = true }
        self.beginnings = beginnings
    }

    /// - Parameters:
    ///   - includesParts: whether the parts of a compound are given besides the whole.
    ///   - visit: is given each word, folded, with the number of the line it is in, from 1.
    /// - Returns: how many words there are, parts not counted.
    @discardableResult
    package func scan(
        _ text: UnsafeBufferPointer<UInt8>,
        includesParts: Bool = true,
        _ visit: (_ word: String, _ line: Int) -> Void
    ) -> Int {
        var count = 0
        var line = 1
        var position = 0
        while position < text.count {
            let length = Self.partLength(text, position)
            guard length > 0 else {
                if text[position] == 0x0A { line += 1 }
                position += Self.characterLength(text[position])
                continue
            }
            let start = position
            var partStart = position
            position += length
            while position < text.count {
                let length = Self.partLength(text, position)
                if length == 0 { break }
                if includesParts, Self.isUpper(text[position]), !Self.isUpper(text[position - 1]) {
                    give(text[partStart..<position], line, visit)
                    partStart = position
                }
                position += length
            }
            position = min(position, text.count)
            give(text[partStart..<position], line, visit)
            if partStart != start { give(text[start..<position], line, visit) }
            count += 1
        }
        return count
    }

    private func give(_ word: Slice<UnsafeBufferPointer<UInt8>>, _ line: Int, _ visit: (String, Int) -> Void) {
        if let beginnings, !beginnings[Int(word[word.startIndex])] { return }
        visit(WordFold.fold(String(decoding: word, as: UTF8.self)), line)
    }

    /// The number of bytes of the character at a position, when it is part of a word; otherwise 0.
    private static func partLength(_ text: UnsafeBufferPointer<UInt8>, _ position: Int) -> Int {
        let byte = text[position]
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: return 1
        case 0x00...0x7F: return 0
        // Signs and punctuation: U+0080 to U+00BF, U+2000 to U+2FFF, U+3000 to U+303F.
        case 0xC2, 0xE2: return 0
        case 0xE3 where position + 1 < text.count && text[position + 1] == 0x80: return 0
        default: return characterLength(byte)
        }
    }

    private static func characterLength(_ first: UInt8) -> Int {
        switch first {
        case 0xC0...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xFF: 4
        default: 1
        }
    }

    private static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }

    /// The words of a short text, folded, each once, in order.
    package func words(in text: String, includesParts: Bool = true) -> [String] {
        var words: [String] = []
        var text = text
        text.withUTF8 { bytes in
            _ = scan(bytes, includesParts: includesParts) { word, _ in
                if !words.contains(word) { words.append(word) }
            }
        }
        return words
    }
}

/// Brings words that mean the same to one form: lower case, and singular where a plural is plain to see.
package enum WordFold {
    package static func fold(_ word: some StringProtocol) -> String {
        var folded = word.lowercased()
        if folded.utf8.count > 4, folded.hasSuffix("ies") {
            folded.removeLast(3)
            folded += "y"
        } else if folded.utf8.count > 3, folded.hasSuffix("s"), !folded.hasSuffix("ss"), !folded.hasSuffix("us"),
            !folded.hasSuffix("is")
        {
            folded.removeLast()
        }
        return folded
    }
}
