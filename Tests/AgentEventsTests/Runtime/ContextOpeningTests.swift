import AgentEvents
import AgentEventsTestSupport
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

    // MARK: Looked up together

    @Test func threadsThatAreLookedUpTogetherAreOpenedWithoutAnotherLookUp() async throws {
        let log = CountingLookUpLog()
        let new: [ThreadID] = ["t_2", "t_3"]
        try await withRuntime(log: log) { runtime in
            try await Self.emit(in: "t_1", runtime)
            try await runtime.flush()
        }
        log.close()
        try await withRuntime(log: log) { runtime in
            try await runtime.waitForStart()
            log.forgetCounts()
            let sequences = try await runtime.lookingUp(["t_1", "t_2", "t_3"]) {
                await Result { () async throws in
                    #expect(try await runtime.owner(of: "t_1") == "u_1")
                    for thread in new { #expect(try await runtime.owner(of: thread) == nil) }
                    #expect(log.counts == [:])
                    var sequences: [UInt64] = []
                    for thread in ["t_1"] + new { sequences.append(try await Self.emit(in: thread, runtime)) }
                    return sequences
                }
            }.get()
            #expect(sequences == [2, 1, 1])
            // What is rebuilt takes its whole record.
            #expect(log.counts == ["t_1": 1])
            #expect(log.groups == [["t_1", "t_2", "t_3"]])
        }
    }

    /// What was found counts only until somebody opens the thread.
    @Test func aThreadThatIsOpenedMeanwhileIsLookedUpAgain() async throws {
        let log = CountingLookUpLog()
        var configuration = RuntimeConfiguration()
        configuration.maximumIdleContexts = 2
        try await withRuntime(configuration, log: log) { runtime in
            try await runtime.waitForStart()
            let sequence = try await runtime.lookingUp(["t_1", "t_2"]) {
                await Result { () async throws in
                    let given = try await Self.open("t_1", runtime)
                    try await Self.emit(in: "t_1", runtime)
                    try await runtime.flush()
                    for thread in ["t_3", "t_4", "t_5"] as [ThreadID] { _ = try await Self.open(thread, runtime) }
                    #expect(given.context == nil)
                    #expect(try await runtime.owner(of: "t_1") == "u_1")
                    return try await Self.emit(in: "t_1", runtime)
                }
            }.get()
            #expect(sequence == 2)
        }
    }

    /// A log that cannot be asked for many says so to each of them.
    @Test func aLookUpTogetherThatFailsIsDoneAgainForEach() async throws {
        let log = CountingLookUpLog()
        try await withRuntime(log: log) { runtime in
            try await runtime.waitForStart()
            log.failGroups()
            let sequence = try await runtime.lookingUp(["t_1", "t_2"]) {
                await Result { () async throws in try await Self.emit(in: "t_1", runtime) }
            }.get()
            #expect(sequence == 1)
            #expect(log.counts["t_1"] == 1)
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

/// A log in memory that counts how often its threads are looked up.
private final class CountingLookUpLog: ForwardingLog {
    private struct State {
        var counts: [ThreadID: Int] = [:]
        var groups: [Set<ThreadID>] = []
        var failsGroups = false
    }

    let log = InMemoryEventLog()
    private let state = Mutex(State())

    /// How often each thread was looked up by itself.
    var counts: [ThreadID: Int] { state.withLock { $0.counts } }
    /// The threads that were looked up together.
    var groups: [Set<ThreadID>] { state.withLock { $0.groups } }

    func forgetCounts() { state.withLock { $0 = State() } }
    func failGroups() { state.withLock { $0.failsGroups = true } }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        state.withLock { $0.counts[thread, default: 0] += 1 }
        return try await log.thread(thread)
    }

    func threads(_ threads: [ThreadID]) async throws(EventLogError) -> [ThreadRecord?] {
        let fails = state.withLock { state in
            state.groups.append(Set(threads))
            return state.failsGroups
        }
        if fails { throw EventLogError(.unavailable, "the test says so") }
        return try await log.threads(threads)
    }

    func close() { log.close() }
}

extension Result where Failure == any Error {
    fileprivate init(_ body: () async throws -> Success) async {
        do {
            self = .success(try await body())
        } catch {
            self = .failure(error)
        }
    }
}
