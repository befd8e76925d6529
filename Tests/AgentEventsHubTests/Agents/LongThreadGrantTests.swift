import AgentEvents
import AgentEventsTesting
import Testing

/// Questions about calls in a thread with a long history: what was granted in it is found without reading the whole of it.
@Suite(.timeLimit(.minutes(10))) struct LongThreadGrantTests {
    private static let length = 6000

    private static func lengthen(_ runtime: AgentRuntime) async throws {
        let context = try await runtime.context(user: "u_1", thread: "t_1")
        let note = EventDraft(.custom(CustomEvent(name: "note", value: 1)))
        for _ in 0..<(length / 1000) { _ = try await context.emit(Array(repeating: note, count: 1000)) }
        try await runtime.flush()
    }

    private static func ask(_ runtime: AgentRuntime) async throws {
        try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
            try await run.tool("deploy", arguments: 1) { call in
                _ = try await run.approve("May I?", for: call.id, id: "a_1").get()
            }
        }
    }

    /// Answers once somebody waits for that.
    private static func answer(_ runtime: AgentRuntime, _ grant: ApprovalGrant? = nil) async throws {
        let context = try await runtime.context(user: "u_1", thread: "t_1")
        while await context.askingTaskCount == 0 { await Task.yield() }
        _ = try await context.answer(ApprovalAnswer("a_1", isApproved: true, grant: grant, by: "u_1"))
    }

    @Test func aQuestionReadsNothingOfALongThread() async throws {
        let base = InMemoryEventLog(generations: .counting)
        let log = ReadCountingLog(base)
        try await withAgentRuntime(log: log) { runtime in
            try await Self.lengthen(runtime)
            let count = try await log.reads {
                async let asked: Void = Self.ask(runtime)
                try await Self.answer(runtime)
                try await asked
            }
            // Its own events.
            #expect(count < 20)
            // Here a grant is given: the thread is read, once.
            let giving = try await log.reads {
                async let asked: Void = Self.ask(runtime)
                try await Self.answer(runtime, ApprovalGrant())
                try await asked
            }
            #expect(giving < Self.length + 100)
        }
        base.close()
        try await withAgentRuntime(log: log) { runtime in
            // Nobody answers: it is granted.
            let count = try await log.reads { try await Self.ask(runtime) }
            #expect(count < ThreadFold.eventsPerStoredState)
        }
    }
}
