import Testing
import agent_events

@Suite struct FileRankingTests {
    private static func rank(
        _ files: [(String, String?)], _ terms: [String], _ matching: WordMatching = .words, limit: Int = 10
    ) -> [FileMatch] {
        let statistics = files.map { FileStatistics(path: $0.0, text: $0.1, terms: terms, matching: matching) }
        return FileRanking.rank(statistics, termCount: terms.count, limit: limit)
    }

    @Test func aCompoundCountsWholeAndInItsParts() {
        let file = FileStatistics(
            path: "a", text: "RunStateMachine\nsnake_case_name", terms: ["runstatemachine", "state", "case", "tate"],
            matching: .words)
        #expect(file.counts == [1, 1, 1, 0])
        #expect(file.wordCount == 4)
    }

    @Test func theBestLineHasTheMostDifferentTerms() {
        let text = "alpha alpha alpha\nnothing\n   beta and alpha  \nbeta alpha again"
        let file = FileStatistics(path: "a", text: text, terms: ["alpha", "beta"], matching: .words)
        #expect(file.bestLine == 3)
        #expect(file.bestLineText == "beta and alpha")
        #expect(file.counts == [5, 2])
    }

    @Test func aRareTermWeighsMoreThanAFrequentOne() {
        let matches = Self.rank(
            [("1", "common words here"), ("2", "common words there"), ("3", "rare words here")], ["common", "rare"])
        #expect(matches.map(\.file) == ["3", "1", "2"])
    }

    @Test func aTermInTheNameCounts() {
        let matches = Self.rank(
            [("notes/garden.txt", "flowers"), ("notes/x.txt", "a garden once, and much else")], ["garden"])
        #expect(matches.first?.file == "notes/garden.txt")
        #expect(matches.count == 2)
    }

    @Test func moreOfTheTermsIsBetterThanOneOfThemOften() {
        let matches = Self.rank([("1", "one one one one one one"), ("2", "one two"), ("3", "three")], ["one", "two"])
        #expect(matches.map(\.file) == ["2", "1"])
    }

    @Test func aFileThatCannotBeReadIsFoundByItsName() {
        let matches = Self.rank([("budget.txt", nil), ("other.txt", "nothing")], ["budget"])
        #expect(matches.map(\.file) == ["budget.txt"])
        #expect(matches.first?.line == 1)
        #expect(matches.first?.excerpt == "")
    }

    @Test func beginningsMatchMoreThanWords() {
        let files = [("1", "deliveries arrive")]
        #expect(Self.rank(files, ["deliver"]).isEmpty)
        #expect(Self.rank(files, ["deliver"], .beginnings).count == 1)
    }

    @Test func equalFilesAreInTheOrderOfTheirPathsAndTheLimitHolds() {
        let matches = Self.rank([("b", "word"), ("a", "word"), ("c", "word")], ["word"], limit: 2)
        #expect(matches.map(\.file) == ["a", "b"])
    }

    @Test func nothingInNothing() {
        #expect(Self.rank([], ["word"]).isEmpty)
        #expect(Self.rank([("a", "text")], []).isEmpty)
        #expect(Self.rank([("a", "")], ["word"]).isEmpty)
    }
}
