import AgentEvents
import Testing

@Suite struct ReadmeExampleTests {
    @Test func theExampleOfTheReadmeEmitsAWholeRun() async throws {
        let sink = InMemorySink()
        let files = try await answer("Where is the parser?", sink: sink)
        #expect(files == ["README.md"])
        let types: [EventType?] = [
            .agentStarted, .agentThinking, .toolExecuting, .toolCompleted, .messageDelta, .messageCompleted,
            .agentCompleted,
        ]
        #expect(sink.events.map(\.type) == types)
        #expect(sink.events.map(\.sequence) == Array(1...7))
    }
}
