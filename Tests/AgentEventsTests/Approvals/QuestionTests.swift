import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// Questions of several runs, in several threads, and over a restart. The numbers are those of the cases in the design.
@Suite(.timeLimit(.minutes(10))) struct QuestionTests {
    private static func word(_ outcome: ApprovalOutcome<Void>) -> String {
        switch outcome {
        case .approved: "approved"
        case .denied: "denied"
        case .expired: "expired"
        case .cancelled: "cancelled"
        }
    }

    private static func yes(_ approval: ApprovalID) -> ApprovalAnswer {
        ApprovalAnswer(approval, isApproved: true, by: "u_1")
    }

    private static func no(_ approval: ApprovalID) -> ApprovalAnswer {
        ApprovalAnswer(approval, isApproved: false, by: "u_1")
    }

    private static func error(
        of answer: ApprovalAnswer,
        in context: ExecutionContext
    ) async -> AgentEventsError? {
        do {
            _ = try await context.answer(answer)
            return nil
        } catch {
            return error
        }
    }

    /// 19: the time for an answer ends while the run is paused, too.
    @Test(arguments: CommandStage.logs) func aQuestionExpiresWhileItsRunIsPaused(contended: Bool) async throws {
        let now = Mutex<Int64>(1_000_000)
        var configuration = RuntimeConfiguration()
        configuration.clock = WallClock { Timestamp(milliseconds: now.withLock { $0 }) }
        try await CommandStage.with(contended: contended, configuration) { stage in
            async let word: String = stage.run { run in
                Self.word(try await run.approve("May I?", id: "a_1", within: .seconds(60)))
            }
            try await stage.wait(for: .approvalRequested)
            try await stage.command(.pause)
            now.withLock { $0 += 60_000 }
            #expect(await Self.error(of: Self.yes("a_1"), in: stage.context)?.code == .approvalExpired)
            try await stage.command(.resume)
            #expect(try await word == "expired")
            let types = try await stage.types
            #expect(
                types == [
                    "approval_requested", "agent_paused", "approval_resolved", "agent_resumed", "agent_completed",
                ])
        }
    }

    /// 25 and 41: a run asks a second time, and an answer to the first question is none to the second.
    @Test(arguments: CommandStage.logs) func anAnswerIsForTheQuestionThatItNames(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            async let words: [String] = stage.run { run in
                let first = Self.word(try await run.approve("One?", id: "a_1"))
                return [first, Self.word(try await run.approve("Two?", id: "a_2"))]
            }
            try await stage.wait(for: .approvalRequested)
            _ = try await stage.context.answer(Self.yes("a_1"))
            try await stage.wait(for: .approvalRequested, count: 2)
            #expect(await Self.error(of: Self.no("a_1"), in: stage.context)?.code == .approvalResolved)
            let again = try await stage.context.answer(Self.yes("a_1"))
            #expect(again.outcome == .unchanged)
            #expect(try await stage.types.filter { $0 == "approval_resolved" }.count == 1)
            _ = try await stage.context.answer(Self.no("a_2"))
            #expect(try await words == ["approved", "denied"])
        }
    }

    /// 34: a caller that waits for an answer may give up; the question stays open.
    @Test func theWaitOfACallerIsNotTheLifeOfTheQuestion() async throws {
        try await CommandStage.with { stage in
            let outcome: CommandReceipt.Outcome = try await stage.run { run in
                let question = Task { try await run.approve("May I?", id: "a_1") }
                try await stage.wait(for: .approvalRequested)
                question.cancel()
                await #expect(throws: CancellationError.self) { try await question.value }
                return try await stage.context.answer(Self.yes("a_1")).outcome
            }
            #expect(outcome == .done)
            #expect(try await stage.types == ["approval_requested", "approval_resolved", "agent_completed"])
        }
    }

    /// 38: what a child asks is asked, and answered, in the thread.
    @Test(arguments: CommandStage.logs) func theQuestionOfAChildIsAnsweredInItsThread(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            async let word: String = stage.run { run in
                try await run.withChild(agent: "child") { child in
                    Self.word(try await child.approve("May I?", id: "a_1"))
                }
            }
            try await stage.wait(for: .approvalRequested)
            let asking = try await stage.events.last
            let receipt = try await stage.context.answer(Self.yes("a_1"))
            #expect(asking?.agent == "child" && receipt.run == asking?.runID)
            #expect(try await word == "approved")
        }
    }

    /// 39: a question is one of its thread, and of no other.
    @Test func anotherThreadKnowsNothingOfTheQuestion() async throws {
        try await CommandStage.with { stage in
            async let word: String = stage.run { run in Self.word(try await run.approve("May I?", id: "a_1")) }
            try await stage.wait(for: .approvalRequested)
            let other = try await stage.runtime.context(user: "u_1", thread: "t_2")
            try await other.emit(EventDraft(.userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "Hello"))))
            #expect(await Self.error(of: Self.yes("a_1"), in: other)?.code == .approvalUnknown)
            #expect(try await ThreadFold.state(of: "t_2", in: stage.log).approvals.isEmpty)
            _ = try await stage.context.answer(Self.yes("a_1"))
            #expect(try await word == "approved")
        }
    }

    /// 40: however large the state of the thread is, an answer reads the log from its question on, and no more.
    @Test func aLargeStateIsNotReadForAnAnswer() async throws {
        let log = CountingReadsLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            for number in 0..<20 {
                let value = JSONValue.string(String(repeating: "x", count: 60_000))
                try await context.emit(
                    EventDraft(
                        .stateUpdated(
                            StateUpdated(version: Int64(number) + 1, key: "key_\(number)", change: .value(value))))
                )
            }
            async let word: String = runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                Self.word(try await run.approve("May I?", id: "a_1"))
            }
            while await context.askingTaskCount != 1 { await Task.yield() }
            try await runtime.flush()
            let before = log.byteCount
            _ = try await context.answer(Self.yes("a_1"))
            #expect(try await word == "approved")
            #expect(log.byteCount - before < 10_000)
        }
    }

    /// 44: a no counts for ever: also after a restart another answer is told of it.
    @Test func aNoOutlivesTheProcess() async throws {
        let log = InMemoryEventLog()
        let cursor = try await withAgentRuntime(log: log) { runtime in
            async let word: String = runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                Self.word(try await run.approve("May I?", id: "a_1"))
            }
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            while await context.askingTaskCount != 1 { await Task.yield() }
            let receipt = try await context.answer(Self.no("a_1"))
            #expect(try await word == "denied")
            return receipt.cursors.first
        }
        let answered = try #require(cursor)
        log.close()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let error = await Self.error(of: Self.yes("a_1"), in: context)
            #expect(error?.code == .approvalResolved)
            #expect(
                error?.details?.resolution
                    == CommandDetails.Resolution(decision: .denied, by: "u_1", cursor: answered))
        }
    }

    /// A call and the question about it are one commit, so that no crash leaves a call that nobody was asked about: what cannot
    /// be asked begins no call.
    @Test(arguments: CommandStage.logs) func aCallBeginsWithItsQuestion(contended: Bool) async throws {
        var configuration = RuntimeConfiguration()
        configuration.maximumEventByteCount = 4096
        try await CommandStage.with(contended: contended, configuration) { stage in
            let code: AgentEventsError.Code? = try await stage.run { run in
                do {
                    let question = ToolApproval(String(repeating: "?", count: 5000))
                    try await run.tool("deploy", arguments: 1, approval: question) { _ in
                        Issue.record("the body has begun")
                    }
                    return nil
                } catch let error as AgentEventsError {
                    return error.code
                }
            }
            #expect(code == .tooLarge)
            #expect(try await stage.types == ["agent_completed"])
        }
    }

    /// 60: the time that people take is not the time of the call.
    @Test func theTimeOfACallBeginsWithItsBody() async throws {
        let clock = ManualClock()
        let configuration = RuntimeConfiguration(environment: .manual(clock))
        try await CommandStage.with(configuration) { stage in
            async let outcome: Result<String, any Error> = stage.outcome { run in
                try await run.tool(
                    "deploy", arguments: 1, approval: ToolApproval("May I?"), timeout: .seconds(60)
                ) { _ in "done" }
            }
            try await stage.wait(for: .approvalRequested)
            clock.advance(by: .seconds(3600))
            let asked = try #require(try await ThreadFold.state(of: "t_1", in: stage.log).approvals.first?.approvalID)
            _ = try await stage.context.answer(Self.yes(asked))
            #expect(try await outcome.get() == "done")
        }
    }
}

/// A log that counts the bytes that are read.
private final class CountingReadsLog: EventLog {
    private let base = InMemoryEventLog()
    private let bytes = Mutex(0)

    var byteCount: Int { bytes.withLock { $0 } }

    func open() async throws(EventLogError) -> LogOpening { try await base.open() }
    func append(_ commit: LogCommit) async throws(EventLogError) { try await base.append(commit) }
    func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        let page = try await base.read(request)
        bytes.withLock { $0 += page.events.reduce(0) { $0 + $1.bytes.count } }
        return page
    }
    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await base.thread(thread) }
    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await base.startedRuns(among: runs, in: thread)
    }
    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await base.recall(key, in: thread)
    }
}
