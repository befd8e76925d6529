import AgentEvents
import Synchronization

/// The way of one process to its log: the schedule decides when an operation goes on, and how it ends. When the process dies
/// nothing of it reaches the log any longer.
///
/// ```
/// an operation:  comes ──┬── waits ──┬── released ──> proceeds
///                        │           ├── made to fail ──> fails, and the log has it or not
///                        │           └── severed ──> dead
///                        └── proceeds at once; after the end of the process: dead
/// ```
final class LogGate: Sendable {
    enum Verdict: Sendable {
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

    /// What the process has been told of.
    let told = ToldHeads()
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

    // MARK: The log's side

    func once(in count: Int) -> Bool { state.withLock { $0.random.once(in: count) } }

    func pass(isAppend: Bool = false) async -> Verdict {
        let verdict: Verdict? = state.withLock { state in
            if state.isSevered { return .dead }
            return isAppend || state.random.once(in: 2) ? nil : .proceed
        }
        if let verdict { return verdict }
        return await withCheckedContinuation { continuation in
            state.withLock { $0.parked.append(Parked(isAppend: isAppend, continuation: continuation)) }
        }
    }

    /// None follows an append that failed.
    func appendFailed() { state.withLock { $0.hasFailed = true } }

    /// What a commit says of those who offered its events: while so much waits each of them waits after its next offer.
    func willAppend(_ commit: LogCommit) {
        if state.withLock({ $0.hasFailed && !$0.isSevered }) {
            store.witness.fail(InvariantViolation(.acknowledgedIsKept, "an append follows one that failed"))
        }
        var byteCount = 0
        var counts: [RunID: Int] = [:]
        for entry in commit.entries {
            if byteCount >= Self.highWaterByteCount, let run = entry.run { counts[run, default: 0] += 1 }
            byteCount += entry.bytes.count + Self.entryOverhead
        }
        guard byteCount >= Self.highWaterByteCount else { return }
        store.witness.count(.producerWaitedForRoom)
        guard let most = counts.values.max(), most > Self.maximumCountBeyond else { return }
        store.witness.fail(
            InvariantViolation(
                .boundedMemory,
                "\(byteCount) bytes wait for the log, \(most) events of a run more than"
                    + " its agents may offer"))
    }

    /// So much may be offered before producers wait.
    static let highWaterByteCount = 4096
    /// The cost of an event beside its bytes.
    private static let entryOverhead = 128
    /// A run has an agent with two tools at a time at most, and nobody of them offers more than an end that closes the rest.
    private static let maximumCountBeyond = 16
}
