import AgentEvents
import AgentEventsTesting
import Testing

@Suite struct DeterministicRunTests {
    private static let golden = [
        #"{"type":"agent_started","id":"1-1","seq":1,"thread_id":"t_1","run_id":"r_1","agent":"guide","time":"2026-11-21T02:00:00.000Z","data":{}}"#,
        #"{"type":"agent_thinking","id":"1-2","seq":2,"thread_id":"t_1","run_id":"r_1","agent":"guide","time":"2026-11-21T02:00:00.000Z","data":{"thought_id":"th_1","text":"Hm."}}"#,
        #"{"type":"tool_executing","id":"1-3","seq":3,"thread_id":"t_1","run_id":"r_1","agent":"guide","time":"2026-11-21T02:00:00.000Z","data":{"call_id":"c_1","tool":"search","arguments":{"q":"x"}}}"#,
        #"{"type":"tool_completed","id":"1-4","seq":4,"thread_id":"t_1","run_id":"r_1","agent":"guide","time":"2026-11-21T02:00:01.250Z","data":{"call_id":"c_1","tool":"search","status":"succeeded","result":2,"duration_ms":1250}}"#,
        #"{"type":"agent_completed","id":"1-5","seq":5,"thread_id":"t_1","run_id":"r_1","agent":"guide","time":"2026-11-21T02:00:01.250Z","data":{"duration_ms":1250}}"#,
    ]

    @Test(arguments: 1...3)
    func theBytesOfARunAreTheSameEveryTime(round: Int) async throws {
        let clock = ManualClock()
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log, configuration: .deterministic(clock: clock)) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                try await run.think("Hm.")
                try await run.tool("search", arguments: ["q": "x"]) { _ in
                    clock.advance(by: .milliseconds(1250))
                    return 2
                }
            }
        }
        let page = try await log.read(LogRead(.all(afterOffset: 0)))
        #expect(page.events.map { String(decoding: $0.bytes, as: UTF8.self) } == Self.golden)
    }
}
