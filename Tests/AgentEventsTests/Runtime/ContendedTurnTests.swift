import AgentEvents
import AgentEventsTesting
import Synchronization
import Testing

/// Whatever a turn of a contended thread is refused, or cannot find out, leaves nothing behind.
@Suite(.timeLimit(.minutes(5))) struct ContendedTurnTests {
    private typealias Two = ContendedThreadTests

    private static func approval(_ expiresAt: Timestamp? = nil) -> EventDraft {
        let requested = ApprovalRequested(approvalID: "a_1", prompt: "Now?", expiresAt: expiresAt)
        return EventDraft(runID: "r_1", .approvalRequested(requested))
    }

    // MARK: What a turn counts

    /// The end of the child meets an event of the other writer, and is offered again.
    @Test func theTokensOfAChildCountOnceHoweverOftenItsEndIsOffered() async throws {
        try await Two.withTwo { log, first, second in
            let theirs = try await second.context(user: "u_1", thread: "t_1")
            try await first.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                try await run.withChild(agent: "reader") { child in
                    child.usage += TokenUsage(outputTokens: 5)
                    try await theirs.emit(Two.custom(1))
                }
                #expect(run.usage.total == TokenUsage(outputTokens: 5))
            }
            let usages = try await Two.events(log).compactMap { event -> TokenUsage? in
                guard case .agentCompleted(let completed) = event.payload else { return nil }
                return completed.usage
            }
            #expect(usages == [TokenUsage(outputTokens: 5), TokenUsage(outputTokens: 5)])
        }
    }

    /// Several tasks say something at once: it is one message, as with any log.
    @Test func whatSeveralTasksSayIsOneMessage() async throws {
        let log = InMemoryContendedLog()
        try await withAgentRuntime(log: log) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<8 { group.addTask { try await run.say("\(number)") } }
                    try await group.waitForAll()
                }
            }
        }
        let texts = try await Two.events(log).compactMap { event -> String? in
            guard case .messageCompleted(let completed) = event.payload else { return nil }
            return completed.text
        }
        #expect(texts.map { $0.sorted() } == [Array("01234567")])
    }

    // MARK: Time

    /// The sweep has not come, since its clock stands still: the emission ends what is overdue.
    @Test func whatIsOverdueEndsBeforeAnythingElseIsDecided() async throws {
        let log = InMemoryContendedLog()
        let clock = ManualClock()
        var configuration = RuntimeConfiguration.deterministic(clock: clock)
        configuration.durationClock = ManualClock()
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(Two.start("r_1"))
            let now = clock.wallClock.now().milliseconds
            try await context.emit(Self.approval(Timestamp(milliseconds: now + 1000)))
            clock.advance(by: .seconds(1))
            let resolved = ApprovalResolved(approvalID: "a_1", decision: .approved)
            let error = await #expect(throws: AgentEventsError.self) {
                try await context.emit(EventDraft(runID: "r_1", .approvalResolved(resolved)))
            }
            #expect(error?.violation?.rule == .approvalNotOpen)
            let decisions = try await Two.events(log).compactMap { event -> ApprovalDecision? in
                guard case .approvalResolved(let resolved) = event.payload else { return nil }
                return resolved.decision
            }
            #expect(decisions == [.expired])
        }
    }

    /// The time passes between the look at what is overdue and the decision: it is decided at the time of the look.
    @Test func nothingIsDecidedAtATimeAtWhichSomethingIsOverdue() async throws {
        let log = InMemoryContendedLog()
        let clock = ManualClock()
        let readings = Mutex<Int?>(nil)
        var configuration = RuntimeConfiguration.deterministic(clock: clock)
        configuration.durationClock = ManualClock()
        configuration.clock = WallClock {
            let now = clock.wallClock.now()
            let isLate = readings.withLock { readings in
                guard let count = readings else { return false }
                readings = count + 1
                return count > 0
            }
            return isLate ? Timestamp(milliseconds: now.milliseconds + 1000) : now
        }
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(Two.start("r_1"))
            let now = clock.wallClock.now().milliseconds
            try await context.emit(Self.approval(Timestamp(milliseconds: now + 1000)))
            readings.withLock { $0 = 0 }
            _ = try await context.command(RunCommand(.stop, run: "r_1"))
        }
        #expect(validate(events: try await Two.events(log)) == [])
    }

    // MARK: Hosts

    /// Its end was offered, and then refused, because of what the other writer had opened in it.
    @Test func aRunWhoseEndIsRefusedIsStillHostedHere() async throws {
        try await Two.withTwo { log, first, second in
            let ours = try await first.context(user: "u_1", thread: "t_1")
            let theirs = try await second.context(user: "u_1", thread: "t_1")
            try await ours.emit(Two.start("r_1"))
            try await theirs.emit(Self.approval())
            let error = await #expect(throws: AgentEventsError.self) { try await ours.emit(Two.end("r_1")) }
            #expect(error?.violation?.rule == .workOpen)
            try await first.cancelHostedRuns(reason: "stopping")
            #expect(try await log.thread("t_1")?.openRuns == [])
        }
    }

    /// Both begin a run with one id at once; the one who was later does not end it.
    @Test func aRunThatAnotherWriterBeganFirstIsNotHostedHere() async throws {
        let log = TroubledContendedLog()
        try await withAgentRuntime(log: log) { first in
            try await withAgentRuntime(log: log.log.anotherWriter()) { second in
                let ours = try await first.context(user: "u_1", thread: "t_1")
                let theirs = try await second.context(user: "u_1", thread: "t_1")
                log.beforeAppend { try await theirs.emit(Two.start("r_1")) }
                let error = await #expect(throws: AgentEventsError.self) { try await ours.emit(Two.start("r_1")) }
                #expect(error?.violation?.rule == .alreadyStarted)
                try await first.cancelHostedRuns(reason: "stopping")
                #expect(try await log.thread("t_1")?.openRuns.map(\.run) == ["r_1"])
            }
        }
    }

    /// What was open when the first writer came is lost; what another one has begun since is not.
    @Test func aRunThatBeganAfterTheOpeningIsNotLost() async throws {
        let log = TroubledContendedLog()
        let crashed = log.log.anotherWriter()
        let generation = try await crashed.open().generation
        let owner = ThreadOwner(thread: "t_1", user: "u_1")
        let id = EventID(generation: generation, sequence: 1)
        let bytes = try EventEncoder.encode(
            .agentStarted(AgentStarted()), id: id, thread: "t_1", run: "r_old", agent: "guide",
            time: Timestamp(milliseconds: 1))
        try await crashed.append(
            LogCommit(
                entries: [LogEntry(owner: owner, id: id, type: .agentStarted, run: "r_old", bytes: bytes)],
                time: Timestamp(milliseconds: 1)))
        crashed.close()
        // The first writer has the log open, and is about to look what was lost.
        let isOpen = WakeSignal()
        let second = AgentRuntime(log: log.log.anotherWriter())
        log.beforeLookUp {
            isOpen.signal()
            let theirs = try await second.context(user: "u_1", thread: "t_1")
            try await theirs.emit(Two.start("r_new"))
        }
        try await withAgentRuntime(log: log) { first in
            _ = await isOpen.wait()
            async let running: Void = second.run()
            try await first.waitForStart()
            #expect(try await log.thread("t_1")?.openRuns.map(\.run) == ["r_new"])
            second.shutdown()
            try await running
        }
    }

    // MARK: Owners

    /// Somebody asked for the thread here before it had an event, and elsewhere somebody else was first.
    @Test func aThreadIsItsOwnersAlsoWhereItWasOpenedForSomebodyElse() async throws {
        try await Two.withTwo { log, first, second in
            let ours = try await first.context(user: "u_1", thread: "t_1")
            #expect(try await first.owner(of: "t_1") == "u_1")
            let theirs = try await second.context(user: "u_2", thread: "t_1")
            try await theirs.emit(Two.custom(1))
            #expect(try await first.owner(of: "t_1") == "u_2")
            let here = try await first.context(user: "u_2", thread: "t_1")
            #expect(try await here.emit(Two.custom(2)).sequence == 2)
            for _ in 1...2 {
                let error = await #expect(throws: AgentEventsError.self) { try await ours.emit(Two.custom(3)) }
                #expect(error?.code == .threadForbidden)
                #expect(try await first.context(user: "u_2", thread: "t_1") === here)
            }
            #expect(try await here.emit(Two.custom(3)).sequence == 3)
            #expect(first.knownOwner(of: "t_1") == "u_2")
        }
    }

    // MARK: A log that cannot be read

    /// The number after the one that was refused would fit by chance: nothing is decided on what was refused.
    @Test func whatWasRefusedDoesNotCountThoughTheThreadCouldNotBeRead() async throws {
        let log = TroubledContendedLog()
        try await withAgentRuntime(log: log) { first in
            try await withAgentRuntime(log: log.log.anotherWriter()) { second in
                let ours = try await first.context(user: "u_1", thread: "t_1")
                let theirs = try await second.context(user: "u_1", thread: "t_1")
                try await ours.emit(Two.custom(1))
                try await theirs.emit(Two.custom(2))
                log.failLookUps(2)
                for _ in 1...2 {
                    let error = await #expect(throws: AgentEventsError.self) { try await ours.emit(Two.start("r_1")) }
                    #expect(error?.code == .log(.failed))
                }
                let error = await #expect(throws: AgentEventsError.self) {
                    try await ours.emit(Two.think("r_1", "Where?"))
                }
                #expect(error?.violation?.rule == .notStarted)
                try await ours.emit(Two.start("r_1"))
                #expect(try await Two.events(log).map(\.id.sequence) == [1, 2, 3])
            }
        }
    }

    // MARK: Memory

    /// A half of a character that is lost keeps nothing in memory.
    @Test func theContextOfALostHalfIsGivenBack() async throws {
        let log = InMemoryContendedLog()
        var configuration = RuntimeConfiguration()
        configuration.maximumIdleContexts = 2
        func draft(_ type: String, _ data: String) throws -> EventDraft {
            let text = #"{"type":"\#(type)","run_id":"r_1","agent":"guide","data":\#(data)}"#
            return try EventDecoder.decodeDraft(JSONValue(parsing: Array(text.utf8)), path: "$", thread: "t_1")
        }
        try await withAgentRuntime(log: log, configuration: configuration) { first in
            try await withAgentRuntime(log: log.anotherWriter()) { second in
                weak var context: ExecutionContext?
                func use() async throws {
                    let ours = try await first.context(user: "u_1", thread: "t_1")
                    context = ours
                    _ = try await ours.emit([
                        draft("agent_started", "{}"), draft("message_delta", #"{"message_id":"m","text":"a\ud83d"}"#),
                    ])
                    let theirs = try await second.context(user: "u_1", thread: "t_1")
                    try await theirs.emit(Two.custom(1))
                    try await ours.emit(Two.custom(2))
                }
                try await use()
                for number in 1...10 {
                    let other = try await first.context(user: "u_1", thread: ThreadID("other_\(number)"))
                    try await other.emit(Two.custom(3))
                }
                #expect(context == nil)
            }
        }
    }
}
