import AgentEventsTesting
import Testing

@testable import AgentEvents

/// Ends that are decided in several places at once, and ends that the log refuses.
@Suite(.timeLimit(.minutes(10))) struct EndingTests {
    private struct Broken: Error {}

    /// The run may be ended from elsewhere at any moment; its body's error is the caller's all the same.
    @Test func aRunThatIsEndedWhileItsBodyFailsThrowsTheBodysError() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            for round in 0..<1000 {
                let beginning = Expiry()
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        _ = await #expect(throws: Broken.self, "round \(round)") {
                            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { _ in
                                beginning.happen()
                                throw Broken()
                            }
                        }
                    }
                    group.addTask {
                        while !beginning.hasHappened { await Task.yield() }
                        // Sometimes between two steps of the end.
                        for _ in 0..<round % 4 { await Task.yield() }
                        await #expect(throws: Never.self) { try await context.cancelHostedRuns(reason: "elsewhere") }
                    }
                }
            }
        }
    }

    @Test func aRunThatEndedInItsBodyThrowsTheBodysError() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            _ = await #expect(throws: Broken.self) {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                    try await run.context.cancelHostedRuns(reason: "elsewhere")
                    throw Broken()
                }
            }
        }
    }

    @Test func aCallThatEndedWithItsRunThrowsItsBodysError() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            _ = await #expect(throws: Broken.self) {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                    try await run.tool("search", arguments: ["q": "x"]) { _ in
                        try await run.context.cancelHostedRuns(reason: "elsewhere")
                        throw Broken()
                    }
                }
            }
        }
    }

    /// I4: a call whose end was refused is not taken for one that has ended.
    @Test func whatTheLogRefusesIsRefusedAgainForTheSameReason() async throws {
        let runtime = AgentRuntime(log: InMemoryEventLog())
        async let run: Void = runtime.run()
        let context = try await runtime.context(user: "u_1", thread: "t_1")
        let drafts = [
            EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())),
            EventDraft(runID: "r_1", .toolExecuting(ToolExecuting(callID: "c_1", tool: "t", arguments: [:]))),
        ]
        _ = try await context.emit(drafts)
        runtime.shutdown()
        let completed = ToolCompleted(callID: "c_1", tool: "t", status: .succeeded, durationMilliseconds: 1)
        for _ in 0..<2 {
            let error = await #expect(throws: AgentEventsError.self) {
                try await context.emit(EventDraft(runID: "r_1", .toolCompleted(completed)))
            }
            #expect(error?.code == .log(.closed))
        }
        for draft in [
            EventDraft(runID: "r_1", .agentThinking(AgentThinking(thoughtID: "th_1", text: "a"))),
            EventDraft(
                runID: "r_1",
                .agentFailed(
                    AgentFailed(
                        error: RunFailure(code: "error", message: "", retryable: false), durationMilliseconds: 1))),
        ] {
            let error = await #expect(throws: AgentEventsError.self) { _ = try await context.emit([draft]) }
            #expect(error?.code == .log(.closed))
        }
        try await run
    }

    /// The time limit is what learns first that the log takes nothing any longer.
    @Test func aCallWhoseTimeIsOverWhenTheLogIsClosedThrowsTheLogsError() async throws {
        var configuration = RuntimeConfiguration()
        let clock = ManualClock()
        configuration.durationClock = clock
        let runtime = AgentRuntime(log: InMemoryEventLog(), configuration: configuration)
        async let running: Void = runtime.run()
        do {
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                let error = await #expect(throws: AgentEventsError.self) {
                    try await run.tool("search", arguments: ["q": "x"], timeout: .seconds(2)) { _ in
                        try await clock.waitForSleepers(1)
                        runtime.shutdown()
                        clock.advance(by: .seconds(2))
                        // Cancelled when its end was tried.
                        while !Task.isCancelled { await Task.yield() }
                        throw Broken()
                    }
                }
                #expect(error?.code == .log(.closed))
            }
            Issue.record("the run throws")
        } catch AgentEventsError.Code.log(.closed) {
        }
        try await running
    }
}
