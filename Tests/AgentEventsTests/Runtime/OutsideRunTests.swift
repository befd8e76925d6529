import AgentEvents
import AgentEventsTesting
import Testing

/// Runs that a program outside emits: they survive the process, and end when nothing comes for them.
@Suite(.timeLimit(.minutes(10))) struct OutsideRunTests {
    private let log = InMemoryEventLog()
    private let clock = ManualClock()

    /// One process, from its start to its stop.
    private func withProcess(
        policy: RetentionPolicy = RetentionPolicy(),
        _ body: (AgentRuntime, ExecutionContext) async throws -> Void
    ) async throws {
        var configuration = RuntimeConfiguration.deterministic(clock: clock)
        configuration.durationClock = clock
        configuration.emittedRunTimeout = .seconds(60)
        configuration.retention = policy
        configuration.retentionInterval = .milliseconds(10)
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            try await body(runtime, try await runtime.context(user: "u_1", thread: "t_1"))
        }
        log.close()
    }

    private func started(_ run: RunID = "r_1", _ started: AgentStarted = AgentStarted()) -> EventDraft {
        EventDraft(runID: run, agent: "guide", .agentStarted(started))
    }

    private func thinking(_ run: RunID = "r_1") -> EventDraft {
        EventDraft(runID: run, .agentThinking(AgentThinking(thoughtID: "th_1", text: "hm")))
    }

    private func asking(in duration: Duration) -> EventDraft {
        let now = clock.wallClock.now()
        let expiresAt = Timestamp(milliseconds: now.milliseconds + duration.components.seconds * 1000)
        return EventDraft(
            runID: "r_1",
            .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "May I?", expiresAt: expiresAt)))
    }

    private let answer = EventDraft(
        runID: "r_1", .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .approved)))

    private func events() async throws -> [AgentEvent] {
        try await log.read(LogRead(.thread("t_1", after: 0))).events.map { try EventDecoder.decode($0.bytes) }
    }

    private func types() async throws -> [String] { try await events().map(\.typeName) }

    /// Waits until an event of the thread is of a type.
    private func wait(for type: EventType, _ runtime: AgentRuntime) async throws {
        for try await event in try await runtime.events(user: "u_1", thread: "t_1") where event.type == type { return }
    }

    @Test func aStopAndARestartLeaveThemOpenAndTheyGoOn() async throws {
        try await withProcess { runtime, context in
            _ = try await context.emit([started(), thinking()], host: .outside)
            _ = try await context.emit([started("r_2")])
            try await runtime.cancelHostedRuns(reason: "shutdown")
        }
        #expect(try await log.thread("t_1")?.openRuns == [OpenRun(run: "r_1", sequence: 1, host: .outside)])
        try await withProcess { _, context in
            _ = try await context.emit([thinking()], host: .outside)
        }
        try await withProcess { _, context in
            let completed = EventDraft(runID: "r_1", .agentCompleted(AgentCompleted(durationMilliseconds: 1)))
            _ = try await context.emit([completed], host: .outside)
        }
        #expect(
            try await types() == [
                "agent_started", "agent_thinking", "agent_started", "agent_cancelled", "agent_thinking",
                "agent_completed",
            ])
    }

    @Test func whatTheProcessHostedIsLostWithIt() async throws {
        try await withProcess { _, context in
            _ = try await context.emit([started()], host: .outside)
            _ = try await context.emit([started("r_2")])
            // Hosted here, below one that is not.
            _ = try await context.emit([started("r_3", AgentStarted(parentRunID: "r_1"))])
            // Emitted from outside, below one that is hosted here.
            _ = try await context.emit([started("r_4", AgentStarted(parentRunID: "r_2"))], host: .outside)
        }
        try await withProcess { runtime, _ in
            try await runtime.waitForStart()
            #expect(try await log.thread("t_1")?.openRuns.map(\.run) == ["r_1"])
        }
        let ends = try await events().filter { $0.type?.endsRun == true }
        #expect(ends.map(\.runID) == ["r_4", "r_2", "r_3"])
        #expect(ends.map(\.typeName) == ["agent_cancelled", "agent_failed", "agent_failed"])
    }

    @Test func whenNothingComesTheRunIsLost() async throws {
        try await withProcess { runtime, context in
            _ = try await context.emit(
                [
                    started(), EventDraft(runID: "r_1", .messageDelta(MessageDelta(messageID: "m_1", text: "Half"))),
                    started("r_2", AgentStarted(parentRunID: "r_1")),
                ], host: .outside)
            try await clock.waitForSleepers()
            clock.advance(by: .seconds(59))
            _ = try await context.emit([thinking("r_2")], host: .outside)
            clock.advance(by: .seconds(59))
            _ = try await context.emit([thinking("r_2")], host: .outside)
            try await clock.waitForSleepers()
            clock.advance(by: .seconds(61))
            try await wait(for: .agentFailed, runtime)
            let error = await #expect(throws: AgentEventsError.self) {
                try await context.emit([thinking()], host: .outside)
            }
            #expect(error?.code == .order(.alreadyEnded))
        }
        let events = try await events()
        #expect(
            events.suffix(3).map(\.typeName) == ["agent_cancelled", "message_completed", "agent_failed"])
        guard case .agentFailed(let failed) = events.last?.payload else { return }
        #expect(failed.error.code == "run.lost")
        #expect(failed.error.retryable)
        #expect(failed.error.message == "nothing came from the program that emits the run for 60 s")
    }

    /// That the sweep has not come yet changes nothing: the clock stands still for it, and not for events.
    @Test func theContextDecidesByTheTimeOfTheEvent() async throws {
        let wallClock = ManualClock()
        var configuration = RuntimeConfiguration.deterministic(clock: wallClock)
        configuration.durationClock = clock
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            _ = try await context.emit([started()], host: .outside)
            wallClock.advance(by: .seconds(15 * 60))
            let error = await #expect(throws: AgentEventsError.self) {
                try await context.emit([thinking()], host: .outside)
            }
            #expect(error?.code == .order(.alreadyEnded))
        }
        #expect(try await types() == ["agent_started", "agent_failed"])
    }

    @Test func theTimePassesWhileNoProcessRuns() async throws {
        try await withProcess { _, context in
            _ = try await context.emit([started()], host: .outside)
        }
        clock.advance(by: .seconds(60))
        try await withProcess { runtime, _ in try await wait(for: .agentFailed, runtime) }
        #expect(try await types() == ["agent_started", "agent_failed"])
    }

    @Test func anApprovalExpiresByItself() async throws {
        try await withProcess { runtime, context in
            _ = try await context.emit([started(), asking(in: .seconds(600))])
            try await clock.waitForSleepers()
            clock.advance(by: .seconds(600))
            try await wait(for: .approvalResolved, runtime)
            let error = await #expect(throws: AgentEventsError.self) { try await context.emit([answer]) }
            #expect(error?.code == .order(.approvalNotOpen))
            #expect(error?.message.contains("it expired at") == true)
            try await context.emit(thinking())
        }
        guard case .approvalResolved(let resolved) = try await events()[2].payload else {
            Issue.record("the third event is the end of the approval")
            return
        }
        #expect(resolved.decision == .expired)
    }

    @Test func anAnswerThatComesTooLateIsRefusedBeforeTheSweep() async throws {
        let wallClock = ManualClock(start: clock.wallClock.now())
        var configuration = RuntimeConfiguration.deterministic(clock: wallClock)
        configuration.durationClock = clock
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            _ = try await context.emit([started(), asking(in: .seconds(10))])
            wallClock.advance(by: .seconds(10))
            let error = await #expect(throws: AgentEventsError.self) { try await context.emit([answer]) }
            #expect(error?.code == .order(.approvalNotOpen))
            #expect(error?.message.contains("it expired at") == true)
        }
        #expect(try await types() == ["agent_started", "approval_requested", "approval_resolved"])
    }

    @Test func anApprovalExpiresWhileNoProcessRuns() async throws {
        try await withProcess { _, context in
            _ = try await context.emit([started(), asking(in: .seconds(600))], host: .outside)
        }
        clock.advance(by: .seconds(600))
        try await withProcess { runtime, _ in try await wait(for: .approvalResolved, runtime) }
        #expect(try await types() == ["agent_started", "approval_requested", "approval_resolved"])
    }

    @Test func aContextThatWasGivenBackIsSweptAsWell() async throws {
        try await withProcess { runtime, context in
            _ = try await context.emit([started()], host: .outside)
        }
        // Nobody asks for the thread in this process.
        var configuration = RuntimeConfiguration.deterministic(clock: clock)
        configuration.durationClock = clock
        configuration.emittedRunTimeout = .seconds(60)
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            try await runtime.waitForStart()
            try await clock.waitForSleepers()
            clock.advance(by: .seconds(60))
            try await wait(for: .agentFailed, runtime)
        }
    }

    /// One dead program keeps the log from being trimmed no longer than the run may be idle.
    @Test func afterItsEndTheLogIsTrimmed() async throws {
        try await withProcess(policy: RetentionPolicy(maximumEventsPerThread: 20)) { runtime, context in
            _ = try await context.emit([started()], host: .outside)
            for number in 0..<60 {
                let message = UserMessage(messageID: try MessageID("m_\(number)"), userID: "u_1", text: "Hello")
                _ = try await context.emit(EventDraft(.userMessage(message)))
            }
            try await runtime.flush()
            #expect(try await log.thread("t_1")?.oldest.sequence == 1)
            try await clock.waitForSleep(of: .seconds(60))
            clock.advance(by: .seconds(60))
            try await wait(for: .agentFailed, runtime)
            while try await log.thread("t_1")?.oldest.sequence == 1 {
                clock.advance(by: .seconds(1))
                await Task.yield()
            }
        }
    }

    @Test func aProgramInTheMiddleOfARunIsWaitedFor() async throws {
        try await withProcess { runtime, context in
            await runtime.waitForEmittedRuns(silentFor: .seconds(10))
            _ = try await context.emit([started()], host: .outside)
            async let isDone: Void = runtime.waitForEmittedRuns(silentFor: .seconds(10))
            try await clock.waitForSleepers(2)
            _ = try await context.emit(
                [EventDraft(runID: "r_1", .agentCompleted(AgentCompleted(durationMilliseconds: 1)))], host: .outside)
            clock.advance(by: .seconds(1))
            await isDone
        }
    }
}
