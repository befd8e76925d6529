import AgentEvents
import AgentEventsChecks
import Testing

/// Faults in the answers that grants have given are found.
struct GrantCheckTests {
    private static let value: JSONValue = ["scope": "thread", "by": "u_1"]

    /// A thread in which a grant answers a question: one event each second, the grant is given at 1 s and ends at 9 s.
    private struct Story {
        var first: UInt64 = 1
        var grants: [EventPayload] = [given(value)]
        var call: CallID? = "c_1"
        var schema: JSONValue?
        var by: UserID? = "u_1"
        var data: JSONValue? = ["grant": "grant/deploy"]

        var events: [AgentEvent] {
            let executing = ToolExecuting(
                callID: "c_1", tool: "deploy", arguments: ["to": "staging-7", "build": 7])
            let asked = ApprovalRequested(approvalID: "a_1", callID: call, prompt: "?", schema: schema)
            let answer = ApprovalResolved(approvalID: "a_1", decision: .approved, by: by, data: data)
            let child = EventPayload.agentStarted(AgentStarted(parentRunID: "r_1"))
            let payloads: [(RunID?, EventPayload)] =
                [("r_1", .agentStarted(AgentStarted()))] + grants.map { (nil, $0) }
                + [
                    ("r_2", child), ("r_2", .toolExecuting(executing)), ("r_2", .approvalRequested(asked)),
                    ("r_2", .approvalResolved(answer)),
                ]
            return payloads.enumerated().map { index, event in
                AgentEvent(
                    id: EventID(generation: 1, sequence: first + UInt64(index)), threadID: "t_1", runID: event.0,
                    agent: event.0 == nil ? nil : "guide", time: Timestamp(milliseconds: 1000 * Int64(index)),
                    payload: event.1)
            }
        }
    }

    private static func given(
        _ value: JSONValue,
        _ key: String = "grant/deploy",
        until end: Int64 = 9000,
        version: Int64 = 1
    ) -> EventPayload {
        .stateUpdated(
            StateUpdated(
                version: version, key: key, change: .value(value), expiresAt: Timestamp(milliseconds: end), by: "u_1"))
    }

    private static let removed = EventPayload.stateUpdated(
        StateUpdated(version: 2, key: "grant/deploy", change: .removed, by: "u_1", reason: "revoked"))

    private static func granting(_ members: JSONObject) -> Story {
        var value: JSONObject = ["scope": "thread", "by": "u_1"]
        for (name, part) in members { value[name] = part }
        return Story(grants: [given(.object(value))])
    }

    private static let stories: [(Story, GrantCheck.Problem?)] = [
        (Story(), nil),
        // Given again.
        (Story(grants: [given(value), removed, given(value, version: 3)]), nil),
        (granting(["run_id": "r_1"]), nil),
        (granting(["arguments": ["to": "staging-*"]]), nil), (granting(["arguments": ["to": "*-*"]]), nil),
        (granting(["arguments": ["to": "*"], "run_id": "r_1"]), nil), (granting(["arguments": ["build": 7]]), nil),
        // An answer of a person.
        (Story(grants: [], data: nil), nil), (Story(grants: [], data: ["grant": "yes"]), nil),
        (Story(grants: [], schema: ["type": "object", "properties": ["grant": ["type": "string"]]]), nil),
        // What came before the first event is not known.
        (Story(first: 8, grants: []), nil),
        (Story(grants: []), .neverGiven), (Story(grants: [given(value, "grant/delete")]), .neverGiven),
        (Story(grants: [given(value), removed]), .revoked), (Story(first: 8, grants: [removed]), .revoked),
        (Story(grants: [given(value, until: 5000)]), .expired), (Story(grants: [given(value, until: 5001)]), nil),
        (Story(grants: [given(value, "grant/delete")], data: ["grant": "grant/delete"]), .otherTool),
        (Story(call: nil), .otherTool), (Story(call: "c_2"), .otherTool),
        // The run that asks is not the one without a parent.
        (granting(["run_id": "r_2"]), .otherRun), (granting(["run_id": "r_7"]), .otherRun),
        (granting(["arguments": ["to": "staging"]]), .otherArguments),
        (granting(["arguments": ["to": "production-*"]]), .otherArguments),
        (granting(["arguments": ["to": "*-8"]]), .otherArguments),
        (granting(["arguments": ["build": 8]]), .otherArguments),
        (granting(["arguments": ["from": "*"]]), .otherArguments), (granting(["arguments": 7]), .otherArguments),
        (Story(by: "u_2"), .otherGiver), (Story(by: nil), .otherGiver),
    ]

    @Test(arguments: stories.indices) func eachStoryHasItsProblem(_ index: Int) {
        let (story, problem) = Self.stories[index]
        // Of a thread whose user is not known: anybody may have answered.
        var check = AnswerCheck(owner: nil)
        for event in story.events { check.receive(event) }
        let faults = check.faults.filter { if case .notGranted = $0 { true } else { false } }
        #expect(faults == (problem.map { [.notGranted("a_1", $0)] } ?? []))
    }

    @Test func eachProblemHasAStory() {
        #expect(Set(Self.stories.compactMap(\.1)) == Set(GrantCheck.Problem.allCases))
    }

    /// In a history of a service, it is a fault with a rule of its own.
    @Test func aHistoryIsTold() throws {
        var check = HistoryCheck()
        let story = Story(grants: [Self.given(Self.value), Self.removed])
        for event in story.events {
            let bytes = try EventEncoder.encode(
                event.payload, id: event.id, thread: event.threadID, run: event.runID, agent: event.agent,
                time: event.time)
            check.receive(.logged(bytes: bytes), at: "log")
        }
        #expect(check.finish().contains { $0.rule == HistoryRule.answerNotGranted.rawValue })
    }
}
