import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import Synchronization

/// The agents that work in a process: each goes on when the schedule says so.
final class AgentCrew: Sendable {
    private struct State {
        var random: SimulationRandom
        var isSettling = false
        var runs: Set<RunID> = []
        /// Up to where threads were read in the process, by those who still read.
        var read: [Int: UInt64] = [:]
        var lastQuestion = 0
    }

    private struct ScriptedFailure: Error, CustomStringConvertible {
        var description: String { "it did not work" }
    }

    private let owners: [ThreadOwner]
    let witness: LogWitness
    private let wallClock: WallClock
    private let process: Int
    private let contention: ContendedStore?
    private let state: Mutex<State>

    /// - Parameters:
    ///   - owners: the threads in which agents work.
    ///   - process: the number of the process in which they do.
    ///   - contention: the log, where another process writes it too.
    init(
        owners: [ThreadOwner],
        process: Int,
        contention: ContendedStore?,
        witness: LogWitness,
        wallClock: WallClock,
        seed: UInt64
    ) {
        self.wallClock = wallClock
        self.owners = owners
        self.process = process
        self.contention = contention
        self.witness = witness
        state = Mutex(State(random: SimulationRandom(seed: seed)))
    }

    // MARK: The schedule's side

    let pauses = Pauses()

    /// No agent goes on any longer.
    func stop() {
        pauses.stop()
        witness.leaves(state.withLock(\.runs))
    }

    /// No run begins any longer.
    func settle() { state.withLock { $0.isSettling = true } }

    var isSettling: Bool { state.withLock { $0.isSettling } }

    /// A reader in the process that was not given everything; `nil` when there is none.
    var behind: InvariantViolation? {
        for (number, sequence) in state.withLock({ $0.read }).sorted(by: { $0.key < $1.key }) {
            let thread = witness.thread(number)
            guard sequence < thread.head, thread.firstKept <= thread.head else { continue }
            return InvariantViolation(
                .liveness,
                "a reader of \(thread.owner.thread) in process \(process) was given \(sequence) of "
                    + "\(thread.head) events")
        }
        return nil
    }

    // MARK: Work

    /// - Returns: whether to go on.
    func pause() async -> Bool { await pauses.pause() }

    var isStopped: Bool { pauses.isStopped }

    /// Whether an agent looks for input now.
    var takesInput: Bool { below(2) == 0 }

    var now: Timestamp { wallClock.now() }

    /// Whether an agent asks for something now.
    var asks: Bool { below(4) == 0 }

    /// Whether an agent leaves something to a child run now.
    var delegates: Bool { below(2) == 0 }

    func makeQuestion(owner: UserID) -> CrewQuestion {
        state.withLock { CrewQuestion(&$0.random, owner: owner) }
    }

    /// A number for a question; its id is new in its run.
    func nextQuestion() -> Int {
        state.withLock { state in
            state.lastQuestion += 1
            return state.lastQuestion
        }
    }

    private func below(_ bound: Int) -> Int { state.withLock { $0.random.below(bound) } }

    /// Works until ``stop()``.
    func run(_ runtime: AgentRuntime) async {
        await withDiscardingTaskGroup { group in
            for owner in owners {
                group.addTask { await self.work(owner, runtime) }
                group.addTask { await self.follow(owner, runtime) }
            }
        }
    }

    private func work(_ owner: ThreadOwner, _ runtime: AgentRuntime) async {
        while await pause() {
            if isSettling { return }
            var begun: RunID?
            var account = Account()
            do {
                let run = try await runtime.withRun(
                    user: owner.user, thread: owner.thread, agent: "guide", input: "where is the parser?"
                ) { run in
                    begun = run.id
                    host(run.id)
                    try await act(run, &account)
                    return run.id.rawValue
                }
                if !isStopped { witness.mustHaveEnded(run, usage: account.usage, said: account.said, in: owner.thread) }
            } catch {
                // The script failed, the run was ended by somebody else, or the log is gone.
                if let begun, error is ScriptedFailure, !isStopped {
                    witness.mustHaveSaid(account.said, begun, in: owner.thread)
                }
                noteRefusal(error, in: owner.thread)
                checkPause(error, in: owner.thread)
            }
            if let begun { leave(begun) }
        }
    }

    private func host(_ run: RunID) {
        guard !isStopped else { return }
        state.withLock { _ = $0.runs.insert(run) }
        witness.hosts(run, in: process)
    }

    private func leave(_ run: RunID) {
        state.withLock { _ = $0.runs.remove(run) }
        witness.leaves([run])
    }

    /// A pause is no failure: who works in the process waits.
    func checkPause(_ error: any Error, in thread: ThreadID) {
        guard let error = error as? AgentEventsError, error.code == .order(.paused), !isStopped, !Task.isCancelled
        else {
            return
        }
        witness.fail(InvariantViolation(.saidOnce, "\(thread): a pause failed what an agent did: \(error)"))
    }

