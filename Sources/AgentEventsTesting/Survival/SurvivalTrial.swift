import AgentEvents
import AgentEventsChecks
import Synchronization

/// One run of a user's agent in a runtime of its own, with one disturbance.
///
/// ```
/// events are committed ── the one of the disturbance ──> it is decided before the agent continues
///                      ── a question ──> answered, as the disturbance says
///                      ── the agent's code returns, or hangs ──> the log is looked at
/// ```
///
/// The log takes one event at a time, and each emission waits for that: so the agent stands at a known place when somebody
/// acts.
final class SurvivalTrial: Sendable {
    /// The agent, and what is known of it.
    struct Subject: Sendable {
        var agent: AgentName
        var input: JSONValue?
        /// The time in which its code has to return, and so must everything else.
        var timeLimit: Duration
        var clock: any Clock<Duration>
        var maximumEventCount: Int
        /// The number of things done so far that need a yes; `nil` when nobody counts them.
        var effects: (@Sendable () -> Int)?
        var body: @Sendable (AgentRun) async throws -> JSONValue?
    }

    /// The things that were done up to the end of a question.
    struct Mark: Sendable {
        var decision: ApprovalDecision
        var effectCount: Int
        /// Up to when the next question was asked, or the run ended.
        var followingCount: Int
    }

    /// The outcome of a run.
    struct Outcome: Sendable {
        enum Body: Sendable {
            case returned
            case threw(String)
            case hangs
        }

        var body: Body
        var events: [AgentEvent]
        /// Something that a person was refused.
        var refusal: String?
        /// The things that were done, in all, and up to each answer.
        var effectCount = 0
        var marks: [Mark] = []

        /// The end of the run without a parent that began last.
        var end: AgentEvent? { events.last { $0.type?.endsRun == true && $0.runID == root } }

        private var root: RunID? { events.last { $0.startsRoot }?.runID }
    }

    static let user: UserID = "u_1"
    static let thread: ThreadID = "t_survival"

    private struct State {
        var eventCount = 0
        var questionCount = 0
        var hasActed = false
        var refusal: String?
        var isPaused = false
        var tasks: [Task<Void, Never>] = []
        var context: ExecutionContext?
        var marks: [Mark] = []
        /// The question whose time passes without an answer.
        var expiring: ApprovalID?
    }

    private let subject: Subject
    private let disturbance: Disturbance
    private let clock = ManualClock()
    private let decisions = DecisionNotice()
    private let state = Mutex(State())
    private let effectsBefore: Int

    init(_ subject: Subject, _ disturbance: Disturbance) {
        self.subject = subject
        self.disturbance = disturbance
        effectsBefore = subject.effects?() ?? 0
    }

    private var effectCount: Int { (subject.effects?() ?? 0) - effectsBefore }

    // MARK: The trial

    /// - Parameters:
    ///   - memory: the log; with the events of an earlier life in it, the agent is asked again.
    ///   - life: the number of the process that has the log; none uses the ids of another one.
    func run(over memory: InMemoryEventLog, life: UInt64) async throws -> Outcome {
        let log = SurvivalLog(memory) { await self.observe($0) }
        let environment = Environment.manual(clock, seed: life)
        var configuration = RuntimeConfiguration(environment: environment)
        configuration.clock = WallClock {
            self.decisions.give()
            return self.clock.wallClock.now()
        }
        configuration.highWaterByteCount = 1
        let runtime = AgentRuntime(log: log, configuration: configuration)
        // Bare tasks, here and below: what hangs is left behind, which a task group could not do.
        let life = Box<Void>()
        let process = Task { life.put(await Result { try await runtime.run() }) }
        let context = try await runtime.context(user: Self.user, thread: Self.thread)
        state.withLock { $0.context = context }
        let work = Box<JSONValue?>()
        let task = Task {
            work.put(
                await Result {
                    try await runtime.withRun(
                        user: Self.user, thread: Self.thread, agent: self.subject.agent, input: self.subject.input,
                        deadline: nil, self.subject.body)
                })
        }
        let body: Outcome.Body =
            switch await work.value(within: subject.timeLimit, subject.clock) {
            case .success: .returned
            case .failure(let error): .threw("\(error)")
            case nil: .hangs
            }
        state.withLock { $0.expiring = nil }
        task.cancel()
        runtime.shutdown()
        _ = await life.value(within: subject.timeLimit, subject.clock)
        process.cancel()
        memory.close()
        return try await outcome(body, memory)
    }

    private func outcome(_ body: Outcome.Body, _ memory: InMemoryEventLog) async throws -> Outcome {
        var events: [AgentEvent] = []
        while true {
            let page = try await memory.read(LogRead(.thread(Self.thread, after: events.last?.sequence ?? 0)))
            if page.events.isEmpty { break }
            for stored in page.events { events.append(try stored.decoded()) }
        }
        let count = effectCount
        follow(upTo: count)
        return state.withLock { state in
            Outcome(
                body: body, events: events, refusal: state.refusal, effectCount: count, marks: state.marks)
        }
    }

