import AgentEvents
import Testing

@Suite struct ThreadStateTests {
    /// Events of one thread, the agent `guide`'s; at 1 ms, 2 ms, …
    private static func events(_ inputs: [OrderInput]) -> [AgentEvent] {
        inputs.enumerated().map { index, input in
            AgentEvent(
                id: EventID(generation: 3, sequence: UInt64(index + 1)), threadID: "t_7", runID: input.run,
                agent: input.run == nil ? nil : "guide", time: Timestamp(milliseconds: Int64(index + 1)),
                payload: input.payload)
        }
    }

    private static func state(_ inputs: [OrderInput], limits: ThreadState.Limits = .init()) -> ThreadState {
        ThreadState(folding: events(inputs), limits: limits)
    }

    private static func time(_ milliseconds: Int) -> String { #""1970-01-01T00:00:00.00\#(milliseconds)Z""# }

    /// Some events, and what the state then has, as JSON.
    struct Fold: CustomTestStringConvertible, Sendable {
        var type: EventType
        /// Events of the run `r_1`, after its start; those of the thread go to the thread.
        var payloads: [EventPayload]
        var member: String
        var elements: [String]

        init(_ type: EventType, _ payloads: [EventPayload], _ member: String, _ elements: String...) {
            self.type = type
            self.payloads = payloads
            self.member = member
            self.elements = elements
        }

        var testDescription: String { "\(type.rawValue): \(member) \(elements)" }

        var inputs: [OrderInput] {
            [OrderInput("r_1", .start())]
                + payloads.map { OrderInput($0.type?.belongsToThread == true ? nil : "r_1", $0) }
        }
    }

    private static func run(_ rest: String) -> String {
        #"{"run_id":"r_1","agent":"guide","status":\#(rest)}"#
    }

    private static let failure = RunFailure(code: "a.b", message: "no", retryable: true)

    static let folds: [Fold] = [
        Fold(
            .agentQueued, [.agentQueued(AgentQueued(startBy: Timestamp(milliseconds: 9)))], "runs",
            run(#""queued","queued_at":\#(time(2)),"started_at":\#(time(1)),"deadline_at":\#(time(9))"#)),
        Fold(
            .agentQueued, [.agentQueued(AgentQueued(messageIDs: ["m_1"], notBefore: Timestamp(milliseconds: 9)))],
            "queue",
            #"{"run_id":"r_1","agent":"guide","message_ids":["m_1"],"queued_at":\#(time(2)),"not_before":\#(time(9)),"#
                + #""position":1}"#),
        Fold(.inputTaken, [.takeInput], "runs", run(#""running","started_at":\#(time(1))"#)),
        Fold(
            .usageReported, [.usage, .usage], "runs",
            run(#""running","started_at":\#(time(1)),"usage":{"input_tokens":20,"output_tokens":4}"#)),
        Fold(.agentStarted, [], "runs", run(#""running","started_at":\#(time(1))"#)),
        Fold(
            .agentStarted, [.agentStarted(AgentStarted(parentRunID: "r_0", parentCallID: "c_0"))], "runs",
            run(#""running","parent_run_id":"r_0","parent_call_id":"c_0","started_at":\#(time(2))"#)),
        Fold(
            .agentThinking,
            [
                .agentThinking(AgentThinking(thoughtID: "t_0", text: "old")),
                .agentThinking(AgentThinking(thoughtID: "t_1", text: "h")),
                .agentThinking(AgentThinking(thoughtID: "t_1", text: "m")),
            ], "runs",
            run(#""running","started_at":\#(time(1)),"thought":{"thought_id":"t_1","text":"hm"}"#)),
        Fold(
            .agentProgress,
            [.progress, .agentProgress(AgentProgress(message: "half", fraction: 0.25, step: 1, total: 4))], "runs",
            run(
                #""running","started_at":\#(time(1)),"#
                    + #""progress":{"message":"half","fraction":0.25,"step":1,"total":4}"#)),
        Fold(
            .messageDelta, [.delta("m_1", "Hel"), .delta("m_2", "Bye"), .delta("m_1", "lo")], "messages",
            #"{"message_id":"m_1","role":"assistant","text":"Hello","complete":false,"run_id":"r_1","agent":"guide","#
                + #""time":\#(time(4))}"#,
            #"{"message_id":"m_2","role":"assistant","text":"Bye","complete":false,"run_id":"r_1","agent":"guide","#
                + #""time":\#(time(3))}"#),
        Fold(
            .messageCompleted,
            [
                .delta("m_1", "Hel"),
                .messageCompleted(MessageCompleted(messageID: "m_1", role: .tool, text: "Hello.")),
                .messageCompleted(MessageCompleted(messageID: "m_2", text: "Whole")),
            ], "messages",
            #"{"message_id":"m_1","role":"tool","text":"Hello.","complete":true,"run_id":"r_1","agent":"guide","#
                + #""time":\#(time(3))}"#,
            #"{"message_id":"m_2","role":"assistant","text":"Whole","complete":true,"run_id":"r_1","agent":"guide","#
                + #""time":\#(time(4))}"#),
        Fold(
            .toolExecuting,
            [.toolExecuting(ToolExecuting(callID: "c_1", tool: "search", arguments: [1], purpose: "look"))], "calls",
            #"{"run_id":"r_1","call_id":"c_1","tool":"search","arguments":[1],"purpose":"look","#
                + #""started_at":\#(time(2))}"#),
        Fold(
            .toolProgress,
            [.call("c_1"), .toolProgress(ToolProgress(callID: "c_1", message: "soon", fraction: 0.5))], "calls",
            #"{"run_id":"r_1","call_id":"c_1","tool":"search","arguments":null,"started_at":\#(time(2)),"#
                + #""progress":{"message":"soon","fraction":0.5}}"#),
        // An id that is used again: the call that is open is the later one.
        Fold(
            .toolCompleted,
            [
                .call("c_1"), .toolProgress(ToolProgress(callID: "c_1", message: "soon")), .callEnd("c_1"),
                .call("c_1", "read"), .call("c_2"),
            ], "calls",
            #"{"run_id":"r_1","call_id":"c_1","tool":"read","arguments":null,"started_at":\#(time(5))}"#,
            #"{"run_id":"r_1","call_id":"c_2","tool":"search","arguments":null,"started_at":\#(time(6))}"#),
        Fold(
            .toolCompleted, [.call("c_1"), .call("c_2"), .callEnd("c_1")], "calls",
            #"{"run_id":"r_1","call_id":"c_2","tool":"search","arguments":null,"started_at":\#(time(3))}"#),
        Fold(
            .approvalRequested,
            [
                .approvalRequested(
                    ApprovalRequested(
                        approvalID: "a_1", callID: "c_1", prompt: "May I?", schema: true,
                        expiresAt: Timestamp(milliseconds: 9)))
            ], "approvals",
            #"{"run_id":"r_1","approval_id":"a_1","call_id":"c_1","prompt":"May I?","schema":true,"#
                + #""requested_at":\#(time(2)),"expires_at":\#(time(9))}"#),
        Fold(.approvalResolved, [.ask("a_1"), .answer("a_1")], "approvals"),
        Fold(.agentPaused, [.pause], "runs", run(#""paused","started_at":\#(time(1))"#)),
        Fold(.agentResumed, [.pause, .resume], "runs", run(#""running","started_at":\#(time(1))"#)),
        Fold(
            .agentCompleted,
            [.think, .progress, .agentCompleted(AgentCompleted(result: ["n": 1], durationMilliseconds: 1))], "runs",
            run(#""completed","started_at":\#(time(1)),"ended_at":\#(time(4)),"result":{"n":1}"#)),
        Fold(
            .agentFailed, [.agentFailed(AgentFailed(error: failure, durationMilliseconds: 1))], "runs",
            run(
                #""failed","started_at":\#(time(1)),"ended_at":\#(time(2)),"#
                    + #""error":{"code":"a.b","message":"no","retryable":true}"#)),
        Fold(
            .agentCancelled,
            [.agentCancelled(AgentCancelled(reason: "enough", by: "u_1", durationMilliseconds: 1))], "runs",
            run(#""cancelled","started_at":\#(time(1)),"ended_at":\#(time(2)),"reason":"enough","by":"u_1""#)),
        Fold(
            .userMessage, [.userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "Hi", data: [2]))],
            "messages",
            #"{"message_id":"m_1","role":"user","text":"Hi","complete":true,"user_id":"u_1","data":[2],"#
                + #""time":\#(time(2))}"#),
        Fold(
            .stateUpdated,
            [
                .stateUpdated(StateUpdated(version: 2, key: "a", change: .value(1))),
                .stateUpdated(StateUpdated(version: 3, key: "b", change: .value(nil))),
                .stateUpdated(StateUpdated(version: 2, key: "a", change: .value("as old"))),
                .stateUpdated(
                    StateUpdated(version: 4, key: "a", change: .removed, expiresAt: Timestamp(milliseconds: 8))),
                .stateUpdated(StateUpdated(version: 3, key: "a", change: .value("older than the removal"))),
                .stateUpdated(StateUpdated(version: 3, key: "b", change: .value("as old"))),
            ], "entries", #"{"key":"b","version":3,"value":null,"time":\#(time(3))}"#,
            #"{"key":"a","version":4,"removed":true,"expires_at":\#(time(8)),"time":\#(time(5))}"#),
        Fold(.custom, [.custom], "runs", run(#""running","started_at":\#(time(1))"#)),
    ]

    @Test(arguments: folds)
    func eventsOfATypeGiveTheState(_ fold: Fold) throws {
        let state = Self.state(fold.inputs)
        let member = try #require(state.json[fold.member])
        #expect(String(decoding: member.encoded(), as: UTF8.self) == "[\(fold.elements.joined(separator: ","))]")
        #expect(state.cursor == EventID(generation: 3, sequence: UInt64(fold.inputs.count)))
        #expect(try ThreadState(json: state.json) == state)
    }

    @Test func thereIsAFoldOfEveryType() {
        #expect(Set(Self.folds.map(\.type)) == Set(EventType.allCases))
    }

    @Test func stateWithoutEventsIsEmpty() {
        #expect(
            String(decoding: ThreadState().json.encoded(), as: UTF8.self)
                == #"{"format":1,"cursor":null,"messages":[],"runs":[],"queue":[],"calls":[],"approvals":[],"entries":[],"#
                + #""dropped":{"messages":0,"runs":0,"entries":0},"limits":{"message_count":200,"message_bytes":524288,"#
                + #""run_count":100,"run_bytes":262144,"entry_count":1024,"entry_bytes":1179648,"thought_bytes":16384}}"#
        )
    }

    @Test func unknownTypesOnlyMoveTheCursor() {
        let state = Self.state([OrderInput("r_1", .start()), OrderInput("r_9", .unheardOf)])
        #expect(state.cursor?.sequence == 2)
        let before = Self.state([OrderInput("r_1", .start())])
        #expect(state.runs == before.runs)
        #expect(state.messages == [] && state.calls == [] && state.approvals == [] && state.entries == [])
    }

    @Test func endOfARunLeavesNothingOpenInIt() {
        let state = Self.state([
            OrderInput("r_1", .start()), OrderInput("r_2", .start()), OrderInput("r_1", .delta("m_1")),
            OrderInput("r_2", .delta("m_1")), OrderInput("r_1", .call("c_1")), OrderInput("r_2", .call("c_1")),
            OrderInput("r_1", .ask("a_1")), OrderInput("r_2", .ask("a_1")), OrderInput("r_1", .cancel),
            // What comes after the end cannot come from a runtime.
            OrderInput("r_1", .progress), OrderInput("r_1", .fail),
        ])
        #expect(state.messages.map(\.isComplete) == [true, false])
        #expect(state.calls.map(\.runID) == ["r_2"])
        #expect(state.approvals.map(\.runID) == ["r_2"])
        #expect(state.runs.map(\.runID) == ["r_1", "r_2"])
        #expect(state.runs.map(\.status) == [.cancelled, .running])
        #expect(state.openRuns.map(\.runID) == ["r_2"])
    }

    @Test func runWhoseStartIsGoneAppearsWithoutIt() {
        let state = Self.state([OrderInput("r_1", .call("c_1")), OrderInput("r_2", .complete)])
        #expect(state.runs.map(\.runID) == ["r_2", "r_1"])
        #expect(state.runs.allSatisfy { $0.startedAt == nil })
        #expect(state.calls.map(\.callID) == ["c_1"])
    }
}
