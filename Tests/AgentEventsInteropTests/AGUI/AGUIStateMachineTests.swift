import AgentEvents
import Testing

@testable import AgentEventsInterop

@Suite
struct AGUIStateMachineTests {
    /// A stream as a client has it that asks for it after some events.
    private static func stream(
        _ thread: RecordedThread,
        _ dialect: AGUIDialect = .version1,
        start: UInt64 = 1,
        noted: Int? = nil
    ) -> [StreamFrame] {
        var machine = AGUIStateMachine(
            dialect, thread: "t_1", run: "theirs", root: "r_1", start: start, isJoin: noted != nil)
        for event in thread.events.prefix(noted ?? Int(start)) { machine.note(event) }
        var frames = machine.begin()
        for event in thread.events.dropFirst(noted ?? Int(start)) { frames += machine.receive(event) }
        return frames
    }

    private static func types(_ frames: [StreamFrame]) -> [String] {
        frames.compactMap { $0.json["type"]?.stringValue }
    }

    private static func verified(_ frames: [StreamFrame], _ dialect: AGUIDialect = .version1) throws -> AGUIClient {
        var verifier = AGUIVerifier(dialect)
        try verifier.check(frames)
        #expect(verifier.hasEnded)
        var client = AGUIClient()
        client.apply(frames)
        return client
    }

