/// The number of times that the terms of a question occur in a file, and the places.
package struct FileStatistics: Hashable, Sendable {
    /// Relative to the folder.
    package let path: String
    /// The number of times that each term occurs in the text.
    package let counts: [Int]
    /// Whether each term stands in the path.
    package let inPath: [Bool]
    /// The number of words in the text.
    package let wordCount: Int
    /// The line with the most different terms, the first of them, from 1; 1 when the text has none.
    package let bestLine: Int
    /// That line, without the space around it.
    package let bestLineText: String

    /// - Parameter text: `nil` for a file whose text cannot be read; its path counts all the same.
    package init(path: String, text: String?, terms: [String], matching: WordMatching) {
        self.path = path
        let pathWords = WordScanner().words(in: path)
        inPath = terms.map { term in pathWords.contains { matching.matches($0, term) } }
        var counts = [Int](repeating: 0, count: terms.count)
        var best = (line: 1, distinct: 0)
        var current = (line: 0, seen: Set<Int>())
        var wordCount = 0
        var text = text ?? ""
        text.withUTF8 { bytes in
            wordCount = WordScanner(lookingFor: terms).scan(bytes) { word, line in
                for (index, term) in terms.enumerated() where matching.matches(word, term) {
                    counts[index] += 1
                    if current.line != line { current = (line, []) }
                    current.seen.insert(index)
                    if current.seen.count > best.distinct { best = (line, current.seen.count) }
                }
            }
        }
        self.counts = counts
        self.wordCount = wordCount
        bestLine = best.line
        bestLineText = Excerpt.line(best.line, of: text)
    }

    /// Whether a term stands in the text or the path.
    package func has(term index: Int) -> Bool { counts[index] > 0 || inPath[index] }
}

/// The rule that decides which words of a text count for a term.
package enum WordMatching: String, Codable, CaseIterable, Sendable {
    /// The term itself.
    case words
    /// Every word that begins with it.
    case beginnings

    package func matches(_ word: String, _ term: String) -> Bool {
        switch self {
        case .words: word == term
        case .beginnings: word.hasPrefix(term)
        }
    }
}
