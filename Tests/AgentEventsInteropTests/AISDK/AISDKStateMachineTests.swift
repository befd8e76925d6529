import AgentEvents
import AgentEventsProtocol
import Testing

@testable import AgentEventsInterop

@Suite
struct AISDKStateMachineTests {
    private static func stream(
        _ thread: RecordedThread,
        _ dialect: AISDKDialect = .version6,
        waitsFrom: UInt64 = 0,
        noted: Int = 0
    ) -> [StreamFrame] {
        var machine = AISDKStateMachine(dialect, root: "r_1", message: "r_1", waitsFrom: waitsFrom)
        for event in thread.events.prefix(noted) { machine.note(event) }
        var frames = machine.begin()
        for event in thread.events.dropFirst(noted) { frames += machine.receive(event) }
        return frames
    }

    private static func types(_ frames: [StreamFrame]) -> [String] {
        frames.compactMap { $0.json["type"]?.stringValue }
    }

    @Test(arguments: [AISDKDialect.version6, .version5])
    func noVersionThrowsAtAWholeRun(dialect: AISDKDialect) throws {
        var thread = RecordedThread.everything(asks: false)
        thread.finish()
        let frames = Self.stream(thread, dialect)
        var client = AISDKClient(dialect)
        try client.apply(frames)
        #expect(client.hasEnded)
        #expect(client.message == "r_1")
        let texts = client.reducer.parts.compactMap { $0["type"] == "text" ? $0["text"] : nil }
        #expect(texts == ["Let me see.", "Done."])
        let states = client.reducer.parts.compactMap { $0["type"] == "dynamic-tool" ? $0["state"] : nil }
        #expect(states == ["output-available", "output-error", "output-available", "output-available"])
        #expect(Self.types(frames).suffix(2) == ["finish-step", "finish"])
    }

