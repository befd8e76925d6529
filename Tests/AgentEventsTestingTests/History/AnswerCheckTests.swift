import AgentEvents
import AgentEventsChecks
import Testing

/// Faults in the answers to requests for approval are found.
struct AnswerCheckTests {
    private static let form: JSONValue = [
        "type": "object", "properties": ["environment": ["type": "string", "enum": ["staging"]]],
        "required": ["environment"],
    ]

    private static let call = EventPayload.toolExecuting(ToolExecuting(callID: "c_1", tool: "deploy", arguments: 1))

    private static func ask(
        _ approval: ApprovalID = "a_1",
        approvers: [UserID] = [],
        expiresAt: Int64? = nil,
        schema: JSONValue? = nil,
        isEditable: Bool = false
    ) -> EventPayload {
        .approvalRequested(
            ApprovalRequested(
                approvalID: approval, callID: "c_1", prompt: "Deploy it?", schema: schema, isEditable: isEditable,
                approvers: approvers, expiresAt: expiresAt.map { Timestamp(milliseconds: $0) }))
    }

    private static func answer(
        _ decision: ApprovalDecision,
        to approval: ApprovalID = "a_1",
        by: UserID? = "u_1",
        data: JSONValue? = nil
    ) -> EventPayload {
        .approvalResolved(ApprovalResolved(approvalID: approval, decision: decision, by: by, data: data))
    }

    private static func complete(_ status: ToolStatus) -> EventPayload {
        .toolCompleted(ToolCompleted(callID: "c_1", tool: "deploy", status: status, durationMilliseconds: 1))
    }

    /// The events of a thread, one each millisecond from 0 on.
    private static func events(_ payloads: [EventPayload]) -> [AgentEvent] {
        let started = EventPayload.agentStarted(AgentStarted())
        return ([started] + payloads).enumerated().map { index, payload in
            AgentEvent(
                id: EventID(generation: 1, sequence: UInt64(index + 1)), threadID: "t_1", runID: "r_1", agent: "guide",
                time: Timestamp(milliseconds: Int64(index)), payload: payload)
        }
    }

    private static let threads: [([EventPayload], [AnswerCheck.Fault])] = [
        ([call, ask(), answer(.approved), complete(.succeeded)], []),
        ([call, ask(), answer(.denied), complete(.denied)], []),
        ([call, ask(), answer(.cancelled, by: nil), complete(.cancelled)], []),
        ([call, ask(expiresAt: 3), answer(.expired, by: nil), complete(.denied)], []),
        ([call, ask(expiresAt: 4), answer(.approved), complete(.succeeded)], []),
        ([call, ask(approvers: ["u_2"]), answer(.approved, by: "u_2"), complete(.succeeded)], []),
        ([call, ask(schema: form), answer(.approved, data: ["environment": "staging"]), complete(.succeeded)], []),
        ([call, ask(isEditable: true), answer(.approved, data: ["arguments": 2]), complete(.succeeded)], []),
        ([call, ask(schema: form), answer(.denied, data: ["why": "no"]), complete(.denied)], []),
        // Asked again for the same call.
        (
            [call, ask(), answer(.denied), ask("a_2"), answer(.approved, to: "a_2"), complete(.succeeded)], []
        ),
        ([call, ask(), answer(.approved), answer(.denied), complete(.succeeded)], [.repeated("a_1")]),
        ([call, ask(), answer(.approved, by: "u_2"), complete(.succeeded)], [.forbidden("a_1", by: "u_2")]),
        ([call, ask(), answer(.denied, by: nil), complete(.denied)], [.forbidden("a_1", by: nil)]),
        ([call, ask(approvers: ["u_2"]), answer(.approved), complete(.succeeded)], [.forbidden("a_1", by: "u_1")]),
        ([call, ask(expiresAt: 3), answer(.approved), complete(.succeeded)], [.late("a_1")]),
        ([call, ask(expiresAt: 9), answer(.expired, by: nil), complete(.denied)], [.early("a_1")]),
        ([call, ask(schema: form), answer(.approved), complete(.succeeded)], [.dataInvalid("a_1")]),
        ([call, ask(), answer(.approved, data: ["arguments": 2]), complete(.succeeded)], [.dataInvalid("a_1")]),
        ([call, ask(), answer(.denied), complete(.succeeded)], [.unapproved("c_1")]),
        ([call, ask(), answer(.expired, by: nil), complete(.succeeded)], [.unapproved("c_1")]),
        ([call, ask(), complete(.succeeded)], [.unapproved("c_1")]),
    ]

    @Test(arguments: threads.indices) func eachThreadHasItsFaults(_ index: Int) {
        let (payloads, expected) = Self.threads[index]
        var check = AnswerCheck(owner: "u_1")
        for event in Self.events(payloads) { check.receive(event) }
        #expect(check.faults == expected)
    }

    /// Of a thread whose user nobody has named, anybody may be it.
    @Test func withoutAnOwnerAnybodyMayAnswer() {
        var check = AnswerCheck(owner: nil)
        for event in Self.events([Self.call, Self.ask(), Self.answer(.approved, by: "u_7")]) { check.receive(event) }
        #expect(check.faults == [])
    }

    /// In a history of a whole service, each of them is a fault with a rule of its own.
    @Test func aHistoryIsTold() throws {
        let wrong: [(AnswerCheck.Fault, HistoryRule)] = [
            (.repeated("a_1"), .answerRepeated), (.forbidden("a_1", by: "u_2"), .answerForbidden),
            (.late("a_1"), .answerUntimely), (.early("a_1"), .answerUntimely), (.dataInvalid("a_1"), .answerInvalid),
            (.unapproved("c_1"), .callUnapproved),
        ]
        for (fault, rule) in wrong {
            let payloads = try #require(Self.threads.first { $0.1 == [fault] }).0
            var check = HistoryCheck(checksQueue: true)
            check.receive(
                .subscribed(client: "c", user: "u_1", thread: "t_1", after: nil), at: "a client, so that there is one")
            check.receive(
                .attempted(HistoryAttempt(name: "a", thread: "t_1", user: "u_1", drafts: [])), at: "names the user")
            for event in Self.events(payloads) {
                let bytes = try EventEncoder.encode(
                    event.payload, id: event.id, thread: event.threadID, run: event.runID, agent: event.agent,
                    time: event.time)
                check.receive(.logged(bytes: bytes), at: "log")
            }
            #expect(check.finish().contains { $0.rule == rule.rawValue }, "\(rule)")
        }
    }
}
