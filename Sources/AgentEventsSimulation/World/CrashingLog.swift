import AgentEvents
import Synchronization

/// One process's way to a ``WorldStore``: the schedule decides when an operation goes on, and how it ends. When the process
/// dies nothing of it reaches the store any longer.
final class CrashingLog: EventLog, StateStore, TrimmableLog {
    private enum Verdict: Sendable {
        case proceed
        /// - Parameter isStored: whether the store has the commit all the same.
        case fail(isStored: Bool)
        case dead
    }

    private struct Parked {
        var isAppend: Bool
        var continuation: CheckedContinuation<Verdict, Never>
    }

    private struct State {
        var parked: [Parked] = []
        var isSevered = false
        /// Whether an append failed: none follows it.
        var hasFailed = false
        var random: SimulationRandom
    }

    private let store: any WorldStore
    private let state: Mutex<State>

    init(store: any WorldStore, seed: UInt64) {
        self.store = store
        state = Mutex(State(random: SimulationRandom(seed: seed)))
    }

    // MARK: The schedule's side

    /// How many operations wait to go on; what the store itself has to do counts as one.
    var waitingCount: Int { parkedCount + (store.waitingCount > 0 ? 1 : 0) }

    private var parkedCount: Int { state.withLock { $0.parked.count } }

    func release(_ choice: UInt64) {
        let count = waitingCount
        guard count > 0 else { return }
        let index = Int(choice % UInt64(count))
        let parked: Parked? = state.withLock { state in
            index < state.parked.count ? state.parked.remove(at: index) : nil
        }
        if let parked { parked.continuation.resume(returning: .proceed) } else { store.doNext() }
    }

    /// The append that is under way fails.
    func failAppend(isStored: Bool) -> Bool {
        let parked: Parked? = state.withLock { state in
            state.parked.firstIndex(where: \.isAppend).map { state.parked.remove(at: $0) }
        }
        parked?.continuation.resume(returning: .fail(isStored: isStored))
        return parked != nil
    }

    /// The process is dead. What is under way reaches the store, or not.
    func sever(isStored: Bool) {
        let parked = state.withLock { state in
            state.isSevered = true
            defer { state.parked = [] }
            return state.parked
        }
        for item in parked {
            item.continuation.resume(returning: item.isAppend && isStored ? .fail(isStored: true) : .dead)
        }
    }

    private func pass(isAppend: Bool = false) async -> Verdict {
        let verdict: Verdict? = state.withLock { state in
            if state.isSevered { return .dead }
            return isAppend || state.random.once(in: 2) ? nil : .proceed
        }
        if let verdict { return verdict }
        return await withCheckedContinuation { continuation in
            state.withLock { $0.parked.append(Parked(isAppend: isAppend, continuation: continuation)) }
        }
    }

    private static let deadError = EventLogError(.failed, "the process is dead")

    private func passThrough() async throws(EventLogError) {
        guard case .proceed = await pass() else { throw Self.deadError }
    }

    // MARK: EventLog

    func open() async throws(EventLogError) -> LogOpening {
        try await passThrough()
        return try await store.open()
    }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        if state.withLock({ $0.hasFailed && !$0.isSevered }) {
            store.witness.fail(InvariantViolation(.acknowledgedIsKept, "an append follows one that failed"))
        }
        switch await pass(isAppend: true) {
        case .proceed:
            do throws(EventLogError) {
                try await store.append(commit)
            } catch {
                state.withLock { $0.hasFailed = true }
                if error.code == .conflict {
                    // Two have numbered the same thread.
                    store.witness.fail(InvariantViolation(.denseOrder, "a commit does not fit: \(error)"))
                }
                throw error
            }
        case .fail(let isStored):
            state.withLock { $0.hasFailed = true }
            if isStored { try await store.append(commit) }
            throw EventLogError(.failed, "the disk failed")
        case .dead:
            throw Self.deadError
        }
    }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        try await passThrough()
        return try await store.read(request)
    }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        try await passThrough()
        return try await store.thread(thread)
    }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await passThrough()
        return try await store.startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await passThrough()
        return try await store.recall(key, in: thread)
    }

    func load(_ kind: StoredValue.Kind, thread: ThreadID?, name: String) async throws(EventLogError) -> [UInt8]? {
        try await passThrough()
        return try await store.load(kind, thread: thread, name: name)
    }

    func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?) async throws(EventLogError) -> [StoredValue] {
        try await passThrough()
        return try await store.loadAll(kind, thread: thread)
    }

    func save(_ values: [StoredValue]) async throws(EventLogError) {
        try await passThrough()
        try await store.save(values)
    }

    func expired(_ query: RetentionQuery) async throws(EventLogError) -> RetentionStep {
        try await passThrough()
        return try await store.expired(query)
    }

    func trim(_ trims: [ThreadTrim]) async throws(EventLogError) {
        try await passThrough()
        try await store.trim(trims)
    }
}
