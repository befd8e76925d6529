import Testing

@testable import AgentEvents

/// Ends that are decided in several places at once.
@Suite(.timeLimit(.minutes(1))) struct EndingTests {
    private struct Broken: Error {}

    /// The run may be ended from elsewhere at any moment; its body's error is the caller's all the same.
    @Test func aRunThatIsEndedWhileItsBodyFailsThrowsTheBodysError() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            for _ in 0..<300 {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        _ = await #expect(throws: Broken.self) {
                            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { _ in
                                throw Broken()
                            }
                        }
                    }
                    group.addTask {
                        while !Task.isCancelled {
                            await #expect(throws: Never.self) { try await context.cancelOpenRuns(reason: "elsewhere") }
                            await Task.yield()
                        }
                    }
                    await group.next()
                    group.cancelAll()
                }
            }
        }
    }

    @Test func aCallThatEndedWithItsRunThrowsItsBodysError() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            _ = await #expect(throws: Broken.self) {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                    try await run.tool("search", arguments: ["q": "x"]) { _ in
                        try await run.context.cancelOpenRuns(reason: "elsewhere")
                        throw Broken()
                    }
                }
            }
        }
    }
}
