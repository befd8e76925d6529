/// A few lines of a file.
package struct Excerpt: Hashable, Sendable {
    /// The number of the first line, from 1.
    package let firstLine: Int
    /// The lines, shortened.
    package let lines: [String]
    /// The line that the others stand around, from 1.
    package let line: Int

    package static let maximumLineLength = 200

    init(_ quotation: FileQuotation) {
        firstLine = quotation.firstLine
        lines = quotation.lines
        line = quotation.line
    }

    /// - Parameters:
    ///   - line: the line in the middle, from 1.
    ///   - radius: the number of lines before and after it.
    package init(of text: String, around line: Int, radius: Int) {
        self.init(of: text, around: line, before: radius, after: radius)
    }

    /// - Parameters:
    ///   - line: the line in the middle, from 1.
    ///   - count: the most lines; at least 1.
    package init(of text: String, around line: Int, count: Int) {
        self.init(of: text, around: line, before: (count - 1) / 2, after: count / 2)
    }

    private init(of text: String, around line: Int, before: Int, after: Int) {
        var all = text.split(separator: "\n", omittingEmptySubsequences: false)
        if all.last?.isEmpty == true { all.removeLast() }
        let first = max(1, min(line, all.count) - before)
        let last = min(all.count, line + after)
        self.line = line
        firstLine = first
        lines = first > last ? [] : all[(first - 1)...(last - 1)].map { Self.shortened(Self.trimmedEnd($0)) }
    }

    /// One line of a text without the space around it; empty when there is none.
    package static func line(_ number: Int, of text: String) -> String {
        let lines = text.split(separator: "\n", maxSplits: number, omittingEmptySubsequences: false)
        guard number >= 1, number <= lines.count else { return "" }
        return String(trimmedEnd(lines[number - 1]).drop { $0.isWhitespace })
    }

    package static func shortened(_ text: String) -> String {
        text.count > maximumLineLength ? text.prefix(maximumLineLength) + "…" : text
    }

    private static func trimmedEnd(_ line: Substring) -> String {
        var line = line
        while line.last?.isWhitespace == true { line.removeLast() }
        return String(line)
    }
}
