import AgentEvents
import Testing

/// What the encoder must refuse.
struct EventEncodingTests {
    struct Refusal: CustomTestStringConvertible, Sendable {
        var payload: EventPayload
        var code: WireError.Code
        var path: String

        init(_ payload: EventPayload, _ code: WireError.Code, _ path: String) {
            self.payload = payload
            self.code = code
            self.path = path
        }

        var testDescription: String { "\(payload)".prefix(100) + " \(path)" }
    }

    private static func many(_ count: Int) -> [MessageID] { (0..<count).map { MessageID(stringLiteral: "m_\($0)") } }

    static func nested(_ depth: Int) -> JSONValue { (0..<depth).reduce(1) { value, _ in [value] } }

    @Test(arguments: [
        Refusal(.unknown(UnknownEvent(typeName: "x", bytes: [])), .unknownType, "$.type"),
        Refusal(.agentProgress(AgentProgress(fraction: 1.01)), .invalidValue, "$.data.fraction"),
        Refusal(.agentProgress(AgentProgress(fraction: -0.1)), .invalidValue, "$.data.fraction"),
        Refusal(.agentProgress(AgentProgress(fraction: .nan)), .invalidValue, "$.data.fraction"),
        Refusal(.agentProgress(AgentProgress(fraction: .infinity)), .invalidValue, "$.data.fraction"),
        Refusal(.agentProgress(AgentProgress(step: -1)), .invalidValue, "$.data.step"),
        Refusal(.agentProgress(AgentProgress(total: -1)), .invalidValue, "$.data.total"),
        Refusal(.toolProgress(ToolProgress(callID: "c", fraction: 2)), .invalidValue, "$.data.fraction"),
        Refusal(
            .toolCompleted(ToolCompleted(callID: "c", tool: "t", status: .failed, durationMilliseconds: -1)),
            .invalidValue, "$.data.duration_ms"),
        Refusal(.agentCompleted(AgentCompleted(durationMilliseconds: -1)), .invalidValue, "$.data.duration_ms"),
        Refusal(
            .agentCompleted(AgentCompleted(usage: TokenUsage(inputTokens: -1), durationMilliseconds: 1)),
            .invalidValue, "$.data.usage.input_tokens"),
        Refusal(
            .agentCompleted(AgentCompleted(usage: TokenUsage(outputTokens: -1), durationMilliseconds: 1)),
            .invalidValue, "$.data.usage.output_tokens"),
        Refusal(
            .agentCompleted(AgentCompleted(usage: TokenUsage(other: ["input_tokens": 1]), durationMilliseconds: 1)),
            .duplicateKey, "$.data.usage.input_tokens"),
        Refusal(
            .agentCompleted(AgentCompleted(usage: TokenUsage(other: ["a b": nested(62)]), durationMilliseconds: 1)),
            .depth, #"$.data.usage["a b"]"#),
        Refusal(
            .agentFailed(
                AgentFailed(error: RunFailure(code: "", message: "", retryable: false), durationMilliseconds: .min)),
            .invalidValue, "$.data.duration_ms"),
        Refusal(.agentCancelled(AgentCancelled(durationMilliseconds: -1)), .invalidValue, "$.data.duration_ms"),
        Refusal(
            .approvalRequested(
                ApprovalRequested(approvalID: "a", prompt: "", expiresAt: Timestamp(milliseconds: .max))),
            .invalidValue, "$.data.expires_at"),
        Refusal(.inputTaken(InputTaken(messageIDs: [])), .invalidValue, "$.data.message_ids"),
        Refusal(.inputTaken(InputTaken(messageIDs: ["m", "m"])), .invalidValue, "$.data.message_ids"),
        Refusal(.agentQueued(AgentQueued(messageIDs: many(257))), .invalidValue, "$.data.message_ids"),
        Refusal(.agentQueued(AgentQueued(attempt: 0)), .invalidValue, "$.data.attempt"),
        Refusal(
            .agentQueued(AgentQueued(notBefore: Timestamp(milliseconds: .max))), .invalidValue, "$.data.not_before"),
        Refusal(
            .agentQueued(AgentQueued(startBy: Timestamp(milliseconds: .max))), .invalidValue, "$.data.start_by"),
        Refusal(.agentStarted(AgentStarted(messageIDs: many(257))), .invalidValue, "$.data.message_ids"),
        Refusal(.agentStarted(AgentStarted(attempt: -1)), .invalidValue, "$.data.attempt"),
        Refusal(
            .usageReported(UsageReported(inputTokens: -1, outputTokens: 1)), .invalidValue, "$.data.input_tokens"),
        Refusal(
            .usageReported(UsageReported(inputTokens: 1, outputTokens: -1)), .invalidValue, "$.data.output_tokens"),
        Refusal(
            .usageReported(UsageReported(inputTokens: 1, outputTokens: 1, cachedInputTokens: -1)), .invalidValue,
            "$.data.cached_input_tokens"),
        Refusal(
            .usageReported(UsageReported(inputTokens: 1, outputTokens: 1, reasoningTokens: -1)), .invalidValue,
            "$.data.reasoning_tokens"),
        Refusal(
            .usageReported(UsageReported(inputTokens: 1, outputTokens: 1, other: ["model": 1])), .duplicateKey,
            "$.data.model"),
        Refusal(
            .usageReported(UsageReported(inputTokens: 1, outputTokens: 1, other: ["x": nested(63)])), .depth,
            "$.data.x"),
        Refusal(
            .approvalRequested(ApprovalRequested(approvalID: "a", prompt: "", approvers: ["u", "u"])), .invalidValue,
            "$.data.approvers"),
        Refusal(
            .stateUpdated(StateUpdated(version: 0, key: "k", change: .removed)), .invalidValue, "$.data.version"),
        Refusal(.custom(CustomEvent(name: "", value: 1)), .invalidValue, "$.data.name"),
        Refusal(.custom(CustomEvent(name: "n", value: nested(63))), .depth, "$.data.value"),
        Refusal(.custom(CustomEvent(name: "n", value: nested(1000))), .depth, "$.data.value"),
    ])
    func whatCouldNotBeReadBackIsNotWritten(_ refusal: Refusal) {
        let event = EventExample(refusal.payload, "").event
        let error = #expect(throws: WireError.self) { try EventEncoder.encode(event) }
        #expect(error?.code == refusal.code)
        #expect(error?.path == refusal.path)
    }

    @Test func theDeepestNestingThatCanBeReadIsWritten() throws {
        let deepest = EventExample(.custom(CustomEvent(name: "n", value: Self.nested(62))), "").event
        #expect(try EventDecoder.decode(EventEncoder.encode(deepest)) == deepest)
        let report = UsageReported(inputTokens: 1, outputTokens: 1, other: ["x": Self.nested(62)])
        let reported = EventExample(.usageReported(report), "").event
        #expect(try EventDecoder.decode(EventEncoder.encode(reported)) == reported)
        let usage = TokenUsage(other: ["x": Self.nested(61)])
        let other = EventExample(.agentCompleted(AgentCompleted(usage: usage, durationMilliseconds: 1)), "").event
        #expect(try EventDecoder.decode(EventEncoder.encode(other)) == other)
    }

    /// A change that makes an envelope impossible.
    struct Impossible: Sendable {
        var type: EventType
        var path: String
        var code: WireError.Code
        var change: @Sendable (inout AgentEvent) -> Void

        init(
            _ type: EventType, _ path: String, _ code: WireError.Code,
            change: @escaping @Sendable (inout AgentEvent) -> Void
        ) {
            self.type = type
            self.path = path
            self.code = code
            self.change = change
        }
    }

    @Test(arguments: [
        Impossible(.agentPaused, "$.run_id", .missingField) { $0.runID = nil },
        Impossible(.agentPaused, "$.run_id", .missingField) { ($0.runID, $0.agent) = (nil, nil) },
        Impossible(.agentPaused, "$.agent", .missingField) { $0.agent = nil },
        Impossible(.custom, "$.agent", .missingField) { $0.agent = nil },
        Impossible(.custom, "$.run_id", .missingField) { $0.runID = nil },
        Impossible(.userMessage, "$.run_id", .fieldNotAllowed) { ($0.runID, $0.agent) = ("r", "a") },
        Impossible(.userMessage, "$.run_id", .fieldNotAllowed) { $0.runID = "r" },
        Impossible(.stateUpdated, "$.agent", .fieldNotAllowed) { $0.agent = "a" },
        Impossible(.agentPaused, "$.id", .invalidValue) { $0.id = EventID(generation: 0, sequence: 1) },
        Impossible(.agentPaused, "$.id", .invalidValue) { $0.id = EventID(generation: 1, sequence: 0) },
        Impossible(.agentPaused, "$.from_seq", .invalidValue) { $0.fromSequence = 0 },
        Impossible(.agentPaused, "$.from_seq", .invalidValue) { $0.fromSequence = 43 },
        Impossible(.agentPaused, "$.from_seq", .fieldNotAllowed) { $0.fromSequence = 41 },
        Impossible(.toolProgress, "$.from_seq", .fieldNotAllowed) { $0.fromSequence = 1 },
        Impossible(.messageDelta, "$.from_seq", .invalidValue) { $0.fromSequence = 42 },
        Impossible(.messageDelta, "$.from_seq", .invalidValue) { $0.fromSequence = 43 },
        Impossible(.agentPaused, "$.time", .invalidValue) { $0.time = Timestamp(milliseconds: .max) },
        Impossible(.agentPaused, "$.time", .invalidValue) { $0.time = Timestamp(milliseconds: -62_167_219_200_001) },
    ])
    func anImpossibleEnvelopeIsNotWritten(_ impossible: Impossible) throws {
        var event = try #require(EventExample.all.first { $0.payload.type == impossible.type }).event
        impossible.change(&event)
        let changed = event
        let error = #expect(throws: WireError.self) { try EventEncoder.encode(changed) }
        #expect(error?.code == impossible.code)
        #expect(error?.path == impossible.path)
    }

    @Test func aCustomEventMayBelongToTheThread() throws {
        var event = EventExample(.custom(CustomEvent(name: "n", value: 1)), "").event
        (event.runID, event.agent) = (nil, nil)
        #expect(try EventDecoder.decode(EventEncoder.encode(event)) == event)
    }
}
