import AgentEvents
import Testing

/// The state of a thread, as the runtime gives it.
struct RuntimeStateTests {
    @Test func theStateIsTheFoldOfAllEventsAndLeadsOn() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                try await run.say("Hello.", id: "m_1")
            }
            let state = try await runtime.state(of: "t_7", user: "u_1")
            #expect(state.cursor?.sequence == 4)
            #expect(state.messages.map(\.text) == ["Hello."])
            #expect(state.runs.count == 1)
            #expect(state.openRuns.isEmpty)

            try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { _ in }
            var followed = state
            let cursor = try #require(state.cursor)
            for try await event in try await runtime.events(user: "u_1", thread: "t_7", from: .after(cursor)) {
                followed.apply(event)
                if event.type == .agentCompleted { break }
            }
            #expect(try await runtime.state(of: "t_7", user: "u_1") == followed)
        }
    }

    @Test func aThreadWithoutEventsHasAnEmptyState() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            let state = try await runtime.state(of: "t_7", user: "u_1")
            #expect(state == ThreadState())
        }
    }

    @Test func theStateOfAThreadOfSomebodyElseIsRefused() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { _ in }
            let error = await #expect(throws: AgentEventsError.self) {
                try await runtime.state(of: "t_7", user: "u_2")
            }
            #expect(error?.code == .threadForbidden)
        }
    }
}
