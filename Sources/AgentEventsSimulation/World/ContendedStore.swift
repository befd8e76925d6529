import AgentEvents
import Synchronization

/// A log that two processes write, as one of them has it. It is elsewhere: when their machine loses power it loses nothing.
final class ContendedStore: WorldStore, ContendedLog {
    /// What tells that events which are offered are those that were refused before.
    private struct Mark: Hashable {
        var type: EventType
        var run: RunID?
    }

    let witness: LogWitness
    private let writer: InMemoryContendedLog
    /// Values are kept beside the events; both processes have the same ones.
    private let values: InMemoryEventLog
    /// What this writer has offered last of a thread, and the log has refused, because the other one was first.
    private let refused = Mutex<[ThreadID: [Mark]]>([:])

    private init(_ witness: LogWitness, _ writer: InMemoryContendedLog, _ values: InMemoryEventLog) {
        self.witness = witness
        self.writer = writer
        self.values = values
    }

    convenience init(witness: LogWitness, time: SimulatedTime, seed: UInt64) {
        let random = RandomNumbers(seed: seed)
        let generations = GenerationSource(clock: time.wallClock, random: random.next)
        self.init(
            witness, InMemoryContendedLog(clock: time.wallClock, generations: generations),
            InMemoryEventLog(clock: time.wallClock, generations: generations))
    }

    /// The log as the other process has it.
    func anotherWriter() -> ContendedStore { ContendedStore(witness, writer.anotherWriter(), values) }

    func open() async throws(EventLogError) -> LogOpening {
        do throws(EventLogError) {
            _ = try await values.open()
        } catch {
            // Nobody closes them.
            guard error.code == .locked else { throw error }
        }
        return try await writer.open()
    }

    // MARK: Writing

    func append(_ commit: LogCommit) async throws(EventLogError) {
        witness.fail(InvariantViolation(.protocolKept, "a log with several writers is given a commit as a whole"))
        throw EventLogError(.failed, "not this way")
    }

    func appendByThread(_ commit: LogCommit) async throws(EventLogError) -> ContendedCommit {
        let answer = try await writer.appendByThread(commit)
        let taken = commit.without(answer.refusedThreads)
        if !taken.entries.isEmpty { witness.didCommit(taken) }
        note(commit, refused: answer.refusedThreads)
        return answer
    }

    private func note(_ commit: LogCommit, refused threads: Set<ThreadID>) {
        var marks: [ThreadID: [Mark]] = [:]
        for entry in commit.entries {
            marks[entry.owner.thread, default: []].append(Mark(type: entry.type, run: entry.run))
        }
        let again = refused.withLock { refused in
            var again = 0
            for (thread, marks) in marks {
                if refused.removeValue(forKey: thread) == marks, !threads.contains(thread) { again += 1 }
                if threads.contains(thread) { refused[thread] = marks }
            }
            return again
        }
        witness.count(.refusedByContention, threads.count)
        witness.count(.decidedAgain, again)
    }

    /// Whether the last thing that this process has offered in a thread was refused because the other process was first.
    /// Asked once.
    func takeRefusal(of thread: ThreadID) -> Bool { refused.withLock { $0.removeValue(forKey: thread) } != nil }

    func advancedThreads() async -> [AdvancedThread]? {
        let threads = await writer.advancedThreads()
        if let threads { witness.count(.toldOfOthers, threads.count) }
        return threads
    }

    // MARK: Reading

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage { try await writer.read(request) }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await writer.thread(thread) }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await writer.startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await writer.recall(key, in: thread)
    }

    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]? {
        try await values.load(kind, thread: thread, name: name)
    }

    func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        try await values.loadAll(kind, thread: thread)
    }

    func save(_ values: [StoredValue]) async throws(EventLogError) {
        try await self.values.save(values)
        witness.didSave(values)
    }

    /// Nothing is trimmed.
    func expired(_ query: RetentionQuery) async throws(EventLogError) -> RetentionStep {
        RetentionStep(trims: [], isLast: true)
    }

    func trim(_ trims: [ThreadTrim]) async throws(EventLogError) {}

    // MARK: What goes wrong

    var waitingCount: Int { 0 }
    func doNext() {}
    var isStopped: Bool { false }
    func failLater(_ random: inout SimulationRandom) -> Bool { false }
    func losePower(_ random: inout SimulationRandom) {}
    func takeLoss() -> Bool { false }
    func settle() {}

    func endProcess(isOrderly: Bool, _ random: inout SimulationRandom) {
        writer.close()
        refused.withLock { $0 = [:] }
    }
}
