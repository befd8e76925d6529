import AgentEvents
import AgentEventsTesting
import Synchronization
import Testing

/// Contexts are given back when nobody uses them, and opened again; neither waits for other threads.
@Suite(.timeLimit(.minutes(10))) struct ContextOpeningTests {
    private struct Weak {
        weak var context: ExecutionContext?
    }

    private static let message = EventDraft(.userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "Hello")))

    private static func open(_ thread: ThreadID, _ runtime: AgentRuntime) async throws -> Weak {
        Weak(context: try await runtime.context(user: "u_1", thread: thread))
    }

    /// - Returns: the sequence of the event.
    @discardableResult
    private static func emit(in thread: ThreadID, _ runtime: AgentRuntime) async throws -> UInt64 {
        try await runtime.context(user: "u_1", thread: thread).emit(message).sequence
    }

    private func withRuntime(
        _ configuration: RuntimeConfiguration = RuntimeConfiguration(),
        log: any EventLog = InMemoryEventLog(),
        _ body: (AgentRuntime) async throws -> Void
    ) async throws {
        try await withAgentRuntime(log: log, configuration: configuration, body)
    }

    @Test func anIdleContextIsGivenBackAfterItsTime() async throws {
        let clock = ManualClock()
        var configuration = RuntimeConfiguration(environment: .manual(clock))
        configuration.idleContextTimeout = .seconds(30)
        try await withRuntime(configuration) { runtime in
            try await clock.waitForSleep(of: .seconds(30))
            let opened = try await Self.open("t_1", runtime)
            clock.advance(by: .seconds(30))
            try await clock.waitForSleep(of: .seconds(30))
            #expect(opened.context != nil)
            clock.advance(by: .seconds(30))
            try await clock.waitForSleep(of: .seconds(30))
            #expect(opened.context == nil)
        }
    }

    @Test func aCallWaitsForTheStartOnlySoLong() async throws {
        let clock = ManualClock()
        var configuration = RuntimeConfiguration(environment: .manual(clock))
        configuration.startTimeout = .seconds(7)
        let runtime = AgentRuntime(log: InMemoryEventLog(), configuration: configuration)
        async let context = runtime.context(user: "u_1", thread: "t_1")
        try await clock.waitForSleep(of: .seconds(7))
        clock.advance(by: .seconds(7))
        do {
            _ = try await context
            Issue.record("nothing runs")
        } catch AgentEventsError.Code.notRunning {
        }
    }

    /// What other threads have on the way into the log does not matter.
    @Test func openingAThreadDoesNotWaitForOthers() async throws {
        let log = FaultyLog(appends: FaultPlan().on(1, .hang))
        try await withRuntime(log: log) { runtime in
            try await Self.emit(in: "t_1", runtime)
            while log.hangingCount == 0 { await Task.yield() }
            #expect(try await Self.emit(in: "t_2", runtime) == 1)
            log.release()
        }
    }

    /// It would be numbered again what is not in the log yet.
    @Test func aThreadThatWasGivenBackIsOpenedAfterItsEventsAreInTheLog() async throws {
        let log = FaultyLog(appends: FaultPlan().on(1, .hang))
        var configuration = RuntimeConfiguration()
        configuration.maximumIdleContexts = 2
        try await withRuntime(configuration, log: log) { runtime in
            let given = try await Self.open("t_1", runtime)
            try await Self.emit(in: "t_1", runtime)
            while log.hangingCount == 0 { await Task.yield() }
            for thread in ["t_2", "t_3"] as [ThreadID] { _ = try await Self.open(thread, runtime) }
            #expect(given.context == nil)
            let isOpen = Mutex(false)
            let opening = Task {
                let sequence = try await Self.emit(in: "t_1", runtime)
                isOpen.withLock { $0 = true }
                return sequence
            }
            for _ in 0..<1000 { await Task.yield() }
            #expect(!isOpen.withLock { $0 })
            log.release()
            #expect(try await opening.value == 2)
        }
    }

    /// The second one is not left until the first one is in the log.
    @Test func lostRunsAreEndedTogether() async throws {
        let log = InMemoryEventLog()
        let threads = try (1...20).map { try ThreadID("t_\($0)") }
        try await withRuntime(log: log) { runtime in
            for thread in threads {
                try await runtime.context(user: "u_1", thread: thread)
                    .emit(EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())))
            }
        }
        log.close()
        let held = FaultyLog(log, appends: FaultPlan().on(1, .hang))
        try await withRuntime(log: held) { runtime in
            while held.hangingCount == 0 || runtime.offeredPosition < UInt64(threads.count) { await Task.yield() }
            held.release()
            try await runtime.waitForStart()
            try await runtime.flush()
        }
        log.close()
        #expect(try await log.open().threadsWithOpenRuns == [])
        for thread in threads { #expect(try await log.thread(thread)?.head.sequence == 2) }
    }

    @Test func aLogInMemoryNamesThreadsInTheOrderOfTheirFirstEvents() async throws {
        let log = InMemoryEventLog()
        let threads = try (1...50).map { try ThreadID("t_\($0)") }
        try await withRuntime(log: log) { runtime in
            for thread in threads {
                _ = try await runtime.context(user: "u_1", thread: thread)
                    .emit(
                        [EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted()))], host: .outside)
            }
        }
        log.close()
        #expect(try await log.open().threadsWithOpenRuns == threads)
    }
}
