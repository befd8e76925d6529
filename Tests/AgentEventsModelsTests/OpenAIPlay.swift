import AgentEvents
import Testing

@testable import AgentEventsModels

/// What an answer came to.
struct PlayedAnswer: Hashable, Sendable {
    enum Outcome: Hashable, Sendable {
        case whole
        case failed(ModelError.Code)
        /// It wants more.
        case open
    }

    var parts: [ModelPart] = []
    var outcome = Outcome.open
    var message = ""

    init(_ parts: [ModelPart] = [], _ outcome: Outcome = .open) {
        self.parts = parts
        self.outcome = outcome
    }

    /// The text in one piece.
    var text: String {
        parts.compactMap { if case .text(let text) = $0 { text } else { nil } }.joined()
    }

    var thoughts: String {
        parts.compactMap { if case .thought(let text) = $0 { text } else { nil } }.joined()
    }

    var calls: [ModelCall] { parts.compactMap { if case .call(let call) = $0 { call } else { nil } } }
    var usage: [UsageReported] { parts.compactMap { if case .usage(let usage) = $0 { usage } else { nil } } }

    fileprivate mutating func take(_ action: AnswerAction) {
        guard outcome == .open else {
            #expect(action == .give([]), "after the end")
            return
        }
        switch action {
        case .give(let more): parts += more
        case .finish(let more):
            parts += more
            outcome = .whole
        case .fail(let more, let error):
            parts += more
            outcome = .failed(error.code)
            message = error.message
        }
    }

    /// Plays the pieces of a body, and its end.
    static func of<Machine: AnswerStateMachine>(
        _ machine: Machine, body pieces: [[UInt8]], ends: Bool = true, cause: ModelError? = nil
    ) -> PlayedAnswer {
        var answer = PlayedAnswer()
        var reading = AnswerReading(machine)
        for piece in pieces {
            var rest = piece[...]
            while let action = reading.next(in: &rest) {
                answer.take(action)
                // What reads it stops here.
                if answer.outcome != .open { return answer }
            }
        }
        if ends { answer.take(reading.end(cause)) }
        return answer
    }

    static func chat(
        _ events: [String], tools: [ToolName] = [], done: Bool = true, ends: Bool = true, cause: ModelError? = nil
    ) -> PlayedAnswer {
        let body = (events + (done ? ["[DONE]"] : [])).map { Array("data: \($0)\n\n".utf8) }
        return of(
            ChatCompletionStateMachine(model: "m", names: names(tools)), body: body, ends: ends, cause: cause)
    }

    static func responses(_ events: [String], tools: [ToolName] = [], cause: ModelError? = nil) -> PlayedAnswer {
        of(
            ResponsesStateMachine(model: "m", names: names(tools)),
            body: events.map { Array("event: x\ndata: \($0)\n\n".utf8) }, cause: cause)
    }

    private static func names(_ tools: [ToolName]) -> FunctionNames {
        FunctionNames(
            ModelRequest(tools: tools.map { ToolDescription(name: $0, text: "", parameters: ["type": "object"]) }))
    }
}

/// Chunks of chat completions.
enum Chunk {
    static func delta(_ delta: String, finish: String? = nil) -> String {
        #"{"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":\#(delta),"finish_reason":\#(finish.map { "\"\($0)\"" } ?? "null")}]}"#
    }

    static func text(_ text: String) -> String { delta(#"{"content":"\#(text)"}"#) }
    static func calls(_ entries: String) -> String { delta(#"{"tool_calls":[\#(entries)]}"#) }
    static func finish(_ reason: String) -> String { delta("{}", finish: reason) }

    static let usage =
        #"{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":3},"completion_tokens_details":{"reasoning_tokens":2}}}"#
}

extension UsageReported {
    static let ofChunk = UsageReported(
        model: "m", inputTokens: 12, outputTokens: 5, cachedInputTokens: 3, reasoningTokens: 2)
}
