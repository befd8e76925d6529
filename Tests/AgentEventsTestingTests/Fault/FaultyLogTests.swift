import AgentEvents
import AgentEventsTesting
import Testing

@Suite(.timeLimit(.minutes(10))) struct FaultyLogTests {
    @Test func aLogWithoutFaultsConforms() async throws {
        try await EventLogConformance(make: { FaultyLog(InMemoryEventLog()) }).run()
    }

    @Test(arguments: [(Fault.fail, 2), (.failAfterwards, 3), (.partial(1), 2)])
    func aRunFailsWithItsLogAndNothingUncommittedIsShown(fault: Fault, logged: Int) async throws {
        let memory = InMemoryEventLog()
        let log = FaultyLog(memory, appends: FaultPlan().on(3, fault), code: .full)
        let sink = InMemorySink()
        await #expect {
            try await withAgentRuntime(log: log, sinks: [sink]) { runtime in
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                    for _ in 0..<10 {
                        try await run.flush()
                        try await run.think("Hm.")
                    }
                }
            }
        } throws: { error in
            (error as? AgentEventsError)?.code == .log(.full)
        }
        #expect(sink.events.count <= logged)
        #expect(log.injected == [InjectedFault(call: 3, fault: fault)])
        #expect(log.appendCount == 3)
        #expect(try await memory.read(LogRead(.all(afterOffset: 0))).events.count == logged)
    }

    @Test func aLogThatCannotBeOpenedIsToldSo() async throws {
        let log = FaultyLog(openings: FaultPlan().on(1, .fail), code: .locked)
        await expectError(.locked) { _ = try await log.open() }
        #expect(try await log.open().generation > 0)
        let afterwards = FaultyLog(openings: FaultPlan().on(1, .failAfterwards))
        await expectError(.failed) { _ = try await afterwards.open() }
        await expectError(.locked) { _ = try await afterwards.open() }
    }

    @Test func readsGoWrongOnTheirOwn() async throws {
        let log = FaultyLog(reads: FaultPlan().from(2, .fail), code: .corrupt)
        _ = try await log.open()
        _ = try await log.read(LogRead(.all(afterOffset: 0)))
        await expectError(.corrupt) { _ = try await log.read(LogRead(.all(afterOffset: 0))) }
        await expectError(.corrupt) { _ = try await log.thread("t_1") }
        await expectError(.corrupt) { _ = try await log.startedRuns(among: ["r_1"], in: "t_1") }
        await expectError(.corrupt) { _ = try await log.recall("k_1", in: "t_1") }
    }

    @Test func aRunWaitsForALogThatHangs() async throws {
        let log = FaultyLog(appends: FaultPlan().on(1, .hang))
        let sink = InMemorySink()
        try await withAgentRuntime(log: log, sinks: [sink]) { runtime in
            async let run: Void = runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { _ in }
            while log.hangingCount == 0 { await Task.yield() }
            #expect(sink.events.isEmpty)
            log.release()
            try await run
        }
        #expect(sink.events.count == 2)
    }
}

/// Expects an error of a log with this code.
private func expectError(_ code: EventLogError.Code, _ body: () async throws -> Void) async {
    await #expect {
        try await body()
    } throws: { error in
        code ~= error
    }
}
