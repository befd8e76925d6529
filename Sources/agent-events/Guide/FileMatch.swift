/// A file that has to do with a question.
package struct FileMatch: Hashable, Codable, Sendable {
    /// Relative to the folder.
    package let file: String
    /// The line to look at first, from 1.
    package let line: Int
    /// That line, shortened.
    package let excerpt: String
    /// The higher, the better; comparable within one search.
    package let score: Double

    package init(file: String, line: Int, excerpt: String, score: Double) {
        self.file = file
        self.line = line
        self.excerpt = excerpt
        self.score = score
    }

    /// The same file, with another line to look at first.
    package func at(line: Int) -> FileMatch { FileMatch(file: file, line: line, excerpt: excerpt, score: score) }
}