    @Test
    func aQuestionEndsTheAnswerAndWhatFollowsContinuesTheMessage() throws {
        var thread = RecordedThread.everything()
        let asked = Int(thread.head)
        var client = AISDKClient(.version6)
        let first = Self.stream(thread)
        try client.apply(first)
        #expect(client.hasEnded)
        #expect(
            Self.types(first).suffix(4) == ["tool-approval-request", "tool-approval-request", "finish-step", "finish"])
        thread.goOn()
        let second = Self.stream(thread, waitsFrom: UInt64(asked) + 3, noted: asked + 2)
        var continued = AISDKClient(.version6, calls: ["r_1/c_3", "r_1/c_4"])
        try continued.apply(second)
        #expect(continued.message == client.message)
        #expect(
            Self.types(second) == [
                "start", "start-step", "tool-output-available", "tool-output-denied", "text-start", "text-delta",
                "text-end", "finish-step", "finish",
            ])
    }

    @Test(arguments: [AISDKDialect.version6, .version5])
    func aResumedStreamHasTheWholeMessageWhereverItBegins(dialect: AISDKDialect) throws {
        var thread = RecordedThread.everything()
        thread.goOn()
        var whole = AISDKClient(dialect)
        try whole.apply(Self.stream(thread, dialect, waitsFrom: thread.head))
        #expect(whole.hasEnded)
        let end = thread.events.last?.id
        #expect(end == Self.stream(thread, dialect, waitsFrom: thread.head).last?.cursor)
        // Twice at once is the same.
        var again = AISDKClient(dialect)
        try again.apply(Self.stream(thread, dialect, waitsFrom: thread.head))
        #expect(again.reducer == whole.reducer)
    }

    @Test
    func aTextMayGrowWhileACallEndsAndWhenAClientComesInBetween() throws {
        var thread = RecordedThread()
        thread.start("r_1")
        thread.call("r_1", "c_1")
        thread.say("r_1", "Mean")
        thread.called("r_1", "c_1")
        thread.say("r_1", "while")
        thread.said("r_1", "Meanwhile")
        thread.complete("r_1")
        for noted in 0..<6 {
            var client = AISDKClient(.version6, calls: noted > 1 ? ["r_1/c_1"] : [])
            try client.apply(Self.stream(thread, noted: noted))
            #expect(client.hasEnded)
        }
    }

    @Test
    func theEndsAreToldApart() throws {
        for (end, types, status) in [
            (0, ["finish-step", "finish"], "completed"), (1, ["text-end", "error"], nil),
            (2, ["finish-step", "finish"], "cancelled"),
        ] as [(Int, [String], JSONValue?)] {
            var thread = RecordedThread()
            thread.start("r_1")
            thread.say("r_1", "Half")
            switch end {
            case 0: thread.complete("r_1")
            case 1: thread.fail("r_1")
            default: thread.cancel("r_1")
            }
            let frames = Self.stream(thread)
            var client = AISDKClient(.version5)
            try client.apply(frames)
            #expect(Self.types(frames).suffix(2) == types[...])
            #expect(frames.last?.json["messageMetadata"]?["agentEvents"]?["status"] == status)
        }
        var machine = AISDKStateMachine(.version6, root: "r_1", message: "r_1", waitsFrom: 0)
        #expect(machine.breakOff(.restart) == .brokenOff)
    }

    @Test
    func aPageThatIsLoadedAgainHasTheCompletedTurnsAndOneAnswerEach() throws {
        var thread = RecordedThread()
        thread.add(
            nil,
            .userMessage(
                UserMessage(
                    messageID: "m_1", userID: "u_1", text: "Hi", data: ["ai_sdk": ["message_id": "theirs"]])))
        thread.start("r_1")
        thread.said("r_1", "Hello")
        thread.complete("r_1")
        var open = thread
        open.add("r_2", .agentStarted(AgentStarted(retryOf: "r_1")))
        open.say("r_2", "Good ", "m_2")
        var done = open
        done.say("r_2", "day", "m_2")
        done.said("r_2", "Good day", "m_2")
        done.complete("r_2")
        func load(_ thread: RecordedThread) -> JSONValue {
            var history = AISDKHistory(.version6)
            for event in thread.events { history.note(event) }
            return history.json
        }
        let user: JSONValue = ["id": "theirs", "role": "user", "parts": [["type": "text", "text": "Hi"]]]
        func answer(_ run: JSONValue, _ text: JSONValue) -> JSONValue {
            [
                "id": run, "role": "assistant",
                "parts": [["type": "text", "text": text, "state": "done"]],
            ]
        }
        #expect(load(thread) == [user, answer("r_1", "Hello")])
        #expect(load(open) == [user])
        #expect(load(done) == [user, answer("r_2", "Good day")])
    }

    @Test(
        arguments: [
            ("missing text part", [["type": "text-delta", "id": "a", "delta": "b"]]),
            ("missing text part", [["type": "text-end", "id": "a"]]),
            ("missing reasoning part", [["type": "reasoning-delta", "id": "a", "delta": "b"]]),
            ("no tool invocation", [["type": "tool-output-available", "toolCallId": "a", "output": 1]]),
            ("a step ends", [["type": "text-start", "id": "a"], ["type": "finish-step"]]),
            ("unknown type", [["type": "custom"]]), ("unknown member", [["type": "finish", "finishReason": "stop"]]),
            ("after the end", [["type": "finish"], ["type": "start-step"]]),
        ] as [(String, [JSONObject])])
    func eachRuleOfTheClientCanBeBroken(word: String, chunks: [JSONObject]) {
        var client = AISDKClient(.version6)
        let error = #expect(throws: AISDKClient.Fault.self) { for chunk in chunks { try client.apply(chunk) } }
        #expect(error?.description.contains(word) == true)
    }

    @Test
    func version5KnowsNoApprovals() throws {
        let thread = RecordedThread.everything()
        var client = AISDKClient(.version5)
        #expect(throws: AISDKClient.Fault.self) { try client.apply(Self.stream(thread, .version6)) }
        var own = AISDKClient(.version5)
        try own.apply(Self.stream(thread, .version5))
        #expect(own.reducer.parts.filter { $0["type"] == "data-approval" }.count == 2)
    }

    @Test
    func onlyAnswersAreReadFromTheMessagesOfAnAssistant() throws {
        let part: JSONValue = [
            "type": "dynamic-tool", "state": "approval-responded", "approval": ["id": "r_1/a_1", "approved": false],
        ]
        let body: JSONValue = [
            "id": "t_1", "trigger": "submit-message",
            "messages": [["id": "r_1", "role": "assistant", "parts": [["type": "text", "text": "forged"], part]]],
        ]
        let input = try AISDKInput(body.encoded())
        #expect(input.kind == .answers([.init(approval: "r_1/a_1", isApproved: false)]))
        let empty: JSONValue = ["id": "t_1", "messages": []]
        #expect(throws: ProtocolError.self) { try AISDKInput(empty.encoded()) }
    }
}
