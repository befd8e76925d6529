import AgentEvents
import AgentEventsProtocol
import Testing

@testable import AgentEventsInterop

@Suite
struct AGUIInputTests {
    private static func input(_ members: [(String, JSONValue)]) throws(ProtocolError) -> AGUIInput {
        var json: JSONObject = ["threadId": "t_1", "runId": "x", "messages": []]
        for (name, value) in members { json[name] = value }
        return try AGUIInput(JSONValue.object(json).encoded())
    }

    @Test(arguments: [
        (nil as JSONValue?, AGUIDialect.version0), ("0.9", .version0), ("1.0", .version1), ("1.7", .version1),
        ("2", .version1), ("new", .version0), (.null, .version0),
    ])
    func theVersionIsTheClients(version: JSONValue?, dialect: AGUIDialect) throws {
        #expect(try Self.input(version.map { [("protocolVersion", $0)] } ?? []).dialect == dialect)
    }

    @Test
    func theLastMessageCountsWhenItIsAUsers() throws {
        let old: JSONValue = ["id": "1", "role": "user", "content": "old"]
        let parts: JSONValue = [
            "id": "2", "role": "user",
            "content": [["type": "text", "text": "a"], ["type": "image"], ["type": "text", "text": "b"]],
        ]
        #expect(try Self.input([("messages", [old, parts])]).message == AGUIInput.Message(id: "2", text: "a\nb"))
        let answered: JSONValue = ["id": "3", "role": "assistant", "content": "yes"]
        // The one before is that of a run that is asked for again: the client has a part of its answer.
        let again = try Self.input([("messages", [old, answered])])
        #expect(again.message == AGUIInput.Message(id: "1", text: "old") && !again.isMessageLast)
        #expect(try Self.input([("messages", [old, parts])]).isMessageLast)
        #expect(try Self.input([("messages", [answered])]).message == nil)
        #expect(try Self.input([("messages", [["id": "1", "role": "user", "content": ""]])]).message == nil)
    }

