import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsProtocol
import Synchronization

/// A program that works for the agent `far` with the Swift client, as a ``WorkerWorld`` has it: its lives, and its connections.
final class SimulatedWorker {
    let network = SimulatedNetwork()
    private(set) var pauses = Pauses()
    /// Nothing arrives at it, or from it, until then.
    var delayedUntil: SimulatedTime.Nanoseconds = 0
    private let number: Int
    private let worker: AgentWorker
    private let executor: SimulatedExecutor
    private let account: WorkerAccount
    private let random: RandomNumbers
    private var task: Task<Void, Never>?

    init(
        number: Int,
        restart: RestartMode,
        environment: Environment,
        executor: SimulatedExecutor,
        account: WorkerAccount,
        seed: UInt64
    ) {
        self.number = number
        self.executor = executor
        self.account = account
        random = RandomNumbers(seed: seed)
        worker = AgentWorker(
            StreamClient(connector: network, configuration: ClientConfiguration(environment: environment)),
            id: "w\(number)", capacity: 2, restart: restart)
        begin()
    }

    private func begin() {
        let (worker, pauses, account, random) = (worker, pauses, account, random)
        start { await Self.run(worker, pauses, account, random) }
    }

    private func start(_ body: @escaping @Sendable () async -> Void) {
        task = Task(executorPreference: executor) { await body() }
    }

    private static func run(
        _ worker: AgentWorker,
        _ pauses: Pauses,
        _ account: WorkerAccount,
        _ random: RandomNumbers
    ) async {
        do {
            try await worker.run(agents: ["far"]) { task in try await work(task, pauses, account, random) }
        } catch let error as AgentEventsClientError {
            // Another life of its name has come.
            account.count("worker ended \(error.code)")
        } catch {
            account.count("worker ended")
        }
    }

    private static func work(
        _ task: WorkerTask,
        _ pauses: Pauses,
        _ account: WorkerAccount,
        _ random: RandomNumbers
    ) async throws -> JSONValue? {
        account.count(task.isResumed ? "resumed" : "begun")
        for word in 0..<Int(random.next() % 5) {
            guard await pauses.pause() else { throw CancellationError() }
            try Task.checkCancellation()
            try await task.say("\(task.attempt) \(word) ")
        }
        guard await pauses.pause() else { throw CancellationError() }
        if random.next() % 8 == 0 { throw AgentEventsClientError(.closed, "the work has failed") }
        return nil
    }

    /// The program is killed, and begins again with the same name.
    func kill(keeping count: Int) {
        end(keeping: count)
        pauses = Pauses()
        begin()
    }

    private func end(keeping count: Int) {
        // What it was at sends nothing further.
        network.cut(keeping: count)
        pauses.stop()
        task?.cancel()
    }

    /// One that has ended for good is started again.
    func settle() { kill(keeping: 0) }

    func stop() { end(keeping: 0) }
}

/// The account of a ``WorkerWorld``: the events of the runs of workers, as they are committed.
final class WorkerAccount: CommitObserver {
    private struct State {
        var counts: [String: Int] = [:]
        var violation: String?
        /// The attempt of each open run.
        var attempts: [RunID: Int] = [:]
        var ended: Set<RunID> = []
    }

    private let state = Mutex(State())

    var counts: [String: Int] { state.withLock { $0.counts } }
    var violation: String? { state.withLock { $0.violation } }
    var openRuns: [RunID] { state.withLock { $0.attempts.keys.sorted { $0.rawValue < $1.rawValue } } }

    func count(_ occurrence: String) { state.withLock { $0.counts[occurrence, default: 0] += 1 } }

    func fail(_ problem: String) { state.withLock { $0.violation = $0.violation ?? problem } }

    func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        for entry in commit.entries {
            guard let event = try? EventDecoder.decode(entry.bytes), let run = event.runID else { continue }
            state.withLock { state in
                if let problem = Self.take(event, of: run, &state) { state.violation = state.violation ?? problem }
            }
        }
    }

    private static func take(_ event: AgentEvent, of run: RunID, _ state: inout State) -> String? {
        if state.ended.contains(run) { return "\(event.id) \(event.typeName) comes after the end of \(run)" }
        let known = state.attempts[run]
        state.counts[event.typeName, default: 0] += 1
        switch event.payload {
        case .agentQueued: state.attempts[run] = 0
        case .agentStarted(let started): state.attempts[run] = started.attempt ?? 1
        case .agentResumed: state.attempts[run] = (known ?? 0) + 1
        case .messageDelta(let delta): return word(delta.text, of: run, known)
        case .messageCompleted(let message): return word(message.text, of: run, known)
        case .agentCompleted, .agentFailed, .agentCancelled:
            state.attempts[run] = nil
            state.ended.insert(run)
        default: break
        }
        return nil
    }

    /// A text begins with the number of the attempt that says it.
    private static func word(_ text: String, of run: RunID, _ attempt: Int?) -> String? {
        guard let said = text.split(separator: " ").first.flatMap({ Int($0) }), said != attempt else { return nil }
        return "\(run): attempt \(said) says something in attempt \(attempt ?? 0)"
    }

    func didTake(_ duration: Duration) {}
    func didAdvance(_ threads: [AdvancedThread]) {}
}
