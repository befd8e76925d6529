import AgentEvents
import AgentEventsTesting
import Testing

/// The tokens of a user for a day: runs fail beyond them, and begin again on the next one.
@Suite(.timeLimit(.minutes(5))) struct TokenBudgetTests {
    private static let limit: Int64 = 100
    /// Ten in the morning, in UTC.
    private static let start = Timestamp(milliseconds: 1_795_226_400_000 / 86_400_000 * 86_400_000 + 36_000_000)

    private let log = InMemoryEventLog()
    private let clock = ManualClock(start: start)

    private func runtime(_ body: (AgentRuntime) async throws -> Void) async throws {
        var configuration = RuntimeConfiguration(environment: .manual(clock))
        configuration.tokensPerUserAndDay = Self.limit
        try await withAgentRuntime(log: log, configuration: configuration, body)
    }

    /// A run that reports tokens.
    private static func work(
        _ runtime: AgentRuntime, _ tokens: Int64..., user: UserID = "u_1", thread: ThreadID = "t_1"
    ) async throws {
        try await runtime.withRun(user: user, thread: thread, agent: "guide") { run in
            for tokens in tokens {
                try await run.reportUsage(UsageReported(inputTokens: tokens - 1, outputTokens: 1))
                try await run.flush()
            }
        }
    }

    private func ends(_ thread: ThreadID = "t_1") async throws -> [String] {
        let stored = try await log.read(LogRead(.thread(thread, after: 0))).events
        return try stored.map { try EventDecoder.decode($0.bytes) }.compactMap { event in
            switch event.payload {
            case .agentFailed(let failed): failed.error.code
            case .agentCompleted, .agentCancelled: event.typeName
            default: nil
            }
        }
    }

    private func lastFailure(_ thread: ThreadID = "t_1") async throws -> RunFailure? {
        let stored = try await log.read(LogRead(.thread(thread, after: 0))).events.last
        guard case .agentFailed(let failed)? = try stored.map({ try EventDecoder.decode($0.bytes) })?.payload else {
            return nil
        }
        return failed.error
    }

    @Test func aRunThatBeginsWithoutTokensFails() async throws {
        try await runtime { runtime in
            try await Self.work(runtime, 60, 40)
            await #expect(throws: TokenBudgetError.self) { try await Self.work(runtime) }
            #expect(try await ends() == ["agent_completed", "run.budget_exceeded"])
            let failure = try #require(try await lastFailure())
            #expect(failure.retryable)
            #expect(
                failure.details == ["limit": 100, "used": 100, "next_day": .string(Self.nextDay.rfc3339)])
            // In all threads of the user, and of no other one.
            await #expect(throws: TokenBudgetError.self) { try await Self.work(runtime, 1, thread: "t_2") }
            try await Self.work(runtime, 100, user: "u_2", thread: "t_3")
        }
    }

    private static var nextDay: Timestamp { Timestamp(milliseconds: start.milliseconds + 14 * 60 * 60 * 1000) }

    /// The report is logged, and the run and those above and below it end with it; nothing comes in between.
    @Test func aRunUnderWayIsEndedByItsReport() async throws {
        try await runtime { runtime in
            await #expect(throws: (any Error).self) {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide", id: "r_1", deadline: nil) { run in
                    try await run.withChild(agent: "reader", id: "r_2", deadline: nil) { child in
                        try await child.reportUsage(UsageReported(inputTokens: 100, outputTokens: 1))
                        try await child.progress("too late")
                    }
                }
            }
        }
        let events = try await log.read(LogRead(.thread("t_1", after: 0))).events.map {
            try EventDecoder.decode($0.bytes)
        }
        #expect(
            events.map(\.typeName) == [
                "agent_started", "agent_started", "usage_reported", "agent_cancelled", "agent_failed",
            ])
        guard case .agentFailed(let failed)? = events.last?.payload else { return }
        #expect(events.last?.runID == "r_1" && failed.error.code == "run.budget_exceeded")
        #expect(failed.usage?.inputTokens == 100 && failed.error.details?["used"] == 101)
    }

    /// Also in the end of the run that they end.
    @Test func theTokensOfAnAnswerBeyondTheBudgetCountOnce() async throws {
        try await runtime { runtime in
            await #expect(throws: (any Error).self) {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                    let report = UsageReported(inputTokens: 50, outputTokens: 51)
                    run.usage.count(report, of: "m_1")
                    try await run.reportUsage(report, of: "m_1")
                    try await run.progress("too late")
                }
            }
        }
        let last = try await log.read(LogRead(.thread("t_1", after: 0))).events.last
        guard case .agentFailed(let failed)? = try last.map({ try EventDecoder.decode($0.bytes) })?.payload else {
            Issue.record("the run goes on")
            return
        }
        #expect(failed.usage?.inputTokens == 50 && failed.usage?.outputTokens == 51)
    }

    /// What reaches the budget does not exceed it.
    @Test func theLastTokenMayBeUsed() async throws {
        try await runtime { runtime in try await Self.work(runtime, 50, 50) }
        #expect(try await ends() == ["agent_completed"])
    }

    @Test func theNextDayBeginsWithAllOfThem() async throws {
        try await runtime { runtime in
            try await Self.work(runtime, 100)
            clock.advance(by: .milliseconds(14 * 60 * 60 * 1000 - 1))
            await #expect(throws: TokenBudgetError.self) { try await Self.work(runtime) }
            clock.advance(by: .milliseconds(1))
            try await Self.work(runtime, 100)
            await #expect(throws: TokenBudgetError.self) { try await Self.work(runtime) }
        }
    }

    /// They count after a restart, those of the day, whatever else is in the threads.
    @Test func theyAreReadFromTheLogAgain() async throws {
        try await runtime { runtime in
            for _ in 0..<3 { try await Self.work(runtime, 30, user: "u_1") }
            try await Self.work(runtime, 90, user: "u_2", thread: "t_other")
        }
        log.close()
        clock.advance(by: .seconds(24 * 60 * 60))
        try await runtime { runtime in
            // Yesterday's do not count.
            try await Self.work(runtime, 30)
            try await Self.work(runtime, 40, thread: "t_2")
        }
        log.close()
        try await runtime { runtime in
            // The first ones of the user come at once.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<3 {
                    group.addTask { try await Self.work(runtime, 10, thread: try ThreadID("t_new_\(number)")) }
                }
                try await group.waitForAll()
            }
            await #expect(throws: TokenBudgetError.self) { try await Self.work(runtime) }
            try await Self.work(runtime, 100, user: "u_2", thread: "t_other")
        }
    }

    /// A program outside that reports too much is told the ids of its events, and finds its run ended.
    @Test func aBatchFromOutsideEndsItsRun() async throws {
        try await runtime { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let receipt = try await context.emit(
                [
                    EventDraft(runID: "r_1", agent: "far", .agentStarted(AgentStarted())),
                    EventDraft(runID: "r_1", .usageReported(UsageReported(inputTokens: 200, outputTokens: 0))),
                    EventDraft(runID: "r_1", .agentProgress(AgentProgress(message: "on it"))),
                ], key: "k_1", host: .outside)
            #expect(receipt.ids.map(\.sequence) == [1, 2, 3])
            try await runtime.flush()
            #expect(try await ends() == ["run.budget_exceeded"])
            // One that ends its run itself is not ended twice.
            _ = try await context.emit(
                [
                    EventDraft(runID: "r_2", agent: "far", .agentStarted(AgentStarted())),
                    EventDraft(runID: "r_2", .usageReported(UsageReported(inputTokens: 1, outputTokens: 0))),
                    EventDraft(runID: "r_2", .agentCompleted(AgentCompleted(durationMilliseconds: 1))),
                ], host: .outside)
            let id = try await context.emit(EventDraft(runID: "r_3", agent: "far", .agentStarted(AgentStarted())))
            let reported = try await context.emit(
                EventDraft(runID: "r_3", .usageReported(UsageReported(inputTokens: 1, outputTokens: 0))))
            #expect(reported.sequence == id.sequence + 1)
            try await runtime.flush()
            #expect(try await ends() == ["run.budget_exceeded", "agent_completed", "run.budget_exceeded"])
        }
    }

    @Test func withoutALimitNothingIsCounted() async throws {
        try await withAgentRuntime(log: log) { runtime in try await Self.work(runtime, .max, .max, 5) }
        #expect(try await ends() == ["agent_completed"])
    }
}
