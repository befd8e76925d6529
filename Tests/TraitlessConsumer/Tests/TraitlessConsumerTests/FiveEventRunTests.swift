import AgentEvents
import AgentEventsTesting
import Testing

@Suite struct FiveEventRunTests {
    private static let fiveSteps: [EventType?] = [
        .agentStarted, .agentThinking, .toolExecuting, .toolCompleted, .agentCompleted,
    ]

    @Test func aRunReachesTheInMemorySinkAsFiveEventsInOrder() async throws {
        let sink = InMemorySink()
        let count: Int = try await withAgentRuntime(
            log: InMemoryEventLog(), sinks: [sink], configuration: Self.canonical
        ) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide", input: "How many files?") { run in
                try await run.think("Count them.")
                return try await run.tool("count_files", arguments: ["folder": "Sources"]) { _ in 42 }
            }
        }

        #expect(count == 42)
        let events = sink.events(in: "t_1")
        #expect(events.map(\.type) == Self.fiveSteps)
        #expect(events.map(\.sequence) == [1, 2, 3, 4, 5])
        #expect(Set(events.map(\.id.generation)).count == 1)
        #expect(Set(events.map(\.runID)).count == 1)
        #expect(events.allSatisfy { $0.agent == "guide" })
        #expect(sink.events == events)
        #expect(validate(events: events).isEmpty)
        #expect(validate(events: Array(events.dropLast())).map(\.rule) == ["run.unended"])
        guard case .agentCompleted(let completed) = events.last?.payload else {
            Issue.record("the last event is no agent_completed")
            return
        }
        #expect(completed.result == 42)
    }

    @Test func aRunWithoutAThoughtIsRefusedByTheCanonicalPolicyAndFails() async throws {
        let sink = InMemorySink()
        await #expect(throws: AgentEventsError.self) {
            try await withAgentRuntime(
                log: InMemoryEventLog(), sinks: [sink], configuration: Self.canonical
            ) { runtime in
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                    try await run.tool("count_files", arguments: ["folder": "Sources"]) { _ in }
                }
            }
        }
        #expect(sink.events.map(\.type) == [.agentStarted, .agentFailed])
    }

    private static var canonical: RuntimeConfiguration {
        var configuration = RuntimeConfiguration()
        configuration.orderPolicy = .canonical
        return configuration
    }
}
