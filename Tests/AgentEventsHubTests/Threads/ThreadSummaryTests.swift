import AgentEvents
import Testing

@testable import AgentEventsHub

struct ThreadSummaryTests {
    private struct Fold {
        var summary = ThreadSummary(thread: "t_1", user: "u_1", updatedAt: Timestamp(milliseconds: 0))
        private var sequence: UInt64 = 0

        @discardableResult
        mutating func apply(_ payload: EventPayload, _ run: RunID? = nil, _ agent: AgentName? = nil) -> AgentEvent {
            sequence += 1
            let event = AgentEvent(
                id: EventID(generation: 1, sequence: sequence), threadID: "t_1", runID: run, agent: agent,
                time: Timestamp(milliseconds: Int64(sequence) * 1000), payload: payload)
            let isNew = summary.apply(sequence, at: event.time, event)
            #expect(isNew)
            // Once is once.
            let before = summary
            let isNewAgain = summary.apply(sequence, at: event.time, event)
            #expect(!isNewAgain)
            #expect(summary == before)
            return event
        }
    }

    private static func started(_ input: JSONValue? = nil) -> EventPayload { .agentStarted(AgentStarted(input: input)) }

    @Test func itSurvivesBeingStored() throws {
        var fold = Fold()
        fold.apply(.userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "Why?")))
        fold.apply(Self.started(), "r_1", "guide")
        fold.apply(.approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "May I?")), "r_1")
        fold.apply(.agentQueued(AgentQueued()), "r_2", "other")
        fold.apply(Self.started(), "r_3", "guide")
        let failure = RunFailure(code: "a.b", message: "no", retryable: false)
        fold.apply(.agentFailed(AgentFailed(error: failure, durationMilliseconds: 1)), "r_3")
        let again = try #require(ThreadSummary(fold.summary.card))
        #expect(again == fold.summary)
        #expect(again.status == .waiting && again.runCount == 3 && again.lastOutcome == .failed)
        #expect(again.agents == ["other", "guide"] && again.title == "Why?" && again.titleSequence == 1)
        #expect(again.createdAt == Timestamp(milliseconds: 1000) && again.updatedAt == Timestamp(milliseconds: 6000))
    }

    @Test func anotherCardIsNone() {
        for text in ["", "{}", "[]", #"{"seq":1}"#] {
            let card = ThreadCard(
                thread: "t_1", user: "u_1", activity: Timestamp(milliseconds: 1), bytes: Array(text.utf8))
            #expect(ThreadSummary(card) == nil, "\(text)")
        }
    }

    @Test func whatIsBoundedStaysSo() throws {
        var fold = Fold()
        func longest(_ number: Int, _ filler: Character = "x") -> String {
            "\(number)" + String(repeating: filler, count: 256 - "\(number)".count)
        }
        fold.apply(
            .userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: String(repeating: "\u{1}", count: 999))))
        for number in 0..<200 {
            fold.apply(
                Self.started(), RunID(stringLiteral: longest(number)), AgentName(stringLiteral: longest(number, "\"")))
        }
        for number in 0..<200 {
            let approval = ApprovalID(stringLiteral: longest(number))
            fold.apply(
                .approvalRequested(ApprovalRequested(approvalID: approval, prompt: "?")),
                RunID(stringLiteral: longest(number % 64)))
        }
        #expect(fold.summary.openRuns.count == 64 && fold.summary.runCount == 200)
        #expect(fold.summary.agents.count == 16 && fold.summary.agents.last?.rawValue == longest(199, "\""))
        #expect(fold.summary.openRuns.values.reduce(0) { $0 + $1.approvals.count } == 64)
        try fold.summary.card.checkLimits()
    }

    @Test(arguments: [
        ("  a \n\t b\r\nc ", "a b c"), (String(repeating: "x", count: 500), String(repeating: "x", count: 120)),
        ("é🧭", "é🧭"),
    ])
    func aTitleIsOneShortLine(_ text: String, _ title: String) {
        var fold = Fold()
        fold.apply(Self.started(.string(text)), "r_1", "guide")
        fold.apply(.userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "later")))
        #expect(fold.summary.title == title)
    }

    @Test func aCharacterOfAnyLengthIsNoTitleOfAnyLength() {
        var fold = Fold()
        fold.apply(Self.started(.string("a" + String(repeating: "\u{301}", count: 100_000))), "r_1", "guide")
        #expect((fold.summary.title?.unicodeScalars.count ?? .max) <= 480)
    }

    /// What is seen without decoding is what the event says.
    @Test func theGlanceIsRight() throws {
        var fold = Fold()
        let events = [
            fold.apply(Self.started(.string(#"","time":"1999-01-01T00:00:00.000Z""#)), "r,\u{27}1", #"a ","time":"b"#),
            fold.apply(.custom(CustomEvent(name: #","time":"x"#, value: #"{"type":"x"}"#))),
            fold.apply(.stateUpdated(StateUpdated(version: 1, key: "k", change: .value(1)))),
        ]
        for event in events {
            let bytes = try EventEncoder.encode(event)
            #expect(EventGlance.type(of: bytes) == event.type)
            #expect(EventGlance.time(of: bytes) == event.time)
        }
        #expect(EventGlance.type(of: Array(#"{"type":"later_version","id":"1-1"}"#.utf8)) == nil)
        #expect(EventGlance.type(of: []) == nil)
        #expect(EventGlance.time(of: Array(#"{"type":"custom","id":"1-1"}"#.utf8)) == nil)
    }
}
