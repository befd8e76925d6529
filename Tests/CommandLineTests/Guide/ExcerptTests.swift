import Testing
import agent_events

@Suite struct ExcerptTests {
    private static let text = "one\ntwo  \n\nfour\nfive\n"

    @Test(arguments: [
        (1, 1, 1, ["one", "two"]),
        (2, 1, 1, ["one", "two", ""]),
        (5, 1, 4, ["four", "five"]),
        (3, 10, 1, ["one", "two", "", "four", "five"]),
        (99, 1, 4, ["four", "five"]),
        (3, 0, 3, [""]),
    ])
    func linesAroundALine(line: Int, radius: Int, first: Int, lines: [String]) {
        let excerpt = Excerpt(of: Self.text, around: line, radius: radius)
        #expect(excerpt.firstLine == first)
        #expect(excerpt.lines == lines)
    }

    @Test(arguments: [
        (2, 1, 2, ["two"]), (2, 2, 2, ["two", ""]), (2, 3, 1, ["one", "two", ""]),
        (5, 9, 1, ["one", "two", "", "four", "five"]),
        (1, 4, 1, ["one", "two", ""]),
    ])
    func noMoreLinesThanAllowed(line: Int, count: Int, first: Int, lines: [String]) {
        let excerpt = Excerpt(of: Self.text, around: line, count: count)
        #expect(excerpt.firstLine == first && excerpt.line == line)
        #expect(excerpt.lines == lines)
    }

    @Test func anEmptyFileHasNone() {
        #expect(Excerpt(of: "", around: 1, radius: 2).lines == [])
    }

    @Test(arguments: [(1, "one"), (2, "two"), (3, ""), (5, "five"), (6, ""), (0, ""), (7, "")])
    func oneLine(number: Int, expected: String) {
        #expect(Excerpt.line(number, of: Self.text) == expected)
    }

    @Test func longLinesAreShortened() {
        let excerpt = Excerpt(of: String(repeating: "x", count: 1000), around: 1, radius: 0)
        #expect(excerpt.lines.first?.count == Excerpt.maximumLineLength + 1)
    }
}