    /// An emission was refused: because the other process was first, now and then.
    func noteRefusal(_ error: any Error, in thread: ThreadID) {
        guard let error = error as? AgentEventsError, error.violation != nil,
            contention?.takeRefusal(of: thread) == true
        else { return }
        witness.count(.refusedAfterContention)
    }

    /// An emission into a thread that both processes open has come to its end.
    func noteOutcome(_ outcome: ContestedThreads.Outcome, in thread: ThreadID) {
        guard case .forbidden = outcome, contention?.takeRefusal(of: thread) == true else { return }
        witness.count(.threadTakenElsewhere)
    }

    /// What a run has done, for those who look it up in the log.
    private struct Account {
        /// The tokens that it has used.
        var usage: Int64 = 0
        /// What it has said.
        var said = ""
    }

    private func act(_ run: AgentRun, _ account: inout Account) async throws {
        for number in 0..<(1 + below(6)) {
            guard await pause() else { throw CancellationError() }
            if number % 2 == 0 {
                run.usage += TokenUsage(inputTokens: 100)
                account.usage += 100
            }
            switch below(12) {
            case 0 where below(4) == 0:
                // As fast as it can, so that it has to wait for the log.
                for _ in 0..<48 { try await run.think("so many things to think of before anybody comes to an answer") }
            case 0: try await run.think("so")
            case 1, 2:
                let word = "word\(below(7)) "
                try await run.say(word)
                account.said += word
            case 3:
                try await run.tool("search", arguments: ["query": "parser"]) { call in
                    begin(call)
                    _ = await pause()
                }
            case 4:
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<2 {
                        group.addTask {
                            try await run.tool("read", arguments: [1]) { call in
                                self.begin(call)
                                try await call.progress("half")
                                _ = await self.pause()
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            case 5:
                try await run.withChild(agent: "helper") { child in
                    child.usage += TokenUsage(inputTokens: 7)
                    try await child.think("hm")
                    _ = await pause()
                }
            case 6: throw ScriptedFailure()
            case 8: try await ask(run)
            case 9: try await askForTool(run)
            case 10: try await askForTools(run)
            case 11: try await run.reportUsage(UsageReported(model: "small", inputTokens: 11, outputTokens: 3))
            default:
                try await run.message { message in try await message.append("a whole message") }
                account.said += "a whole message"
            }
        }
    }

    /// Reads a thread inside the process: from the oldest event on, each once, in order (I2).
    private func follow(_ owner: ThreadOwner, _ runtime: AgentRuntime) async {
        guard let number = witness.number(of: owner.thread) else { return }
        defer { state.withLock { $0.read[number] = nil } }
        do {
            var next: UInt64 = 0
            let events = try await runtime.events(user: owner.user, thread: owner.thread)
            state.withLock { $0.read[number] = 0 }
            for try await event in events {
                // What a process that is dead still holds is nobody's business.
                if isStopped { return }
                let thread = witness.thread(number)
                if next == 0 ? event.sequence > thread.firstKept : event.sequence != next {
                    witness.fail(
                        InvariantViolation(.denseOrder, "\(owner.thread): read \(event.id) where \(next) was due"))
                }
                if thread.event(event.sequence)?.id != event.id, !thread.lost.contains(event.id) {
                    witness.fail(
                        InvariantViolation(.committedBeforeVisible, "\(owner.thread): \(event.id) is not in the log"))
                }
                next = event.sequence + 1
                state.withLock { $0.read[number] = event.sequence }
            }
        } catch {
            // Trimmed in the middle, or the log is gone.
        }
    }
}

/// An agent that answers the messages of people.
struct CrewAgent: ConcurrentAgent, CommandedAgent {
    static let command: CommandName = "editor.undo"

    let name: AgentName = "echo"
    let crew: AgentCrew
    let restart: RestartMode
    /// Whether its runs may be open beside each other.
    let isParallel: Bool
    let mergesQueued: Bool

    /// Each process has one of these for the runs of the one before.
    static let restarts: [RestartMode] = [.never, .again(), .resume]

    var concurrency: AgentConcurrency {
        var settings = AgentConcurrency()
        settings.settleTime = .seconds(1)
        settings.takesInput = true
        settings.mergesQueued = mergesQueued
        settings.parallelLimit = 2
        if isParallel { settings.allowedPolicies.insert(.parallel) }
        return settings
    }

    func takes(_ command: CommandName) -> Bool { command == Self.command }

    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        guard await crew.pause() else { throw CancellationError() }
        if crew.asks { try await crew.askForTool(run) }
        if crew.asks { try await crew.ask(run) }
        if crew.delegates { try await crew.delegate(run) }
        do throws(AgentEventsError) {
            try await run.say(prompt.text)
            guard await crew.pause() else { return nil }
            // What it does not take when it is given something, somebody else has to answer.
            if crew.takesInput {
                for message in try await run.takeInput() { try await run.say(message.text) }
            }
        } catch {
            crew.checkPause(error, in: run.context.thread)
            throw error
        }
        guard await crew.pause() else { throw CancellationError() }
        return "answered"
    }
}
