import AgentEvents
import AgentEventsTesting
import Testing

/// The bytes of a run against a golden file, which is a recording like any other.
@Suite struct DeterministicRunTests {
    private static func lines() async throws -> [String] {
        let clock = ManualClock()
        let log = InMemoryEventLog(generations: .counting)
        try await withAgentRuntime(log: log, configuration: .deterministic(clock: clock)) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide", input: "Where?") { run in
                try await run.think("Hm.")
                try await run.tool("search", arguments: ["q": "x"]) { call in
                    try await call.progress("half", fraction: 0.5)
                    clock.advance(by: .milliseconds(1250))
                    return 2
                }
                try await run.say("There.")
                clock.advance(by: .seconds(60))
                return ["line": 2]
            }
            await #expect(throws: CancellationError.self) {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "reader") { _ in
                    throw CancellationError()
                }
            }
        }
        return try await log.read(LogRead(.thread("t_1", after: 0))).events.map {
            String(decoding: $0.bytes, as: UTF8.self)
        }
    }

    @Test(arguments: 1...3)
    func theBytesOfARunAreThoseOfTheGoldenFileEveryTime(round: Int) async throws {
        let lines = try await Self.lines()
        let golden = try Recording.lines(of: "goldenRun")
        #expect(lines == golden)
    }
}
