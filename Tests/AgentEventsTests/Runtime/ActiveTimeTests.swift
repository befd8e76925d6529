import AgentEvents
import AgentEventsTesting
import Testing

/// Deadlines that count the time in which a run works; section (f) 58 to 60.
struct ActiveTimeTests {
    /// Runs a body under a deadline of five minutes, on a clock that the test moves.
    private static func withRun(
        maximumAge: Duration? = nil,
        _ body: @escaping @Sendable (AgentRun, ManualClock, AgentRuntime) async throws -> Void
    ) async throws -> [AgentEvent] {
        let clock = ManualClock()
        var configuration = RuntimeConfiguration(environment: .manual(clock))
        configuration.runDeadline = .seconds(300)
        configuration.maximumRunAge = maximumAge
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            do {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide", deadline: nil) { run in
                    try await clock.waitForSleep(of: .seconds(300))
                    try await body(run, clock, runtime)
                }
            } catch {
                // The log tells the end of the run.
            }
        }
        return try await log.read(LogRead(.thread("t_1", after: 0))).events.map { try EventDecoder.decode($0.bytes) }
    }

    /// Returns when a run has ended, although its body may not have returned.
    private static func waitForEnd(of run: AgentRun, _ runtime: AgentRuntime) async throws {
        for try await event in try await runtime.events(user: "u_1", thread: "t_1") {
            if event.runID == run.id, event.type?.endsRun == true { return }
        }
    }

    private static func failure(_ events: [AgentEvent]) -> String? {
        if case .agentFailed(let failed)? = events.last?.payload { failed.error.code } else { nil }
    }

    private static func ask(_ approval: ApprovalID, _ run: AgentRun) async throws {
        try await run.emit(.approvalRequested(ApprovalRequested(approvalID: approval, prompt: "May I?")))
    }

    private static func answer(_ approval: ApprovalID, _ run: AgentRun) async throws {
        try await run.emit(.approvalResolved(ApprovalResolved(approvalID: approval, decision: .approved)))
    }

    /// 58.
    @Test func anHourOfWaitingForAPersonIsNotTimeOfTheRun() async throws {
        let events = try await Self.withRun { run, clock, _ in
            clock.advance(by: .seconds(60))
            try await Self.ask("a_1", run)
            clock.advance(by: .seconds(3600))
            // The deadline has been looked at, and has four minutes left.
            try await clock.waitForSleep(of: .seconds(240))
            try await Self.answer("a_1", run)
            try await run.say("Thanks")
        }
        #expect(events.last?.type == .agentCompleted)
    }

    /// 59: active time over waits and pauses adds up.
    @Test func theTimesOfWorkAddUp() async throws {
        let events = try await Self.withRun { run, clock, runtime in
            clock.advance(by: .seconds(100))
            try await Self.ask("a_1", run)
            clock.advance(by: .seconds(1000))
            try await clock.waitForSleep(of: .seconds(200))
            try await Self.answer("a_1", run)
            clock.advance(by: .seconds(100))
            try await run.emit(.agentPaused(AgentPaused()))
            clock.advance(by: .seconds(1000))
            try await clock.waitForSleep(of: .seconds(100))
            try await run.emit(.agentResumed(AgentResumed()))
            clock.advance(by: .seconds(99))
            try await run.say("nearly")
            clock.advance(by: .seconds(1))
            try await Self.waitForEnd(of: run, runtime)
        }
        #expect(Self.failure(events) == "run.deadline")
        #expect(events.contains { $0.type == .messageDelta })
    }

    /// Of two calls one was answered and has ended: the run waits for the answer about the other one.
    @Test func theEndOfACallThatWasAnsweredLeavesTheRunWaiting() async throws {
        let events = try await Self.withRun { run, clock, _ in
            for number in 1...2 {
                let (call, question): (CallID, ApprovalID) = number == 1 ? ("c_1", "a_1") : ("c_2", "a_2")
                try await run.emit(.toolExecuting(ToolExecuting(callID: call, tool: "deploy", arguments: 1)))
                try await run.emit(
                    .approvalRequested(ApprovalRequested(approvalID: question, callID: call, prompt: "May I?")))
            }
            try await Self.answer("a_1", run)
            clock.advance(by: .seconds(60))
            try await run.emit(
                .toolCompleted(
                    ToolCompleted(callID: "c_1", tool: "deploy", status: .succeeded, durationMilliseconds: 0)))
            clock.advance(by: .seconds(3600))
            // One minute of work is over.
            try await clock.waitForSleep(of: .seconds(240))
            try await Self.answer("a_2", run)
            try await run.emit(
                .toolCompleted(
                    ToolCompleted(callID: "c_2", tool: "deploy", status: .succeeded, durationMilliseconds: 0)))
        }
        #expect(events.last?.type == .agentCompleted)
    }

    /// A run that has asked, and works on meanwhile, does not wait.
    @Test func whoWorksOnWhileAQuestionIsOpenDoesNotRest() async throws {
        let events = try await Self.withRun { run, clock, runtime in
            try await Self.ask("a_1", run)
            try await run.think("And meanwhile …")
            clock.advance(by: .seconds(300))
            try await Self.waitForEnd(of: run, runtime)
        }
        #expect(Self.failure(events) == "run.deadline")
    }

    /// A parent rests while its only child does, and not while another one works.
    @Test(arguments: [true, false])
    func aTreeRestsWhenEverythingInItDoes(_ othersWork: Bool) async throws {
        let events = try await Self.withRun { run, clock, runtime in
            try await run.withChild(agent: "asking") { child in
                try await Self.ask("a_1", child)
                if othersWork {
                    try await run.withChild(agent: "working") { other in
                        clock.advance(by: .seconds(300))
                        try await Self.waitForEnd(of: run, runtime)
                    }
                } else {
                    clock.advance(by: .seconds(3600))
                    try await clock.waitForSleep(of: .seconds(300))
                }
                try await Self.answer("a_1", child)
            }
        }
        #expect(Self.failure(events) == (othersWork ? "run.deadline" : nil))
        #expect(events.last?.type == (othersWork ? .agentFailed : .agentCompleted))
    }

    /// A run that is too old ends, also one that is paused.
    @Test func aRunThatIsTooOldEnds() async throws {
        let events = try await Self.withRun(maximumAge: .seconds(7 * 86_400)) { run, clock, runtime in
            try await run.emit(.agentPaused(AgentPaused()))
            clock.advance(by: .seconds(7 * 86_400))
            // The next event that comes for the thread ends it first.
            _ = try? await run.emit(.agentResumed(AgentResumed()))
            try await Self.waitForEnd(of: run, runtime)
        }
        #expect(Self.failure(events) == "run.too_old")
    }
}
