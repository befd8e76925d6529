import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// The opening of a log with runs of a process that is gone, by what their agents say; section (f) 61.
@Suite(.timeLimit(.minutes(10))) struct RecoveryTests {
    private static func draft(_ payload: EventPayload, _ run: RunID = "r_1", by agent: AgentName? = nil) -> EventDraft {
        EventDraft(runID: run, agent: agent, payload)
    }

    private static func call(_ tool: ToolName, _ run: RunID = "r_1") -> EventDraft {
        draft(.toolExecuting(ToolExecuting(callID: "c_1", tool: tool, arguments: [:])), run)
    }

    private static let fragment = draft(.messageDelta(MessageDelta(messageID: "m_1", text: "Half")))
    private static let question = draft(
        .approvalRequested(ApprovalRequested(approvalID: "a_1", callID: "c_1", prompt: "May I?")))
    private static func answer(_ decision: ApprovalDecision) -> EventDraft {
        draft(.approvalResolved(ApprovalResolved(approvalID: "a_1", decision: decision, by: "u_1")))
    }
    private static let pause = draft(.agentPaused(AgentPaused(by: "u_1")))
    private static func child(_ agent: AgentName, of call: CallID?) -> EventDraft {
        draft(.agentStarted(AgentStarted(parentRunID: "r_1", parentCallID: call)), "r_2", by: agent)
    }

    /// The events of the run, and those that the opening adds for an agent that never restarts and for one that resumes.
    static let states: [(String, [EventDraft], never: [String], resume: [String])] = [
        ("running", [fragment], ["message_completed", "run.lost"], ["message_completed interrupted", "pause r_1"]),
        (
            "in a call", [call("deploy")], ["cancelled tool.lost", "run.lost"], ["failed tool.lost", "pause r_1"]
        ),
        ("in a repeatable call", [call("search")], ["cancelled tool.lost", "run.lost"], ["pause r_1"]),
        (
            "waiting", [fragment, call("deploy"), question],
            ["cancelled", "cancelled tool.not_started", "message_completed", "run.lost"], []
        ),
        (
            "answered", [call("deploy"), question, answer(.approved)], ["cancelled tool.lost", "run.lost"],
            ["failed tool.lost", "pause r_1"]
        ),
        (
            "refused", [call("deploy"), question, answer(.denied)], ["cancelled tool.lost", "run.lost"],
            ["denied approval.denied", "pause r_1"]
        ),
        ("paused", [fragment, pause], ["message_completed", "run.lost"], []),
        ("paused in a call", [call("deploy"), pause], ["cancelled tool.lost", "run.lost"], ["failed tool.lost"]),
        (
            "answered while paused", [call("deploy"), question, pause, answer(.approved)],
            ["cancelled tool.lost", "run.lost"], []
        ),
        (
            "with a child", [call("search"), child("resume", of: "c_1")],
            ["cancel r_2", "cancelled tool.lost", "run.lost"], ["pause r_2", "pause r_1"]
        ),
        (
            "with a child that does not resume", [child("never", of: nil)], ["cancel r_2", "run.lost"],
            ["cancel r_2", "pause r_1"]
        ),
    ]

    private static func word(_ event: AgentEvent) -> String {
        switch event.payload {
        case .messageCompleted(let completed): "message_completed" + (completed.isInterrupted ? " interrupted" : "")
        case .toolCompleted(let completed): "\(completed.status) \(completed.error?.code ?? "")"
        case .approvalResolved(let resolved): "\(resolved.decision)"
        case .agentPaused: "pause \(event.runID?.rawValue ?? "")"
        case .agentCancelled: "cancel \(event.runID?.rawValue ?? "")"
        case .agentFailed(let failed): failed.error.code
        case .agentQueued(let queued): "queue \(queued.attempt ?? 1) of \(queued.retryOf?.rawValue ?? "")"
        default: event.typeName
        }
    }

    private static func policy(_ agent: AgentName) -> RunRecovery.Policy {
        switch agent {
        case "resume": RunRecovery.Policy(.resume, repeatableTools: ["search"])
        case "again": RunRecovery.Policy(.again(attempts: 3))
        default: RunRecovery.Policy()
        }
    }

    @Test(arguments: ["never", "again", "resume"] as [AgentName], states.indices)
    func case61EveryStateHasItsOutcome(_ agent: AgentName, _ state: Int) async throws {
        let (name, drafts, never, resume) = Self.states[state]
        let log = InMemoryEventLog()
        let now = Mutex(Timestamp(rfc3339: "2026-01-01T00:00:00.000Z")?.milliseconds ?? 0)
        var configuration = RuntimeConfiguration()
        configuration.clock = WallClock {
            now.withLock { now in
                now += 1
                return Timestamp(milliseconds: now)
            }
        }
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let started = AgentStarted(input: "it", messageIDs: ["m_9"])
            _ = try await context.emit([Self.draft(.agentStarted(started), by: agent)] + drafts)
        }
        log.close()
        let count = drafts.count + 1
        var expected = agent == "resume" ? resume : never
        if agent == "again" { expected.append("queue 2 of r_1") }
        // A second opening finds nothing to do.
        for _ in 1...2 {
            let runtime = AgentRuntime(log: log, configuration: configuration)
            runtime.recover(by: Self.policy)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runtime.run() }
                try await runtime.waitForStart()
                #expect(runtime.parkedRuns.map(\.run) == (agent == "resume" ? ["r_1"] : []))
                #expect(runtime.threadsWithQueuedRuns.count == (agent == "again" ? 1 : 0))
                runtime.shutdown()
                try await group.waitForAll()
            }
            log.close()
            let events = try await log.read(LogRead(.thread("t_1", after: UInt64(count)))).events.map {
                try EventDecoder.decode($0.bytes)
            }
            #expect(events.map(Self.word) == expected, "\(name)")
            // One decision, and so one commit: all of it has one time, and each look at the clock gives another one.
            #expect(Set(events.map(\.time)).count <= 1)
            if case .agentQueued(let queued)? = events.last?.payload {
                #expect(queued.input == "it" && queued.messageIDs == ["m_9"])
            }
        }
    }

    /// An answer that comes when a process has let go of its runs begins nothing: the next process runs the body, once.
    @Test func anAnswerDuringTheStopIsActedUponAfterTheRestart() async throws {
        let log = InMemoryEventLog()
        let clock = ManualClock()
        let process = { (body: (AgentRuntime, ExecutionContext) async throws -> Void) async throws in
            let runtime = AgentRuntime(
                log: log,
                configuration: RuntimeConfiguration(environment: .manual(clock, seed: .random(in: 1 ... .max))))
            runtime.recover(by: Self.policy)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runtime.run() }
                try await runtime.waitForStart()
                try await body(runtime, try await runtime.context(user: "u_1", thread: "t_1"))
                runtime.shutdown()
                try await group.waitForAll()
            }
            log.close()
            clock.advance(by: .seconds(11))
        }
        try await process { runtime, context in
            _ = try await context.emit([
                Self.draft(.agentStarted(AgentStarted()), by: "resume"), Self.call("deploy"), Self.question,
            ])
            try await runtime.cancelHostedRuns(reason: "shutdown")
            let error = await #expect(throws: AgentEventsError.self) { try await context.emit(Self.fragment) }
            #expect(error?.code == .order(.alreadyEnded))
            let answer = ApprovalAnswer("a_1", run: nil, isApproved: true, data: nil, by: "u_1")
            #expect(try await context.answer(answer).outcome == .done)
        }
        // Killed before anybody takes it up: that changes nothing.
        try await process { _, _ in }
        try await process { runtime, context in
            guard case .taken(let work) = try await context.attach("r_1"), let run = work.run else {
                Issue.record("it can be taken up")
                return
            }
            #expect(work.attempt == 2 && work.calls.map(\.id) == ["c_1"])
            #expect(work.calls.first?.approval?.resolved?.decision == .approved)
            // It is taken up once.
            if case .taken = try await context.attach("r_1") { Issue.record("it is taken up twice") }
            try await runtime.work(for: run) { run in
                for call in work.calls { _ = try await run.finish(call, timeout: nil) { _ in "deployed" } }
                return nil
            }
        }
        let events = try await log.read(LogRead(.thread("t_1", after: 3))).events.map {
            try EventDecoder.decode($0.bytes)
        }
        #expect(
            events.map(Self.word) == [
                "pause r_1", "approved", "agent_resumed", "succeeded ", "agent_completed",
            ])
    }

    /// An answer that comes after a restart, and a stop before the run is taken up: nothing has begun, and nothing is lost.
    /// Also when the thread's context was given back since, and another one knows of it by the log alone.
    @Test(arguments: [false, true]) func anAnswerBeforeARunIsTakenUpIsKeptByAStop(_ isGivenBack: Bool) async throws {
        let log = InMemoryEventLog()
        let clock = ManualClock()
        var configuration = RuntimeConfiguration(environment: .manual(clock))
        configuration.idleContextTimeout = .seconds(37)
        let question = [Self.draft(.agentStarted(AgentStarted()), by: "resume"), Self.call("deploy"), Self.question]
        for step in 0..<3 {
            let runtime = AgentRuntime(log: log, configuration: configuration)
            runtime.recover(by: Self.policy)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runtime.run() }
                try await runtime.waitForStart()
                if step == 1, isGivenBack {
                    for _ in 0..<3 {
                        try await clock.waitForSleep(of: .seconds(37))
                        clock.advance(by: .seconds(37))
                    }
                    #expect(runtime.knownOwner(of: "t_1") == nil)
                }
                let context = try await runtime.context(user: "u_1", thread: "t_1")
                switch step {
                case 0: _ = try await context.emit(question)
                case 1:
                    _ = try await context.answer(
                        ApprovalAnswer("a_1", run: nil, isApproved: true, data: nil, by: "u_1"))
                    try await runtime.cancelHostedRuns(reason: "shutdown")
                default: #expect(runtime.parkedRuns.map(\.run) == ["r_1"])
                }
                try await runtime.flush()
                runtime.shutdown()
                try await group.waitForAll()
            }
            log.close()
        }
        let events = try await log.read(LogRead(.thread("t_1", after: 3))).events.map {
            try EventDecoder.decode($0.bytes)
        }
        #expect(events.map(Self.word) == ["approved", "pause r_1"])
    }

    /// An answer that comes when the process has let go of its runs, in a context that is opened only then: it is the next
    /// process that acts upon it, and nothing can have begun here.
    @Test func anAnswerInAContextThatIsOpenedWhileTheProcessStopsIsKept() async throws {
        let log = InMemoryEventLog()
        let clock = ManualClock()
        var configuration = RuntimeConfiguration(environment: .manual(clock))
        configuration.idleContextTimeout = .seconds(37)
        let question = [Self.draft(.agentStarted(AgentStarted()), by: "resume"), Self.call("deploy"), Self.question]
        for step in 0..<3 {
            let runtime = AgentRuntime(log: log, configuration: configuration)
            runtime.recover(by: Self.policy)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await runtime.run() }
                try await runtime.waitForStart()
                switch step {
                case 0:
                    _ = try await runtime.context(user: "u_1", thread: "t_1").emit(question)
                case 1:
                    for _ in 0..<3 {
                        try await clock.waitForSleep(of: .seconds(37))
                        clock.advance(by: .seconds(37))
                    }
                    #expect(runtime.knownOwner(of: "t_1") == nil)
                    runtime.stopTakingUp()
                    try await runtime.cancelHostedRuns(reason: "shutdown")
                    let context = try await runtime.context(user: "u_1", thread: "t_1")
                    _ = try await context.answer(
                        ApprovalAnswer("a_1", run: nil, isApproved: true, data: nil, by: "u_1"))
                default: #expect(runtime.parkedRuns.map(\.run) == ["r_1"])
                }
                try await runtime.flush()
                runtime.shutdown()
                try await group.waitForAll()
            }
            log.close()
        }
        let events = try await log.read(LogRead(.thread("t_1", after: 3))).events.map {
            try EventDecoder.decode($0.bytes)
        }
        #expect(events.map(Self.word) == ["pause r_1", "approved"])
    }

    /// However often a run was given the same message, and however many: its end is never refused, and they are answered.
    @Test func whatARunIsGivenTwiceIsAnsweredOnce() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(Self.draft(.agentStarted(AgentStarted()), by: "never"))
            func give(_ message: MessageID) async throws(AgentEventsError) {
                let given = UserMessage(messageID: message, userID: "u_1", text: "and", givenTo: "r_1")
                _ = try await context.emit(EventDraft(.userMessage(given)))
            }
            for number in 0..<256 { try await give(MessageID("m_\(number)")) }
            try await give("m_7")
            let error = await #expect(throws: AgentEventsError.self) { try await give("m_256") }
            #expect(error?.code == .order(.workOpen))
            try await context.emit(Self.draft(.agentCompleted(AgentCompleted(durationMilliseconds: 0))))
        }
        let events = try await log.read(LogRead(.thread("t_1", after: 258))).events.map {
            try EventDecoder.decode($0.bytes)
        }
        #expect(events.map(\.type) == [.agentCompleted, .agentQueued])
        guard case .agentQueued(let queued)? = events.last?.payload else { return }
        #expect(queued.messageIDs.count == 256 && Set(queued.messageIDs).count == 256)
    }

    /// A run that has gone on from an answer is not given it again: what was approved is not done twice.
    @Test func whatWasActedUponIsNoQuestionAnyLonger() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let asked = Self.draft(.approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "Deploy?")))
            _ = try await context.emit([
                Self.draft(.agentStarted(AgentStarted()), by: "resume"), asked, Self.answer(.approved),
            ])
            try await context.flush()
            let before = try await ResumedWork.read(["r_1"], in: "t_1", after: 0, log)
            #expect(before["r_1"]?.approvals.map(\.id) == ["a_1"])
            try await context.emit(Self.call("deploy"))
            try await context.flush()
            let after = try await ResumedWork.read(["r_1"], in: "t_1", after: 0, log)
            #expect(after["r_1"]?.approvals.isEmpty == true)
        }
    }

    /// Messages that were given to a run that is lost are answered after the run that does it again.
    @Test func messagesGivenToALostRunAreQueuedAfterIt() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            _ = try await context.emit([
                Self.draft(.agentStarted(AgentStarted()), by: "again"),
                EventDraft(.userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "and", givenTo: "r_1"))),
            ])
        }
        log.close()
        let runtime = AgentRuntime(log: log)
        runtime.recover(by: Self.policy)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runtime.run() }
            try await runtime.waitForStart()
            runtime.shutdown()
            try await group.waitForAll()
        }
        let events = try await log.read(LogRead(.thread("t_1", after: 2))).events.map {
            try EventDecoder.decode($0.bytes)
        }
        #expect(events.map(Self.word) == ["run.lost", "queue 2 of r_1", "queue 1 of "])
    }
}
