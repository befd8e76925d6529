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

    // MARK: Answers to questions

    private static func decide(
        _ thread: RecordedThread,
        _ answers: [(String, Bool)]
    ) -> AGUIResumption.Decision {
        var state = ThreadState()
        for event in thread.events { state.apply(event) }
        return AGUIResumption.decide(
            answers.map { AGUIInput.Answer(interrupt: $0.0, isApproved: $0.1, data: nil) }, in: state,
            at: Timestamp(milliseconds: 1_700_000_001_000))
    }

    private static func refusal(_ decision: AGUIResumption.Decision) -> ProtocolError.Code? {
        if case .refuse(let error) = decision { error.code } else { nil }
    }

    @Test
    func allQuestionsAreAnsweredOrNone() {
        let asked = RecordedThread.everything()
        #expect(Self.refusal(Self.decide(asked, [("r_1/a_3", true)])) == .approvalUnknown)
        #expect(Self.refusal(Self.decide(asked, [("r_1/a_3", true), ("forged", true)])) == .approvalUnknown)
        guard case .give(let given, "r_1", nil) = Self.decide(asked, [("r_1/a_4", false), ("r_1/a_3", true)]) else {
            Issue.record("both are answered")
            return
        }
        #expect(given.map(\.question.approval) == ["a_4", "a_3"])
    }

    @Test
    func runsThatAskAtTheSameTimeAreAnsweredEachForItself() {
        var thread = RecordedThread()
        for run in ["r_1", "r_2"] as [RunID] {
            thread.start(run)
            thread.request(run, "a_1", call: nil)
        }
        thread.start("r_3", parent: "r_2")
        thread.request("r_3", "a_1", call: nil)
        guard case .give(let given, "r_1", nil) = Self.decide(thread, [("r_1/a_1", true)]) else {
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
        #expect(same == .give([], run: "r_1", known: head))
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
