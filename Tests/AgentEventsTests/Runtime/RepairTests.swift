import AgentEvents
import AgentEventsTesting
import Testing

/// The start after a crash: what it left open is ended, or the start fails (I7, I9).
@Suite(.timeLimit(.minutes(10))) struct RepairTests {
    /// A log that a process left with an open run, in which a message is open.
    private func crashedLog(text: String = "Half") async throws -> InMemoryEventLog {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            _ = try await context.emit([
                EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())),
                EventDraft(runID: "r_1", .messageDelta(MessageDelta(messageID: "m_1", text: text))),
                EventDraft(runID: "r_1", .messageDelta(MessageDelta(messageID: "m_1", text: text))),
            ])
        }
        log.close()
        return log
    }

    private func storedTypes(_ log: InMemoryEventLog) async throws -> [String] {
        try await log.read(LogRead(.thread("t_1", after: 0))).events.map { try EventDecoder.decode($0.bytes).typeName }
    }

    @Test(arguments: 1...3)
    func aRepairThatCannotReadEndsTheStart(failingCall: Int) async throws {
        let log = try await crashedLog()
        let runtime = AgentRuntime(
            log: FaultyLog(log, reads: FaultPlan().on(failingCall, .fail), code: .corrupt))
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                let error = await #expect(throws: AgentEventsError.self) { try await runtime.run() }
                #expect(error?.code == .log(.corrupt))
            }
            group.addTask {
                let error = await #expect(throws: AgentEventsError.self) { try await runtime.waitForStart() }
                #expect(error?.code == .log(.corrupt))
            }
        }
        let late = await #expect(throws: AgentEventsError.self) {
            try await runtime.context(user: "u_1", thread: "t_1")
        }
        #expect(late?.code == .log(.corrupt))
    }

    @Test func aRepairThatCannotWriteEndsTheStart() async throws {
        let log = try await crashedLog()
        let runtime = AgentRuntime(log: FaultyLog(log, appends: FaultPlan().on(1, .fail), code: .full))
        let error = await #expect(throws: AgentEventsError.self) { try await runtime.run() }
        #expect(error?.code == .log(.full))
    }

    @Test func aShutdownDuringTheRepairLeavesItToTheNextStart() async throws {
        let log = try await crashedLog()
        let hanging = FaultyLog(log, reads: FaultPlan().on(2, .hang))
        let runtime = AgentRuntime(log: hanging)
        async let run: Void = runtime.run()
        while hanging.hangingCount == 0 { await Task.yield() }
        runtime.shutdown()
        try await run
        log.close()
        try await withAgentRuntime(log: log) { try await $0.waitForStart() }
        #expect(try await storedTypes(log).suffix(2) == ["message_completed", "agent_failed"])
    }

    @Test func aRunIsEndedThoughTheLimitWasLowered() async throws {
        let log = try await crashedLog(text: String(repeating: "x", count: 3000))
        var configuration = RuntimeConfiguration()
        configuration.maximumEventByteCount = 4096
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            try await runtime.waitForStart()
            // What others emit has to fit.
            let error = await #expect(throws: AgentEventsError.self) {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                    try await run.think(String(repeating: "x", count: 4096))
                }
            }
            #expect(error?.code == .tooLarge)
        }
        #expect(
            try await storedTypes(log).suffix(4)
                == ["message_completed", "agent_failed", "agent_started", "agent_failed"])
    }

    @Test func aRunEndsHoweverLowTheLimitIs() async throws {
        struct Verbose: Error, CustomStringConvertible {
            let description = String(repeating: "why ", count: 1000)
        }
        let log = InMemoryEventLog()
        var configuration = RuntimeConfiguration()
        configuration.maximumEventByteCount = 512
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            _ = await #expect(throws: Verbose.self) {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { _ in throw Verbose() }
            }
        }
        #expect(try await storedTypes(log) == ["agent_started", "agent_failed"])
    }

    /// The text of an error is cut, and says so; one that fits is as it was, whatever its characters.
    @Test(arguments: [
        ("🦩", 500_000, true), ("\"", 2_000_000, true), ("語", 1000, false), ("🦩", 1000, false), ("語", 1001, true),
    ])
    func theErrorOfARunAndOfACallIsCutAtALimit(_ text: String, _ count: Int, isCut: Bool) async throws {
        struct Verbose: Error, CustomStringConvertible {
            let description: String
        }
        let failure = Verbose(description: String(repeating: text, count: count))
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            _ = await #expect(throws: Verbose.self) {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                    try await run.tool("search", arguments: ["q": "x"]) { _ in throw failure }
                }
            }
        }
        let events = try await log.read(LogRead(.thread("t_1", after: 0))).events
        #expect(events.count == 4)
        for event in events.suffix(2) {
            #expect(event.bytes.count < 10_000)
            let message = try JSONValue(parsing: event.bytes)["data"]?["error"]?["message"]?.stringValue
            #expect(message == String(repeating: text, count: min(count, 1000)) + (isCut ? "…" : ""))
        }
    }
}
