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

    /// What has not begun cannot be lost, and neither a restart nor a stop takes a place in the queue.
    @Test func aQueuedRunStaysQueued() async throws {
        let log = InMemoryEventLog()
        for attempt in 0..<3 {
            try await withAgentRuntime(log: log) { runtime in
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                if attempt == 0 {
                    _ = try await context.emit([
                        EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())),
                        EventDraft(runID: "r_2", agent: "guide", .agentQueued(AgentQueued(messageIDs: ["m_1"]))),
                    ])
                }
                if attempt == 1 { try await runtime.cancelHostedRuns(reason: "shutdown") }
                if attempt == 2 {
                    _ = try await context.emit(
                        EventDraft(runID: "r_2", agent: "guide", .agentStarted(AgentStarted())))
                }
            }
            log.close()
            let expected = ["agent_started", "agent_queued", "agent_failed", "agent_started"]
            #expect(try await storedTypes(log) == Array(expected.prefix([2, 3, 4][attempt])))
        }
        // It has started, and with its process it is lost.
        try await withAgentRuntime(log: log) { try await $0.waitForStart() }
        #expect(try await storedTypes(log).last == "agent_failed")
        #expect(try await log.thread("t_1")?.openRuns == [])
    }

    @Test func aQueuedRunThatHadToStartWhileNobodyWasThereHasNotStartedInTime() async throws {
        let log = InMemoryEventLog()
        let clock = ManualClock()
        let configuration = RuntimeConfiguration(environment: .manual(clock))
        let startBy = clock.wallClock.now().milliseconds + 1000
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let queued = AgentQueued(startBy: Timestamp(milliseconds: startBy))
            _ = try await context.emit(EventDraft(runID: "r_1", agent: "guide", .agentQueued(queued)))
        }
        log.close()
        clock.advance(by: .seconds(2))
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let late = EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted()))
            let error = await #expect(throws: AgentEventsError.self) { try await context.emit(late) }
            #expect(error?.code == .order(.alreadyStarted))
        }
        let last = try #require(try await log.read(LogRead(.thread("t_1", after: 0))).events.last)
        guard case .agentFailed(let failed) = try EventDecoder.decode(last.bytes).payload else {
            Issue.record("it is \(String(decoding: last.bytes, as: UTF8.self))")
            return
        }
        #expect(failed.error.code == "run.not_started_in_time")
        #expect(failed.durationMilliseconds == 0)
    }

    /// What the reports of a lost run add up to is not lost with it.
    @Test func aLostRunSaysWhatItHasReported() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let report = EventPayload.usageReported(
                UsageReported(model: "m", inputTokens: 10, outputTokens: 2, cachedInputTokens: 3))
            _ = try await context.emit([
                EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())),
                EventDraft(runID: "r_1", report),
                EventDraft(runID: "r_2", agent: "guide", .agentStarted(AgentStarted(parentRunID: "r_1"))),
                EventDraft(runID: "r_2", report),
                EventDraft(runID: "r_2", .agentCompleted(AgentCompleted(durationMilliseconds: 1))),
                EventDraft(runID: "r_3", agent: "guide", .agentStarted(AgentStarted(parentRunID: "r_1"))),
                EventDraft(runID: "r_3", report),
                EventDraft(runID: "r_1", .toolExecuting(ToolExecuting(callID: "c_1", tool: "t", arguments: [:]))),
            ])
        }
        log.close()
        try await withAgentRuntime(log: log) { try await $0.waitForStart() }
        let events = try await log.read(LogRead(.thread("t_1", after: 0))).events.map {
            try EventDecoder.decode($0.bytes)
        }
        guard case .agentFailed(let failed) = events.last?.payload,
            case .agentCancelled(let cancelled) = events.dropLast().last?.payload,
            case .toolCompleted(let completed) = events.dropLast(2).last?.payload
        else {
            Issue.record("it ends with \(events.suffix(3).map(\.typeName))")
            return
        }
        #expect(failed.error.code == "run.lost")
        #expect(
            failed.usage == TokenUsage(inputTokens: 30, outputTokens: 6, other: ["cached_input_tokens": 9]))
        #expect(
            cancelled.usage == TokenUsage(inputTokens: 10, outputTokens: 2, other: ["cached_input_tokens": 3]))
        #expect(completed.error == .lost)
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
