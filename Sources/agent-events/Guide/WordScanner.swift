/// Cuts text into words: runs of letters, digits and whatever is not ASCII. A compound such as `RunStateMachine` is given
/// whole and in its parts.
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
            let byte = text[position]
            guard Self.isPart(byte) else {
                if byte == 0x0A { line += 1 }
                position += 1
                continue
            }
            let start = position
            var partStart = position
            position += 1
            while position < text.count, Self.isPart(text[position]) {
                if includesParts, Self.isUpper(text[position]), !Self.isUpper(text[position - 1]) {
                    give(text[partStart..<position], line, visit)
                    partStart = position
                }
                position += 1
            }
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

    private static func isPart(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x80...0xFF: true
        default: false
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