    /// Counts what was done since the last answer as done because of it.
    private func follow(upTo count: Int) {
        state.withLock { state in
            guard let last = state.marks.indices.last, state.marks[last].followingCount < 0 else { return }
            state.marks[last].followingCount = count - state.marks[last].effectCount
        }
    }

    // MARK: People

    /// An event is in the log. The code that emitted it waits.
    ///
    /// - Returns: whether the process dies.
    private func observe(_ event: AgentEvent) async -> Bool {
        guard event.threadID == Self.thread else { return false }
        let (number, isFirst) = state.withLock { state in
            state.eventCount += 1
            if event.type == .agentResumed { state.isPaused = false }
            return (state.eventCount, !state.hasActed)
        }
        if case .approvalRequested(let asked) = event.payload {
            follow(upTo: effectCount)
            await answer(asked, event)
        }
        if case .approvalResolved(let resolved) = event.payload {
            let mark = Mark(decision: resolved.decision, effectCount: effectCount, followingCount: -1)
            state.withLock { state in
                state.marks.append(mark)
                if state.expiring == resolved.approvalID { state.expiring = nil }
            }
        }
        if resumesAfter(event) { resume() }
        guard isFirst else { return false }
        switch disturbance {
        case .stop(let after) where number >= after: await act { _ = try await $0.command(.by(.stop)) }
        case .pause(let after) where number >= after: await act { _ = try await $0.command(.by(.pause)) }
        case .kill(let after) where number >= after:
            state.withLock { $0.hasActed = true }
            return true
        case .nothing, .stop, .pause, .kill, .deny, .expire, .answerWhilePaused: break
        }
        return false
    }

    /// Whether somebody resumes the run now: once it is paused, and has the answer for which it was.
    private func resumesAfter(_ event: AgentEvent) -> Bool {
        let isPaused = state.withLock { state in
            defer { if event.type == .agentPaused { state.isPaused = true } }
            return state.isPaused
        }
        guard case .answerWhilePaused = disturbance else { return event.type == .agentPaused && !isPaused }
        return event.type == .approvalResolved && isPaused
    }

    private func resume() {
        perform { context in
            // The agent comes to the gate, if it does anything: it has been let go by the commit of the pause.
            for _ in 0..<Self.patience where await context.pausedTaskCount == 0 { await Task.yield() }
            _ = try await context.command(.by(.resume))
        }
    }

    /// The number of turns that an agent has to come to the gate.
    private static let patience = 200

    private func answer(_ asked: ApprovalRequested, _ event: AgentEvent) async {
        let question = state.withLock { state in
            state.questionCount += 1
            return state.questionCount
        }
        var isApproved = true
        switch disturbance {
        case .expire(question):
            guard let expiresAt = asked.expiresAt else { break }
            passTime(of: asked.approvalID, .milliseconds(expiresAt.milliseconds - event.time.milliseconds))
            return
        case .deny(question): isApproved = false
        case .answerWhilePaused(question): await act { _ = try await $0.command(.by(.pause)) }
        case .nothing, .stop, .pause, .kill, .deny, .expire, .answerWhilePaused: break
        }
        let answer = ApprovalAnswer(
            asked.approvalID, run: event.runID, isApproved: isApproved,
            data: isApproved ? FormExample.data(for: asked) : nil,
            by: asked.approvers.first { $0 != asked.separateFrom } ?? Self.user)
        perform { context in
            do throws(AgentEventsError) {
                _ = try await context.answer(answer)
            } catch {
                // The run may have ended, or its process.
                guard error.code == .approvalDataInvalid else { return }
                self.state.withLock { $0.refusal = error.message }
            }
        }
    }

    /// Lets the time for an answer pass.
    private func passTime(of approval: ApprovalID, _ duration: Duration) {
        state.withLock { $0.expiring = approval }
        clock.advance(by: duration)
        perform { _ in
            // Who read the time before this, and begins to sleep after it, sleeps too long.
            while self.state.withLock({ $0.expiring == approval }) {
                for _ in 0..<Self.patience { await Task.yield() }
                self.clock.advance(by: .seconds(60))
            }
        }
    }

    /// Acts once, and returns when what is done is decided.
    private func act(_ action: @escaping @Sendable (ExecutionContext) async throws -> Void) async {
        state.withLock { $0.hasActed = true }
        let decided = decisions.next()
        perform { context in
            // What is refused is not: the run has ended before.
            try? await action(context)
            self.decisions.give()
        }
        await decided.value()
    }

    private func perform(_ action: @escaping @Sendable (ExecutionContext) async throws -> Void) {
        guard let context = state.withLock({ $0.context }) else { return }
        let task = Task { _ = try? await action(context) }
        state.withLock { $0.tasks.append(task) }
    }
}

extension RunCommand {
    fileprivate static func by(_ action: Action) -> RunCommand { RunCommand(action, by: SurvivalTrial.user) }
}

extension AgentEvent {
    /// Whether a run without a parent begins with it.
    var startsRoot: Bool {
        if case .agentStarted(let started) = payload { started.parentRunID == nil } else { false }
    }
}