    @Test
    func aRunIsToldInItsOrder() throws {
        var thread = RecordedThread.everything(asks: false)
        thread.finish()
        let frames = Self.stream(thread)
        #expect(
            Self.types(frames) == [
                "RUN_STARTED", "REASONING_START", "REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT",
                "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_END", "REASONING_END", "TEXT_MESSAGE_START",
                "TEXT_MESSAGE_CONTENT", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "TOOL_CALL_START",
                "TOOL_CALL_ARGS", "TOOL_CALL_END", "TEXT_MESSAGE_CONTENT", "TOOL_CALL_RESULT", "TEXT_MESSAGE_END",
                "TOOL_CALL_RESULT", "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "SUBAGENT_STARTED",
                "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END",
                "TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "TOOL_CALL_RESULT", "SUBAGENT_FINISHED",
                "TOOL_CALL_RESULT", "CUSTOM", "CUSTOM", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT",
                "TEXT_MESSAGE_END", "RUN_FINISHED",
            ])
        #expect(frames.last?.json["outcome"] == ["type": "success"])
        _ = try Self.verified(frames)
    }

    @Test(arguments: [AGUIDialect.version1, .version0])
    func whoeverJoinsAnywhereEndsWithTheMessagesOfTheWholeRun(dialect: AGUIDialect) throws {
        var thread = RecordedThread.everything(asks: false)
        thread.finish()
        // The message of the user is the client's own; a client that joins gets it with the others.
        var whole = try Self.verified(Self.stream(thread, dialect), dialect).messages
        whole.insert(["id": "m_u", "role": "user", "content": "What is there?"], at: 0)
        for place in 1...thread.events.count {
            let frames = Self.stream(thread, dialect, noted: place)
            let joined = try Self.verified(frames, dialect).messages
            #expect(joined == whole, "joined after \(place)")
        }
    }

    @Test(arguments: [AGUIDialect.version1, .version0])
    func aQuestionEndsTheRunOnceNothingElseIsDone(dialect: AGUIDialect) throws {
        let thread = RecordedThread.everything()
        let frames = Self.stream(thread, dialect)
        _ = try Self.verified(frames, dialect)
        let last = try #require(frames.last?.json)
        #expect(last["type"] == "RUN_FINISHED")
        #expect(last["outcome"]?["type"] == "interrupt")
        let interrupts = last["outcome"]?["interrupts"]?.arrayValue ?? []
        #expect(interrupts.map { $0["id"] } == ["r_1/a_3", "r_1/a_4"])
        #expect(interrupts.map { $0["toolCallId"] } == ["r_1/c_3", "r_1/c_4"])
        #expect(Self.types(frames).suffix(3) == ["MESSAGES_SNAPSHOT", "STATE_SNAPSHOT", "RUN_FINISHED"])
        // One question of two does not: the other call may still do something.
        var one = RecordedThread()
        one.ask("Do it", message: "m_u")
        one.start("r_1")
        one.call("r_1", "c_1")
        one.call("r_1", "c_2")
        one.request("r_1", "a_1", call: "c_1")
        #expect(!Self.types(Self.stream(one)).contains("RUN_FINISHED"))
    }

    /// The snapshot replaces all that the client has: what it lacks is gone there.
    @Test
    func aQuestionLeavesTheClientWithAllThatItHadBefore() throws {
        var thread = RecordedThread()
        thread.ask("One", message: "m_1")
        thread.start("r_0")
        thread.said("r_0", "First", "m_9")
        thread.complete("r_0")
        thread.add(nil, .stateUpdated(StateUpdated(version: 1, key: "old", change: .value(1))))
        thread.ask("Two", message: "m_2")
        let asked = thread.head
        var client = AGUIClient()
        client.apply(Self.shown(thread))
        let before = client.messages.map { $0["id"] }
        #expect(before == ["m_1", "r_0/m_9", "m_2"])
        thread.start("r_1")
        thread.add(nil, .stateUpdated(StateUpdated(version: 1, key: "new", change: .value(2))))
        thread.call("r_1", "c_1")
        thread.request("r_1", "a_1", call: "c_1")
        let frames = Self.stream(thread, start: asked)
        _ = try Self.verified(frames)
        client.apply(frames)
        #expect(client.messages.map { $0["id"] } == before + ["r_1/c_1"])
        let states = frames.compactMap { $0.json["snapshot"] }
        #expect(states.last == ["old": 1, "new": 2])
        #expect(Self.types(frames).prefix(3) == ["RUN_STARTED", "STATE_SNAPSHOT", "TOOL_CALL_START"])
    }

    /// The thread as a client sees it that connects.
    private static func shown(_ thread: RecordedThread) -> [StreamFrame] {
        var machine = AGUIStateMachine(.version1, thread: "t_1", run: "theirs", root: nil, start: 0, isJoin: true)
        for event in thread.events { machine.note(event) }
        return machine.begin()
    }

    @Test(arguments: [AGUIDialect.version1, .version0])
    func aQuestionEndsTheThoughtsThatAreOpen(dialect: AGUIDialect) throws {
        var thread = RecordedThread()
        thread.ask("Do it", message: "m_u")
        thread.start("r_1")
        thread.call("r_1", "c_1")
        thread.start("r_2", parent: "r_1", call: "c_1")
        thread.start("r_3", parent: "r_2")
        thread.think("r_1", "hm")
        thread.think("r_2", "hm")
        thread.request("r_3", "a_1", call: nil)
        let frames = Self.stream(thread, dialect)
        _ = try Self.verified(frames, dialect)
        #expect(frames.last?.json["outcome"]?["type"] == "interrupt")
    }

    @Test(arguments: [2, 4])
    func aRunWhoseBeginningIsNotKeptHasItsEnd(trimmed: Int) throws {
        var thread = RecordedThread()
        thread.ask("Do it", message: "m_u")
        thread.start("r_1")
        thread.call("r_1", "c_1")
        thread.say("r_1", "Half")
        thread.called("r_1", "c_1")
        thread.said("r_1", "Half of it")
        thread.complete("r_1")
        for noted in trimmed..<thread.events.count {
            var machine = AGUIStateMachine(
                .version1, thread: "t_1", run: "theirs", root: "r_1", start: 1, isJoin: true)
            for event in thread.events[trimmed..<noted] { machine.note(event) }
            var frames = machine.begin()
            for event in thread.events[noted...] { frames += machine.receive(event) }
            _ = try Self.verified(frames)
            #expect(frames.last?.json["outcome"] == ["type": "success"])
        }
    }

    @Test
    func afterTheAnswersOnlyWhatIsNewIsTold() throws {
        var thread = RecordedThread.everything()
        let asked = thread.head
        thread.goOn()
        let frames = Self.stream(thread, start: asked + 2, noted: Int(asked) + 2)
        let client = try Self.verified(frames)
        #expect(
            Self.types(frames) == [
                "RUN_STARTED", "MESSAGES_SNAPSHOT", "TOOL_CALL_RESULT", "TOOL_CALL_RESULT", "TEXT_MESSAGE_START",
                "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED",
            ])
        let ids = client.messages.compactMap { $0["id"]?.stringValue }
        #expect(ids.count == Set(ids).count)
        // The run that asked ends with the question, also for a client that comes again after the answers.
        let again = Self.stream(thread, noted: thread.events.count)
        _ = try Self.verified(again)
        #expect(again.last?.json["outcome"]?["type"] == "interrupt")
        #expect(Self.types(again) == ["RUN_STARTED", "MESSAGES_SNAPSHOT", "RUN_FINISHED"])
    }

    private static func asked(_ frames: [StreamFrame]) -> [JSONValue?] {
        frames.last?.json["outcome"]?["interrupts"]?.arrayValue?.map { $0["id"] } ?? []
    }

    @Test(arguments: [AGUIDialect.version1, .version0])
    func aQuestionBesideAnotherIsToldOnceThatOneIsAnswered(dialect: AGUIDialect) throws {
        var thread = RecordedThread.asksTwice()
        // The run has ended when the second one comes.
        #expect(Self.asked(Self.stream(thread, dialect)) == ["r_1/a_1"])
        // Whoever joins is told all.
        #expect(Self.asked(Self.stream(thread, dialect, noted: thread.events.count)) == ["r_1/a_1", "r_1/a_2"])
        #expect(Self.asked(Self.shown(thread)) == ["r_1/a_1", "r_1/a_2"])
        thread.resolve("r_1", "a_1")
        let answered = Int(thread.head)
        // The same run again, before and after the call that was asked for.
        #expect(Self.asked(Self.stream(thread, dialect, noted: answered)) == ["r_1/a_2"])
        thread.called("r_1", "c_1", "write")
        #expect(Self.asked(Self.stream(thread, dialect, noted: answered + 1)) == ["r_1/a_2"])
        for noted in [answered, answered + 1] {
            let frames = Self.stream(thread, dialect, start: UInt64(answered), noted: noted)
            #expect(Self.asked(frames) == ["r_1/a_2"])
            let client = try Self.verified(frames, dialect)
            #expect(client.messages.map { $0["id"] } == ["m_u", "r_1/c_1", "r_1/c_2", "r_1/c_1/result"])
        }
        thread.resolve("r_1", "a_2", .denied)
        let denied = Int(thread.head)
        thread.called("r_1", "c_2", "write", .denied)
        thread.finish()
        let last = Self.stream(thread, dialect, start: UInt64(denied), noted: denied)
        _ = try Self.verified(last, dialect)
        #expect(last.last?.json["outcome"]?["type"] == (dialect == .version1 ? "success" : nil))
        // The run that was asked for first still ends with what was asked.
        #expect(Self.asked(Self.stream(thread, dialect, noted: thread.events.count)) == ["r_1/a_2"])
    }

    /// Nothing else comes then, which would have the stream end.
    @Test
    func aRunThatStillWaitsAfterAnAnswerIsToldToWaitAtOnce() throws {
        var thread = RecordedThread()
        thread.ask("Do it", message: "m_u")
        thread.start("r_1")
        thread.request("r_1", "a_1", call: nil)
        thread.request("r_1", "a_2", call: nil)
        thread.resolve("r_1", "a_1")
        let frames = Self.stream(thread, start: thread.head, noted: thread.events.count)
        _ = try Self.verified(frames)
        #expect(Self.asked(frames) == ["r_1/a_2"])
    }

    @Test
    func anAnswerThatIsGivenAgainIsTheOnlyOneInASnapshot() {
        for retried in ["r_1", "r_3"] as [RunID] {
            var thread = RecordedThread()
            thread.ask("Do it", message: "m_1", clientID: "theirs")
            thread.start("r_1", answering: "m_1")
            thread.said("r_1", "First", "m_2")
            thread.start("r_2", parent: "r_1")
            thread.said("r_2", "A child", "m_2")
            thread.call("r_2", "c_1")
            thread.called("r_2", "c_1")
            thread.complete("r_2")
            thread.complete("r_1")
            thread.add("r_3", .agentQueued(AgentQueued(messageIDs: ["m_1"], retryOf: "r_1")))
            // Until it has started, nothing takes the place of the old answer.
            #expect(Self.ids(thread) == ["theirs", "r_1/m_2", "r_2/m_2", "r_2/c_1", "r_2/c_1/result"])
            thread.start("r_3", answering: "m_1", retryOf: "r_1")
            thread.say("r_3", "Sec", "m_2")
            #expect(Self.ids(thread) == ["theirs", "r_3/m_2"])
            thread.start("r_4", answering: "m_1", retryOf: retried)
            // It was under way.
            thread.say("r_3", "ond", "m_2")
            thread.said("r_3", "Second", "m_2")
            thread.call("r_3", "c_1")
            thread.called("r_3", "c_1")
            thread.complete("r_3")
            thread.said("r_4", "Third", "m_2")
            thread.complete("r_4")
            #expect(Self.ids(thread) == ["theirs", "r_4/m_2"])
            // The log of an earlier version has the message once more.
            thread.ask("Do it", message: "m_9", clientID: "theirs")
            #expect(Self.ids(thread) == ["theirs", "r_4/m_2"])
        }
    }

    private static func ids(_ thread: RecordedThread) -> [JSONValue?] {
        let snapshot = shown(thread).first { $0.json["messages"] != nil }?.json["messages"]?.arrayValue
        return snapshot?.map { $0["id"] } ?? []
    }

    @Test
    func aRunOfWhichNothingIsKeptIsNotKnown() {
        var thread = RecordedThread.asksTwice()
        thread.complete("r_1")
        for root in ["r_1", "r_0", nil] as [RunID?] {
            var machine = AGUIStateMachine(
                .version1, thread: "t_1", run: "theirs", root: root, start: 4, isJoin: true)
            #expect(machine.knowsItsRun == (root == nil))
            for event in thread.events { machine.note(event) }
            #expect(machine.knowsItsRun == (root != "r_0"))
        }
    }

    @Test(arguments: [AGUIDialect.version1, .version0])
    func whatIsOpenAtTheEndOfARunIsClosedAndThereIsOneEnd(dialect: AGUIDialect) throws {
        for end in 0..<3 {
            var thread = RecordedThread()
            thread.ask("Do it", message: "m_u")
            thread.start("r_1")
            thread.say("r_1", "Half of ")
            thread.start("r_2", parent: "r_1")
            thread.think("r_2", "hm")
            thread.cancel("r_2")
            switch end {
            case 0: thread.complete("r_1")
            case 1: thread.fail("r_1")
            default: thread.cancel("r_1")
            }
            thread.complete("r_1")
            let frames = Self.stream(thread, dialect)
            _ = try Self.verified(frames, dialect)
            let ends = Self.types(frames).filter { $0 == "RUN_FINISHED" || $0 == "RUN_ERROR" }
            #expect(ends == [end == 1 ? "RUN_ERROR" : "RUN_FINISHED"])
        }
    }

    @Test
    func aCancelledRunReadsAsOneWhereTheClientKnowsTheOutcome() throws {
        var thread = RecordedThread()
        thread.ask("Do it", message: "m_u")
        thread.start("r_1")
        thread.cancel("r_1")
        #expect(Self.stream(thread).last?.json["outcome"] == ["type": "cancelled"])
        let before = Self.stream(thread, .version0)
        #expect(before.last?.json["outcome"] == nil)
        #expect(before.dropLast().last?.json["name"] == "agent-events.cancelled")
    }

    @Test
    func aFailedRunInTheMiddleOfAThreadDoesNotEndItsSnapshot() throws {
        var thread = RecordedThread()
        thread.ask("One", message: "m_1")
        thread.start("r_0")
        thread.say("r_0", "No", "m_9")
        thread.said("r_0", "No", "m_9")
        thread.fail("r_0")
        thread.ask("Two", message: "m_2")
        thread.start("r_1")
        thread.finish()
        let frames = Self.stream(thread, .version0, start: 6, noted: thread.events.count)
        let client = try Self.verified(frames, .version0)
        #expect(client.messages.map { $0["content"] } == ["One", "No", "Two", "Done."])
        #expect(!Self.types(frames).contains("RUN_ERROR"))
    }

    @Test(
        arguments: [
            (TokenUsage(inputTokens: 7, outputTokens: 1 << 60), .array([["inputTokens": 7]])),
            (TokenUsage(inputTokens: -1, outputTokens: 2), .array([["outputTokens": 2]])),
            (TokenUsage(other: ["cached_input_tokens": 1.5, "reasoning_tokens": 3]), .array([["reasoningTokens": 3]])),
            (TokenUsage(other: ["cached_input_tokens": "many"]), nil),
            (
                TokenUsage(inputTokens: 0, outputTokens: 9_007_199_254_740_991),
                .array([["inputTokens": 0, "outputTokens": 9_007_199_254_740_991]])
            ),
        ] as [(TokenUsage, JSONValue?)])
    func oneCountThatIsNoneDoesNotSpoilTheEnd(usage: TokenUsage, json: JSONValue?) throws {
        var thread = RecordedThread()
        thread.ask("Do it", message: "m_u")
        thread.start("r_1")
        thread.complete("r_1", usage: usage)
        let frames = Self.stream(thread)
        _ = try Self.verified(frames)
        #expect(frames.last?.json["usage"] == json)
    }

    @Test
    func eachEventEndsWithItsCursorAndTheSameOneIsNotToldTwice() throws {
        var thread = RecordedThread.everything(asks: false)
        thread.finish()
        var machine = AGUIStateMachine(
            .version1, thread: "t_1", run: "theirs", root: "r_1", start: 1, isJoin: false)
        _ = machine.begin()
        for event in thread.events.dropFirst() {
            let frames = machine.receive(event)
            if let last = frames.last {
                #expect(last.cursor == event.id)
                #expect(last.json["metadata"]?["agent-events"]?["cursor"] == .string("\(event.id)"))
                #expect(frames.dropLast().allSatisfy { $0.cursor == nil })
            }
            #expect(machine.receive(event).isEmpty)
        }
    }

    @Test
    func otherRunsOfAThreadAreInSnapshotsAndNotInTheStream() throws {
        var thread = RecordedThread()
        thread.ask("Do it", message: "m_u")
        thread.start("r_1")
        thread.start("r_9")
        thread.say("r_9", "Something ", "m_9")
        thread.say("r_1", "Mine")
        thread.call("r_9", "c_9")
        thread.said("r_1", "Mine")
        thread.said("r_9", "Something else", "m_9")
        thread.request("r_9", "a_9", call: "c_9")
        thread.complete("r_1")
        let client = try Self.verified(Self.stream(thread))
        #expect(client.messages.map { $0["content"] } == ["Mine"])
        let shown = try Self.verified(Self.stream(thread, noted: thread.events.count))
        #expect(shown.messages.map { $0["content"] } == ["Do it", "Something else", "Mine", nil])
    }

    @Test
    func theEndOfATextThatNoFragmentHadIsNotLost() throws {
        for noted in 1..<6 {
            var thread = RecordedThread()
            thread.ask("Do it", message: "m_u")
            thread.start("r_1")
            thread.say("r_1", "Ä")
            thread.say("r_1", "b")
            thread.said("r_1", "Äbcß")
            thread.complete("r_1")
            let client = try Self.verified(Self.stream(thread, noted: noted))
            #expect(client.messages.last?["content"] == "Äbcß")
        }
    }

    @Test
    func whatABreakLeadsToIsTold() {
        var machine = AGUIStateMachine(
            .version1, thread: "t_1", run: "theirs", root: "r_1", start: 1, isJoin: false)
        _ = machine.begin()
        guard case .told(let frames) = machine.breakOff(.restart) else {
            Issue.record("a client takes a body that ends for a success")
            return
        }
        #expect(frames.map { $0.json["code"] } == ["server.stopping"])
        #expect(machine.hasEnded)
    }
}
