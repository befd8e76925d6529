import Testing
import agent_events

@Suite struct QuestionTermsTests {
    @Test(arguments: [
        ("Which files mention backpressure?", ["backpressure"]),
        ("Where is the RunStateMachine?", ["runstatemachine"]),
        ("What are the rules, and the rule's codes?", ["rule", "code"]),
        ("policies of the boxes and the glass status", ["policy", "boxe", "glass", "status"]),
        ("How do I use it?", []),
        ("", []),
        ("¿Dónde están los términos?", ["dónde", "están", "los", "término"]),
        ("“quoted” — «words»… 好的。", ["quoted", "word", "好的"]),
        ("a b c 7", []),
    ])
    func whatAQuestionIsAbout(question: String, terms: [String]) {
        #expect(QuestionTerms(question: question).terms == terms)
    }

    @Test func aLongQuestionIsCutOff() {
        let question = (1...100).map { "word\($0)" }.joined(separator: " ")
        #expect(QuestionTerms(question: question).terms.count == QuestionTerms.maximumCount)
    }

    @Test func whatIsAddedComesLastAndOnce() {
        let terms = QuestionTerms(question: "launch secret").adding(QuestionTerms(question: "secret tulips"))
        #expect(terms.terms == ["launch", "secret", "tulip"])
        let many = QuestionTerms(question: (1...10).map { "word\($0)" }.joined(separator: " "))
        let more = QuestionTerms(question: (8...30).map { "word\($0)" }.joined(separator: " "))
        #expect(many.adding(more).terms.count == QuestionTerms.maximumCount)
    }

    @Test func beginningsAreShorterButNotTooShort() {
        #expect(QuestionTerms(question: "delivering words once").beginnings == ["deliver", "word", "once"])
    }
}