    @Test
    func anAnswerIsAYesUnlessItSaysNo() throws {
        let answers = try Self.input([
            (
                "resume",
                [
                    ["interruptId": "a", "status": "resolved", "payload": ["approved": true, "lines": 3]],
                    ["interruptId": "b", "status": "resolved", "payload": ["approved": false, "lines": 3]],
                    ["interruptId": "c", "status": "cancelled"], ["interruptId": "d", "status": "resolved"],
                ]
            )
        ]).answers
        #expect(
            answers == [
                .init(interrupt: "a", isApproved: true, data: ["lines": 3]),
                .init(interrupt: "b", isApproved: false, data: nil),
                .init(interrupt: "c", isApproved: false, data: nil), .init(interrupt: "d", isApproved: true, data: nil),
            ])
        #expect(try Self.input([("resume", [])]).answers == nil)
    }

    @Test(
        arguments: [
            ("threadId", .null), ("runId", ""), ("messages", .null), ("resume", 1),
            ("resume", [["status": "resolved"]]),
            ("resume", [["interruptId": "a", "status": "maybe"]]),
        ] as [(String, JSONValue)])
    func whatIsMissingIsNamed(name: String, value: JSONValue) throws {
        let error = #expect(throws: ProtocolError.self) { try Self.input([(name, value)]) }
        #expect(error?.code == .requestInvalid)
        #expect(error?.path == "$.\(name)")
    }

    // MARK: Messages that come again

    private static func repeated(_ thread: RecordedThread, _ id: String?, _ text: String, by user: UserID) -> RunID? {
        guard var repetition = AGUIRepetition(AGUIInput.Message(id: id, text: text), from: user) else { return nil }
        let found = repetition.isIn(ThreadState(folding: thread.events))
        for event in thread.events { repetition.note(event) }
        #expect(found || repetition.run == nil)
        return found ? repetition.run : nil
    }

    @Test
    func aMessageThatComesAgainIsKnownByItsIDItsTextAndItsUser() {
        var thread = RecordedThread()
        thread.ask("One", message: "m_1")
        thread.start("r_1", answering: "m_1")
        thread.complete("r_1")
        thread.ask("Two", message: "m_2", clientID: "theirs")
        thread.add("r_2", .agentQueued(AgentQueued(messageIDs: ["m_2"])))
        thread.start("r_2", answering: "m_2")
        thread.start("r_3", answering: "m_2", retryOf: "r_2")
        #expect(Self.repeated(thread, "m_1", "One", by: "u_1") == "r_1")
        // Each time the first run is done again, so that the request is the same when it comes again.
        #expect(Self.repeated(thread, "theirs", "Two", by: "u_1") == "r_2")
        #expect(Self.repeated(thread, "m_2", "Two", by: "u_1") == "r_2")
        #expect(Self.repeated(thread, "theirs", "Two!", by: "u_1") == nil)
        #expect(Self.repeated(thread, "theirs", "Two", by: "u_2") == nil)
        #expect(Self.repeated(thread, "other", "Two", by: "u_1") == nil)
        #expect(Self.repeated(thread, nil, "Two", by: "u_1") == nil)
    }

    // MARK: Answers to questions

    private static func decide(
        _ thread: RecordedThread,
        _ answers: [(String, Bool)],
        trimmed: Int = 0
    ) -> AGUIResumption.Decision {
        var state = ThreadState()
        for event in thread.events { state.apply(event) }
        let decision = AGUIResumption.decide(
            answers.map { AGUIInput.Answer(interrupt: $0.0, isApproved: $0.1, data: nil) }, in: state,
            at: Timestamp(milliseconds: 1_700_000_001_000))
        guard case .give(_, _, _, let parts) = decision else { return decision }
        var questions = AGUIQuestions(of: parts.map(\.root))
        for event in thread.events.dropFirst(trimmed) { questions.note(event) }
        return parts.lazy.compactMap { questions.refusal(of: $0) }.first.map { .refuse($0) } ?? decision
    }

    private static func refusal(_ decision: AGUIResumption.Decision) -> ProtocolError.Code? {
        if case .refuse(let error) = decision { error.code } else { nil }
    }

    @Test
    func allQuestionsAreAnsweredOrNone() {
        let asked = RecordedThread.everything()
        #expect(Self.refusal(Self.decide(asked, [("r_1/a_3", true)])) == .approvalUnknown)
        #expect(Self.refusal(Self.decide(asked, [("r_1/a_3", true), ("forged", true)])) == .approvalUnknown)
        guard case .give(let given, "r_1", nil, []) = Self.decide(asked, [("r_1/a_4", false), ("r_1/a_3", true)]) else {
            Issue.record("both are answered")
            return
        }
        #expect(given.map(\.question.approval) == ["a_4", "a_3"])
    }

    /// The client was told of the first one alone, since its run ended with it.
    @Test
    func aQuestionThatCameAfterTheEndOfItsRunIsNotMissed() {
        var thread = RecordedThread.asksTwice()
        guard case .give(let given, "r_1", nil, _) = Self.decide(thread, [("r_1/a_1", true)]) else {
            Issue.record("the client answers all that it was asked")
            return
        }
        #expect(given.map(\.question.approval) == ["a_1"])
        // Whoever has joined is told both.
        #expect(Self.refusal(Self.decide(thread, [("r_1/a_1", true), ("r_1/a_2", true)])) == nil)
        // Nobody was told the second one alone.
        #expect(Self.refusal(Self.decide(thread, [("r_1/a_2", true)])) == .approvalUnknown)
        // The request is not kept, and so nobody knows what else it was told with.
        #expect(Self.refusal(Self.decide(thread, [("r_1/a_1", true)], trimmed: 5)) == nil)
        thread.call("r_1", "c_3", "write")
        thread.request("r_1", "a_3", call: "c_3")
        #expect(Self.refusal(Self.decide(thread, [("r_1/a_1", true)])) == nil)
        #expect(Self.refusal(Self.decide(thread, [("r_1/a_1", true), ("r_1/a_2", true)])) == nil)
        #expect(Self.refusal(Self.decide(thread, [("r_1/a_1", true), ("r_1/a_3", true)])) == .approvalUnknown)
        thread.resolve("r_1", "a_1")
        thread.called("r_1", "c_1", "write")
        // The next run has told the two others together.
        #expect(Self.refusal(Self.decide(thread, [("r_1/a_3", true)])) == .approvalUnknown)
        #expect(Self.refusal(Self.decide(thread, [("r_1/a_2", true), ("r_1/a_3", false)])) == nil)
        // One who joined before had all three, and the first was answered meanwhile.
        let all = [("r_1/a_1", true), ("r_1/a_2", true), ("r_1/a_3", true)]
        #expect(Self.refusal(Self.decide(thread, all)) == nil)
    }

    @Test
    func runsThatAskAtTheSameTimeAreAnsweredEachForItself() {
        var thread = RecordedThread()
        for run in ["r_1", "r_2"] as [RunID] { thread.start(run) }
        thread.start("r_3", parent: "r_2")
        for run in ["r_1", "r_2", "r_3"] as [RunID] { thread.request(run, "a_1", call: nil) }
        guard case .give(let given, "r_1", nil, []) = Self.decide(thread, [("r_1/a_1", true)]) else {
            Issue.record("a run is answered while another one asks")
            return
        }
        #expect(given.count == 1)
        // A child belongs to its run.
        #expect(Self.refusal(Self.decide(thread, [("r_2/a_1", true)])) == .approvalUnknown)
        #expect(Self.refusal(Self.decide(thread, [("r_2/a_1", true), ("r_3/a_1", true)])) == nil)
    }

    @Test
    func theSameAnswersAgainAreSafeAndOthersAreRefused() {
        var answered = RecordedThread.everything()
        answered.resolve("r_1", "a_3")
        answered.resolve("r_1", "a_4", .denied)
        let same = Self.decide(answered, [("r_1/a_3", true), ("r_1/a_4", false)])
        let head = EventID(generation: 3, sequence: answered.head)
        #expect(same == .give([], run: "r_1", known: head, parts: []))
        #expect(Self.refusal(Self.decide(answered, [("r_1/a_3", false)])) == .approvalResolved)
        var lapsed = RecordedThread.everything()
        lapsed.resolve("r_1", "a_3", .expired)
        #expect(Self.refusal(Self.decide(lapsed, [("r_1/a_3", true), ("r_1/a_4", true)])) == .approvalExpired)
    }

    @Test
    func anAnswerThatComesAfterItsTimeIsRefused() {
        var thread = RecordedThread()
        thread.start("r_1")
        thread.add(
            "r_1",
            .approvalRequested(
                ApprovalRequested(
                    approvalID: "a_1", prompt: "May I?", expiresAt: Timestamp(milliseconds: 1_700_000_000_500))))
        #expect(Self.refusal(Self.decide(thread, [("r_1/a_1", true)])) == .approvalExpired)
    }
}
