import AgentEvents
import Testing

/// A piece of a model's answer.
enum ModelPiece: Sendable {
    case thought(String)
    case text(String)
    case call(ModelCall)
    case usage(TokenUsage)
}

/// A call that a model asks for, under the id that the model gave it.
struct ModelCall: Sendable {
    let id: CallID
    let tool: ToolName
    let arguments: JSONValue
}

protocol LanguageModel: Sendable {
    func stream(_ messages: [String]) -> AsyncThrowingStream<ModelPiece, any Error>
}

func answer(_ question: String, with model: some LanguageModel, run: AgentRun) async throws {
    var messages = [question]
    while true {
        var calls: [ModelCall] = []
        try await run.withThought { thought in
            for try await piece in model.stream(messages) {
                switch piece {
                case .thought(let fragment): try await thought.append(fragment)
                case .text(let fragment): try await run.say(fragment)
                case .call(let call): calls.append(call)
                case .usage(let tokens): run.usage += tokens
                }
            }
        }
        if calls.isEmpty { return }
        messages += try await results(of: calls, run: run)
    }
}

func results(of calls: [ModelCall], run: AgentRun) async throws -> [String] {
    try await withThrowingTaskGroup(of: String.self) { group in
        for call in calls {
            group.addTask {
                try await run.tool(call.tool, id: call.id, arguments: call.arguments) { _ in
                    try await carryOut(call)
                }
            }
        }
        return try await group.reduce(into: []) { $0.append($1) }
    }
}

private func carryOut(_ call: ModelCall) async throws -> String { "the result of \(call.tool)" }

/// The agent of the article *An agent around a streaming model*.
struct StreamingAgentTests {
    private struct Scripted: LanguageModel {
        func stream(_ messages: [String]) -> AsyncThrowingStream<ModelPiece, any Error> {
            let pieces: [ModelPiece] =
                messages.count == 1
                ? [
                    .thought("Two files may "), .thought("have it."),
                    .usage(TokenUsage(inputTokens: 9, outputTokens: 4)),
                    .call(ModelCall(id: "call_1", tool: "read", arguments: ["file": "a"])),
                    .call(ModelCall(id: "call_2", tool: "read", arguments: ["file": "b"])),
                ] : [.text("It is "), .text("in a."), .usage(TokenUsage(inputTokens: 20, outputTokens: 3))]
            return AsyncThrowingStream { continuation in
                for piece in pieces { continuation.yield(piece) }
                continuation.finish()
            }
        }
    }

    @Test func theEventsAreThoseOfTheModelsPieces() async throws {
        let sink = InMemorySink()
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink]) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "reader", input: "Where?") { run in
                try await answer("Where?", with: Scripted(), run: run)
            }
        }
        let types = sink.events.map(\.payload.type)
        #expect(types.prefix(3) == [.agentStarted, .agentThinking, .agentThinking])
        #expect(types.filter { $0 == .toolCompleted }.count == 2)
        #expect(types.suffix(4) == [.messageDelta, .messageDelta, .messageCompleted, .agentCompleted])
        guard case .agentCompleted(let end)? = sink.events.last?.payload else {
            Issue.record("the run has no end")
            return
        }
        #expect(end.usage == TokenUsage(inputTokens: 29, outputTokens: 7))
    }
}
