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

    /// An agent may go on beside its question, when the part of the message that asks has ended.
    @Test
    func aContinuationHasWhatWasDoneBetweenTheQuestionAndTheAnswer() throws {
        var thread = RecordedThread()
        thread.start("r_1")
        thread.call("r_1", "c_1", "write")
        thread.request("r_1", "a_1", call: "c_1")
        let asked = Int(thread.head)
        thread.call("r_1", "c_2", "read")
        thread.called("r_1", "c_2", "read")
        thread.said("r_1", "Meanwhile I have read.", "m_1")
        thread.request("r_1", "a_2", call: nil)
        thread.resolve("r_1", "a_1")
        let answered = thread.head
        let frames = Self.stream(thread, waitsFrom: answered + 1, noted: asked)
        #expect(
            Self.types(frames) == [
                "start", "start-step", "tool-input-start", "tool-input-available", "tool-output-available",
                "text-start",
                "text-delta", "text-end", "data-approval",
            ])
        var client = AISDKClient(.version6, calls: ["r_1/c_1"])
        try client.apply(frames)
        #expect(!client.hasEnded)
    }

    /// A page resumes at any moment: a message that waits then ends there, also when others have spoken since, and one that was
    /// answered before is whole.
    @Test(arguments: [AISDKDialect.version6, .version5])
    func aResumedStreamEndsWhereTheRunWaitsAndIsWholeAfterwards(dialect: AISDKDialect) throws {
        var thread = RecordedThread.everything()
        let asked = thread.head
        thread.ask("And this?", message: "m_v")
        thread.start("r_9")
        thread.said("r_9", "Something else", "m_9")
        let answered = thread.head + 1
        thread.goOn()
        thread.complete("r_9")
        for head in 2...thread.head {
            let frames = Self.stream(thread, dialect, waitsFrom: head)
            var client = AISDKClient(dialect)
            try client.apply(frames)
            #expect(client.hasEnded)
            let metadata = frames.last?.json["messageMetadata"]?["agentEvents"]
            let isWaiting = head < answered
            #expect(metadata?["status"] == (isWaiting ? "waiting" : "completed"), "resumed at \(head)")
            #expect(frames.last?.cursor?.sequence == (isWaiting ? max(head, asked) : thread.head - 1))
            let texts = client.reducer.parts.compactMap { $0["type"] == "text" ? $0["text"] : nil }
            #expect(texts == (isWaiting ? ["Let me see."] : ["Let me see.", "Done."]))
        }
    }

    /// A message that a run is given ends with the run, whatever has happened before the client comes to follow it, and does not wait
    /// for a run that waits.
    @Test
    func aMessageGivenToARunEndsWithIt() throws {
        var thread = RecordedThread()
        thread.start("r_1")
        thread.say("r_1", "Half ")
        let given = thread.add("r_1", .inputTaken(InputTaken(messageIDs: ["m_1"])))
        var ended = thread
        ended.said("r_1", "Half of it")
        ended.complete("r_1")
        let frames = Self.stream(ended, waitsFrom: given.sequence, noted: Int(given.sequence))
        var client = AISDKClient(.version6)
        try client.apply(frames)
        #expect(frames.last?.json["messageMetadata"]?["agentEvents"]?["status"] == "completed")
        #expect(client.reducer.parts.last?["text"] == "of it")
        var asking = RecordedThread()
        asking.start("r_1")
        asking.request("r_1", "a_1", call: nil)
        asking.ask("Well?", message: "m_1")
        let waiting = Self.stream(asking, waitsFrom: asking.head, noted: Int(asking.head))
        #expect(Self.types(waiting) == ["start", "start-step", "finish-step", "finish"])
    }

    @Test
    func aRunWhoseBeginningIsNotKeptHasItsEnd() throws {
        var thread = RecordedThread()
        thread.ask("Do it", message: "m_u")
        thread.start("r_1")
        thread.call("r_1", "c_1")
        thread.called("r_1", "c_1")
        thread.said("r_1", "Done.")
        thread.complete("r_1")
        for trimmed in 2..<thread.events.count {
            var machine = AISDKStateMachine(.version6, root: "r_1", message: "r_1", waitsFrom: 0)
            var client = AISDKClient(.version6)
            try client.apply(machine.begin())
            for event in thread.events[trimmed...] { try client.apply(machine.receive(event)) }
            #expect(client.hasEnded && machine.hasEnded)
        }
    }

    @Test
    func aQuestionOfAChildEndsTheThoughtThatIsOpen() throws {
        var thread = RecordedThread()
        thread.start("r_1")
        thread.call("r_1", "c_1")
        thread.start("r_2", parent: "r_1", call: "c_1")
        thread.think("r_1", "hm")
        thread.request("r_2", "a_1", call: nil)
        var client = AISDKClient(.version6)
        try client.apply(Self.stream(thread))
        #expect(client.hasEnded)
    }

    /// The call of the parent is open as long as its child asks: in the same step it would keep the answer from being sent.
    @Test(arguments: 0..<4)
    func theAnswerToAChildIsSentByTheClientItself(kind: Int) throws {
        var thread = RecordedThread()
        thread.start("r_1")
        if kind == 1 { thread.think("r_1", "hm") }
        thread.call("r_1", "c_1")
        if kind == 2 { thread.call("r_1", "c_2") }
        thread.start("r_2", parent: "r_1", call: "c_1")
        if kind == 1 { thread.think("r_1", "hm") }
        if kind == 2 { thread.start("r_3", parent: "r_1", call: "c_2") }
        thread.call("r_2", "c_1", "write")
        if kind == 2 { thread.call("r_3", "c_1", "write") }
        if kind == 3 {
            thread.start("r_3", parent: "r_2", call: "c_1")
            thread.call("r_3", "c_1", "write")
            thread.request("r_3", "a_1", call: "c_1")
        } else {
            thread.request("r_2", "a_1", call: "c_1")
        }
        if kind == 2 { thread.request("r_3", "a_1", call: "c_1") }
        let frames = Self.stream(thread)
        var client = AISDKClient(.version6)
        try client.apply(frames)
        #expect(client.hasEnded && client.sendsAnswers)
        #expect(Self.types(frames).filter { $0 == "start-step" }.count == (kind == 3 ? 3 : 2))
    }

    @Test
    func noStepBeginsWhileATextGrows() throws {
        var thread = RecordedThread()
        thread.start("r_1")
        thread.say("r_1", "Mean")
        thread.call("r_1", "c_1")
        thread.start("r_2", parent: "r_1", call: "c_1")
        thread.call("r_2", "c_1")
        thread.called("r_2", "c_1")
        thread.complete("r_2")
        thread.called("r_1", "c_1")
        thread.said("r_1", "Meanwhile")
        thread.complete("r_1")
        var client = AISDKClient(.version6)
        try client.apply(Self.stream(thread))
        #expect(client.hasEnded)
        #expect(client.reducer.parts.filter { $0["type"] == "text" }.map { $0["text"] } == ["Meanwhile"])
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
        let error = #expect(throws: FrameFault.self) { for chunk in chunks { try client.apply(chunk) } }
        #expect(error?.description.contains(word) == true)
    }

    @Test
    func version5KnowsNoApprovals() throws {
        let thread = RecordedThread.everything()
        var client = AISDKClient(.version5)
        #expect(throws: FrameFault.self) { try client.apply(Self.stream(thread, .version6)) }
        var own = AISDKClient(.version5)
        try own.apply(Self.stream(thread, .version5))
        #expect(own.reducer.parts.filter { $0["type"] == "data-approval" }.count == 2)
    }
}
