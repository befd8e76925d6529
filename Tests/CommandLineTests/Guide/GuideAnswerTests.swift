import AgentEvents
import Testing
import agent_events

@Suite struct GuideAnswerTests {
    private static func match(_ file: String, _ line: Int) -> FileMatch {
        FileMatch(file: file, line: line, excerpt: "", score: 1)
    }

    @Test func anAnswerNamesWhatWasReadAndWhereElseToLook() {
        let matches = [Self.match("a.txt", 2), Self.match("b.txt", 1), Self.match("c.txt", 9)]
        let answer = GuideAnswer(
            terms: ["alpha", "beta"], matches: matches,
            readings: [
                FileReading(match: matches[0], outcome: .excerpt(Excerpt(of: "x\nalpha\n", around: 2, radius: 1))),
                FileReading(match: matches[1], outcome: .failed("it is not text in UTF-8")),
            ], folder: "docs")
        #expect(
            answer.text == """
                3 files have to do with “alpha” and “beta”.

                a.txt, line 2:
                    x
                    alpha

                b.txt matches too, but it could not be read: it is not text in UTF-8.

                See also c.txt:9.
                """)
        #expect(answer.result["sources"] == [["file": "a.txt", "line": 2], ["file": "c.txt", "line": 9]])
        #expect(answer.result["answer"]?.stringValue == answer.text)
    }

    @Test func anAnswerSaysWhatWasNotAllowedAndWhatWasRemarked() {
        let matches = [Self.match("a.txt", 1), Self.match("b.txt", 1)]
        let excerpt = Excerpt(of: "x\ny\nalpha\nz\n", around: 3, count: 2)
        let answer = GuideAnswer(
            terms: ["alpha"], matches: matches,
            readings: [
                FileReading(match: matches[0], outcome: .excerpt(excerpt, remark: "a draft")),
                FileReading(match: matches[1], outcome: .refused("u_1 said no")),
            ], folder: "docs")
        #expect(
            answer.text == """
                2 files have to do with “alpha”.

                a.txt, line 3 (a draft):
                    alpha
                    z

                b.txt matches too, but I was not allowed to read it: u_1 said no.
                """)
        #expect(answer.sources == [matches[0].at(line: 3)])
    }

    @Test func nothingFoundIsSaid() {
        let answer = GuideAnswer(terms: ["zzz"], matches: [], readings: [], folder: "docs")
        #expect(answer.text == "Nothing in docs matches “zzz”. Try other words.")
        #expect(answer.sources.isEmpty)
    }

    @Test func aQuestionWithoutTermsIsSaid() {
        let answer = GuideAnswer(terms: [], matches: [], readings: [], folder: "docs")
        #expect(answer.text.contains("no word to search for"))
    }
}
