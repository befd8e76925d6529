import AgentEvents
import AgentEventsTesting
import Testing

/// The fence before what workers emit: decided in the actor of the thread, with nothing in between.
@Suite(.timeLimit(.minutes(10))) struct LeaseTests {
    private let log = InMemoryEventLog()
    private let clock = ManualClock()

    private func withContext(
        _ mode: RestartMode = .never,
        _ body: (AgentRuntime, ExecutionContext) async throws -> Void
    ) async throws {
        var configuration = RuntimeConfiguration.deterministic(clock: clock)
        configuration.durationClock = clock
        let runtime = AgentRuntime(log: log, configuration: configuration)
        runtime.recover { _ in RunRecovery.Policy(mode) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runtime.run() }
            try await body(runtime, try await runtime.context(user: "u_1", thread: "t_1"))
            runtime.shutdown()
            try await group.waitForAll()
        }
    }

    /// Starts a run by a lease, as the hub does when a worker has taken it.
    private func start(_ context: ExecutionContext) async throws {
        _ = try await context.decide { _, _ in
            ThreadDecision(
                (), drafts: [EventDraft(runID: "own_1", agent: "guide", .agentStarted(AgentStarted()))],
                startedRun: "own_1", lease: "l_1")
        }
    }

    private static func thought(_ run: RunID = "own_1") -> EventDraft {
        EventDraft(runID: run, .agentThinking(AgentThinking(thoughtID: "th_1", text: "hm")))
    }

    private static func child(_ parent: RunID?) -> EventDraft {
        EventDraft(runID: "own_child", agent: "scout", .agentStarted(AgentStarted(parentRunID: parent)))
    }

    private func emit(
        _ drafts: [EventDraft],
        lease: LeaseID?,
        key: IdempotencyKey? = nil,
        _ context: ExecutionContext
    ) async -> AgentEventsError.Code? {
        do throws(AgentEventsError) {
            _ = try await context.emit(drafts, as: key.map { RequestKey($0) }, by: "worker", lease: lease)
            return nil
        } catch {
            return error.code
        }
    }

    private func types() async throws -> [String] {
        try await log.read(LogRead(.thread("t_1", after: 0))).events.map { try EventDecoder.decode($0.bytes).typeName }
    }

    @Test func onlyTheLeaseOfTheRunEmitsForIt() async throws {
        try await withContext { runtime, context in
            try await start(context)
            #expect(await emit([Self.thought()], lease: "l_1", context) == nil)
            #expect(await emit([Self.thought()], lease: "l_2", context) == .leaseLost)
            #expect(await emit([Self.thought()], lease: nil, context) == .leaseLost)
            // Below it, too.
            #expect(await emit([Self.child("own_1")], lease: nil, context) == .leaseLost)
            #expect(await emit([Self.child("own_1"), Self.thought("own_child")], lease: "l_1", context) == nil)
            #expect(await emit([Self.thought("own_child")], lease: "l_2", context) == .leaseLost)
            // And nothing else by it.
            let other = EventDraft(runID: "own_2", agent: "guide", .agentStarted(AgentStarted()))
            #expect(await emit([other], lease: "l_1", context) == .leaseLost)
            #expect(await emit([other], lease: nil, context) == nil)
            #expect(await emit([Self.thought("own_2")], lease: "l_1", context) == .leaseLost)
            // All or nothing.
            #expect(await emit([Self.thought(), Self.thought("own_2")], lease: "l_1", context) == .leaseLost)
            try await runtime.flush()
            #expect(
                try await types() == [
                    "agent_started", "agent_thinking", "agent_started", "agent_thinking", "agent_started",
                ])
        }
    }

    /// Runs that name themselves, or each other, as their parent are refused for that.
    @Test(
        .timeLimit(.minutes(1)), arguments: [["own_a"], ["own_a", "own_b"], ["own_a", "own_b", "own_c"]] as [[RunID]])
    func aCircleOfRunsIsRefused(runs: [RunID]) async throws {
        try await withContext { _, context in
            try await start(context)
            let drafts = runs.indices.map { place in
                EventDraft(
                    runID: runs[place], agent: "scout",
                    .agentStarted(AgentStarted(parentRunID: runs[(place + 1) % runs.count])))
            }
            #expect(await emit(drafts, lease: nil, context) == .order(.parentNotOpen))
            #expect(await emit(drafts, lease: "l_9", context) != nil)
        }
    }

    @Test func codeInTheProcessIsNotFenced() async throws {
        try await withContext { _, context in
            try await start(context)
            _ = try await context.emit([Self.thought()])
            _ = try await context.command(RunCommand(.stop))
            #expect(await context.endLease("l_1", of: "own_1") == .stopped)
        }
    }

    /// 67: nothing of it is in the log; and without its lease the order is the fence.
    @Test func whatComesAfterTheWorkerWasLostIsRefused() async throws {
        try await withContext { runtime, context in
            try await start(context)
            #expect(try await context.lose("l_1", of: "own_1") == .ended(isRepeated: false))
            #expect(await emit([Self.thought()], lease: "l_1", context) == .leaseLost)
            #expect(await emit([Self.thought()], lease: nil, context) == .order(.alreadyEnded))
            try await runtime.flush()
            #expect(try await types() == ["agent_started", "agent_failed"])
            #expect(try await context.lose("l_1", of: "own_1") == .over(nil))
        }
        let page = try await log.read(LogRead(.thread("t_1", after: 1)))
        guard case .agentFailed(let failed)? = try page.events.first.map({ try EventDecoder.decode($0.bytes).payload })
        else {
            Issue.record("that is another one")
            return
        }
        #expect(failed.error.code == "run.lost" && failed.error.retryable && failed.error.message.contains("worker"))
    }

    @Test func anAgentThatIsRepeatedIsQueuedAgainWithTheSameCommit() async throws {
        try await withContext(.again()) { runtime, context in
            try await start(context)
            #expect(try await context.lose("l_1", of: "own_1") == .ended(isRepeated: true))
            try await runtime.flush()
            #expect(try await types() == ["agent_started", "agent_failed", "agent_queued"])
            let queued = try await runtime.queuedRuns(of: "t_1", user: "u_1")
            #expect(queued.map(\.queued.attempt) == [2])
        }
    }

    /// The next attempt has a lease of its own, and the one before counts no longer, although the run is open.
    @Test func anAgentThatResumesIsContinuedByTheNextLease() async throws {
        try await withContext(.resume) { runtime, context in
            try await start(context)
            let message = EventDraft(runID: "own_1", .messageDelta(MessageDelta(messageID: "m_1", text: "So")))
            #expect(await emit([message], lease: "l_1", context) == nil)
            #expect(try await context.lose("l_1", of: "own_1") == .parked)
            #expect(await emit([Self.thought()], lease: "l_1", context) == .leaseLost)
            #expect(try await context.work(of: "own_1")?.attempt == 2)
            guard case .notBefore(let time) = try await context.attach("own_1", lease: "l_2") else {
                Issue.record("that is another one")
                return
            }
            clock.advance(by: .milliseconds(time.milliseconds(since: clock.wallClock.now())))
            guard case .taken = try await context.attach("own_1", lease: "l_2") else {
                Issue.record("that is another one")
                return
            }
            #expect(await emit([Self.thought()], lease: "l_1", context) == .leaseLost)
            #expect(await emit([Self.thought()], lease: nil, context) == .leaseLost)
            #expect(await emit([Self.thought()], lease: "l_2", context) == nil)
            try await runtime.flush()
            #expect(
                try await types() == [
                    "agent_started", "message_delta", "message_completed", "agent_paused", "agent_resumed",
                    "agent_thinking",
                ])
        }
    }

    /// How a worker is told why its run is over.
    @Test(arguments: [
        (EventPayload.agentCompleted(AgentCompleted(durationMilliseconds: 0)), true, LeasedRunEnd.byWorker),
        (.agentCancelled(AgentCancelled(durationMilliseconds: 0)), true, .byWorker),
        (.agentCancelled(AgentCancelled(reason: "enough", durationMilliseconds: 0)), false, .stopped),
        (.agentCancelled(AgentCancelled(reason: "shutdown", durationMilliseconds: 0)), false, .lost),
        (.agentCancelled(AgentCancelled(supersededBy: "own_2", durationMilliseconds: 0)), false, .superseded),
        (
            .agentFailed(
                AgentFailed(
                    error: RunFailure(code: "run.deadline", message: "m", retryable: true), durationMilliseconds: 0)),
            false, .deadline
        ),
    ])
    func theEndOfARunIsKnown(_ end: EventPayload, isByLease: Bool, _ expected: LeasedRunEnd) async throws {
        try await withContext { _, context in
            try await start(context)
            let draft = EventDraft(runID: "own_1", end)
            if isByLease {
                #expect(await emit([draft], lease: "l_1", context) == nil)
            } else {
                _ = try await context.emit([draft])
            }
            #expect(await emit([Self.thought()], lease: "l_1", context) == .leaseLost)
            #expect(await context.endLease("l_1", of: "own_1") == expected)
            #expect(await context.endLease("l_1", of: "own_1") == nil)
        }
    }

    /// A worker repeats what it does not know to be taken.
    @Test func aRepeatedKeyIsAnsweredAsBeforeAlsoAfterTheLease() async throws {
        try await withContext { runtime, context in
            try await start(context)
            #expect(await emit([Self.thought()], lease: "l_1", key: "k_1", context) == nil)
            #expect(await emit([Self.thought()], lease: "l_1", key: "k_1", context) == nil)
            _ = try await context.lose("l_1", of: "own_1")
            #expect(await emit([Self.thought()], lease: "l_1", key: "k_1", context) == nil)
            #expect(await emit([Self.thought()], lease: "l_1", key: "k_2", context) == .leaseLost)
            try await runtime.flush()
            #expect(try await types() == ["agent_started", "agent_thinking", "agent_failed"])
        }
    }
}
