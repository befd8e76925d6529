import AgentEvents
import Testing

@Suite struct ThreadStateLimitsTests {
    private static func fold(
        _ inputs: [OrderInput], _ change: (inout ThreadState.Limits) -> Void
    ) -> ThreadState {
        var limits = ThreadState.Limits()
        change(&limits)
        var state = ThreadState(limits: limits)
        for (index, input) in inputs.enumerated() {
            state.apply(
                AgentEvent(
                    id: EventID(generation: 1, sequence: UInt64(index + 1)), threadID: "t_7", runID: input.run,
                    agent: input.run == nil ? nil : "guide", time: Timestamp(milliseconds: 0), payload: input.payload))
        }
        return state
    }

    private static func said(_ number: Int, _ text: String = "Hello") throws -> OrderInput {
        OrderInput(nil, .userMessage(UserMessage(messageID: try MessageID("m_\(number)"), userID: "u_1", text: text)))
    }

    private static func updated(_ key: String, _ version: Int64, _ change: StateChange) -> OrderInput {
        OrderInput(nil, .stateUpdated(StateUpdated(version: version, key: key, change: change)))
    }

    @Test func oldestCompleteMessageGoesFirst() throws {
        let inputs =
            [OrderInput("r_1", .start()), OrderInput("r_1", .delta("open"))] + (try (1...5).map { try Self.said($0) })
        let state = Self.fold(inputs) { $0.messageCount = 2 }
        #expect(state.messages.map(\.messageID) == ["open", "m_4", "m_5"])
        #expect(state.dropped.messages == 3)
    }

    @Test func messagesAreLimitedInBytes() throws {
        let inputs = try (1...5).map { try Self.said($0, "1234567890") }
        #expect(Self.fold(inputs) { $0.messageByteCount = 30 }.messages.count == 3)
        #expect(Self.fold(inputs) { $0.messageByteCount = 29 }.messages.count == 2)
        #expect(Self.fold(inputs) { $0.messageByteCount = 0 }.messages.map(\.messageID) == ["m_5"])
    }

    @Test func runThatEndedFirstGoesFirst() {
        let inputs: [OrderInput] = [
            OrderInput("r_1", .start()), OrderInput("r_2", .start()), OrderInput("r_3", .start()),
            OrderInput("r_4", .start()), OrderInput("r_2", .complete), OrderInput("r_3", .complete),
            OrderInput("r_1", .complete),
        ]
        let state = Self.fold(inputs) { $0.runCount = 2 }
        #expect(state.runs.map(\.runID) == ["r_3", "r_1", "r_4"])
        #expect(state.dropped.runs == 1)
        let result = EventPayload.agentCompleted(AgentCompleted(result: "1234", durationMilliseconds: 1))
        let results = [
            OrderInput("r_1", .start()), OrderInput("r_1", result), OrderInput("r_2", .start()),
            OrderInput("r_2", result),
        ]
        #expect(Self.fold(results) { $0.runByteCount = 12 }.runs.count == 2)
        #expect(Self.fold(results) { $0.runByteCount = 11 }.runs.map(\.runID) == ["r_2"])
    }

    @Test func removedEntryGoesBeforeOneWithAValue() {
        let inputs = [
            Self.updated("a", 1, .value(1)), Self.updated("b", 2, .removed), Self.updated("c", 3, .value(1)),
            Self.updated("d", 4, .removed),
        ]
        #expect(Self.fold(inputs) { $0.entryCount = 3 }.entries.map(\.key) == ["a", "c", "d"])
        #expect(Self.fold(inputs) { $0.entryCount = 2 }.entries.map(\.key) == ["c", "d"])
        #expect(Self.fold(inputs) { $0.entryByteCount = 0 }.entries.map(\.key) == ["d"])
        #expect(Self.fold(inputs) { $0.entryCount = 1 }.dropped.entries == 3)
    }

    /// The end of a thought that has room, however its text is divided.
    @Test(arguments: [
        (6, "Ginger", false), (5, "inger", true), (1, "r", true), (0, "", true), (7, "Ginger", false),
    ])
    func endOfAThoughtIsKept(byteCount: Int, text: String, isCut: Bool) {
        for fragments in [["Ginger"], ["G", "inger"], ["Ging", "", "er"], ["G", "i", "n", "g", "e", "r"]] {
            let inputs = fragments.map {
                OrderInput("r_1", .agentThinking(AgentThinking(thoughtID: "t_1", text: $0)))
            }
            let thought = Self.fold(inputs) { $0.thoughtByteCount = byteCount }.runs.first?.thought
            #expect(thought?.text == text)
            #expect(thought?.isCut == isCut)
        }
    }

    @Test func thoughtIsCutBetweenCharactersOfUnicode() {
        let input = OrderInput("r_1", .agentThinking(AgentThinking(thoughtID: "t_1", text: "aé🦜b")))
        let texts = (0...8).map { count in
            Self.fold([input]) { $0.thoughtByteCount = count }.runs.first?.thought?.text
        }
        #expect(texts == ["", "b", "b", "b", "b", "🦜b", "🦜b", "é🦜b", "aé🦜b"])
    }

    /// JSON of the deepest nesting that an event takes would not fit into a message with a state in it.
    @Test func valueNestedTooDeepIsLeftOut() throws {
        for (depth, isKept) in [(56, true), (57, false), (62, false)] {
            let deep = EventEncodingTests.nested(depth)
            let ended = OrderInput("r_1", .agentCompleted(AgentCompleted(result: deep, durationMilliseconds: 1)))
            let said = UserMessage(messageID: "m_1", userID: "u_1", text: "", data: deep)
            let state = Self.fold([
                OrderInput("r_1", .start()), ended, OrderInput("r_2", .start()),
                OrderInput("r_2", .toolExecuting(ToolExecuting(callID: "c_1", tool: "search", arguments: deep))),
                OrderInput(
                    "r_2", .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "", schema: deep))),
                OrderInput(nil, .userMessage(said)), Self.updated("k", 1, .value(deep)),
            ]) { _ in }
            // Without its type, `nil` would be JSON's null.
            let expected: JSONValue? = isKept ? .some(deep) : .none
            #expect(state.runs.first?.result == expected)
            #expect(state.calls.first?.arguments == expected)
            #expect(state.approvals.first?.schema == expected)
            #expect(state.messages.first?.data == expected)
            #expect(state.entries.first?.value == expected)
            #expect(state.entries.first?.isRemoved == false)
            let message: JSONValue = ["op": "snapshot", "state": state.json]
            #expect(try JSONValue(parsing: message.encoded()) == message)
        }
    }

    /// The counts of a run's end are an object, which is a level of its own.
    @Test func usageNestedTooDeepIsLeftOut() {
        for (depth, isKept) in [(55, true), (56, false), (61, false)] {
            var usage = TokenUsage(inputTokens: 3)
            usage.other["cache"] = EventEncodingTests.nested(depth)
            let completed = AgentCompleted(usage: usage, durationMilliseconds: 1)
            let state = Self.fold([OrderInput("r_1", .start()), OrderInput("r_1", .agentCompleted(completed))]) { _ in }
            #expect(state.runs.first?.usage == (isKept ? .some(usage) : .none))
        }
    }
}
