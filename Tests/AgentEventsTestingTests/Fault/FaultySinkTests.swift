import AgentEvents
import AgentEventsTesting
import Testing

@Suite(.timeLimit(.minutes(10))) struct FaultySinkTests {
    private static func batch(_ steps: [Step] = [.start, .think(), .complete]) throws -> SinkBatch {
        SinkBatch(
            events: try steps.events().map {
                StoredEvent(thread: $0.threadID, id: $0.id, bytes: try EventEncoder.encode($0))
            })
    }

    @Test(arguments: [(Fault.fail, 0), (.failAfterwards, 3), (.partial(2), 2), (.partial(0), 0)])
    func aCallFailsAndTheNextGoesThrough(fault: Fault, taken: Int) async throws {
        let memory = InMemorySink()
        let sink = FaultySink(memory, plan: FaultPlan().on(1, fault))
        await #expect(throws: InjectedFault(call: 1, fault: fault)) { try await sink.receive(try Self.batch()) }
        #expect(memory.events.count == taken)
        try await sink.receive(try Self.batch())
        #expect(memory.events.count == taken + 3)
        #expect(sink.callCount == 2)
        #expect(sink.injected == [InjectedFault(call: 1, fault: fault)])
    }

    @Test func aCallHangsUntilItIsReleased() async throws {
        let memory = InMemorySink()
        let sink = FaultySink(memory, plan: FaultPlan().on(1, .hang))
        let batch = try Self.batch()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sink.receive(batch) }
            while sink.hangingCount == 0 { await Task.yield() }
            #expect(memory.events.isEmpty)
            sink.release()
            try await group.waitForAll()
        }
        #expect(memory.events.count == 3)
    }

    @Test func aHangingCallCanBeCancelled() async throws {
        let sink = FaultySink(plan: FaultPlan().from(1, .hang))
        let batch = try Self.batch()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    try await sink.receive(batch)
                    return false
                } catch {
                    return error is CancellationError
                }
            }
            group.cancelAll()
            for await isCancelled in group { #expect(isCancelled) }
        }
    }

    @Test func acknowledgementsComeInAnotherOrder() async throws {
        let memory = InMemorySink()
        let sink = FaultySink(memory, plan: FaultPlan().on(1, .overtaken(by: 2)))
        let returned = Reports()
        let batch = try Self.batch()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await sink.receive(batch)
                returned.add("1")
            }
            while sink.hangingCount == 0 { await Task.yield() }
            // It is done, and not acknowledged.
            #expect(memory.events.count == 3)
            for call in 2...3 {
                #expect(returned.texts == (2..<call).map { "\($0)" })
                try await sink.receive(batch)
                returned.add("\(call)")
                #expect(sink.hangingCount == (call == 2 ? 1 : 0))
            }
            try await group.waitForAll()
        }
        #expect(Set(returned.texts) == ["1", "2", "3"])
        #expect(memory.events.count == 9)
    }

    @Test func aCallThatNobodyOvertakesWaitsForTheRelease() async throws {
        let sink = FaultySink(plan: FaultPlan().on(1, .overtaken(by: 1)))
        let batch = try Self.batch()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sink.receive(batch) }
            while sink.hangingCount == 0 { await Task.yield() }
            sink.release()
            try await group.waitForAll()
        }
        #expect(sink.injected == [InjectedFault(call: 1, fault: .overtaken(by: 1))])
    }

    @Test func aCallIsDelayedOnTheClock() async throws {
        let clock = ManualClock()
        let memory = InMemorySink()
        let plan = FaultPlan().on(1, .delay(.seconds(2))).latency(.constant(.seconds(1)))
        let sink = FaultySink(memory, plan: plan, clock: clock)
        let batch = try Self.batch()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await sink.receive(batch) }
            try await clock.waitForSleepers()
            clock.advance(by: .seconds(1))
            try await clock.waitForSleepers()
            #expect(memory.events.isEmpty)
            clock.advance(by: .seconds(2))
            try await group.waitForAll()
        }
        #expect(memory.events.count == 3)
    }

    @Test(arguments: 0..<10)
    func aRuntimeGivesAFaultySinkEverythingInTheEnd(seed: UInt64) async throws {
        let memory = InMemorySink()
        let plan = FaultPlan(seed: seed).rate(0.2, .fail).rate(0.2, .failAfterwards).rate(0.3, .partial(1))
        let sink = FaultySink(memory, plan: plan)
        var configuration = RuntimeConfiguration.deterministic()
        configuration.sinkRetry.maximumAttempts = 100
        configuration.sinkRetry.firstPause = .zero
        configuration.sinkRetry.longestPause = .zero
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink], configuration: configuration) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                for number in 0..<50 {
                    try await run.think("\(number)")
                    try await run.flush()
                }
            }
        }
        var seen: [UInt64] = []
        for event in memory.events where !seen.contains(event.sequence) { seen.append(event.sequence) }
        #expect(seen == Array(1...52), "\(plan)")
    }
}
