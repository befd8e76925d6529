import Synchronization

/// The position of the last event that a context has offered. It outlives the context: the next context of the thread
/// reads the log, and waits until that event is in it.
final class OfferedPosition: Sendable {
    private let position = Atomic<UInt64>(0)

    func didOffer(upTo position: UInt64) { self.position.store(position, ordering: .releasing) }

    /// Not before the last event of a context that was found to be gone. Its store came before the release that ended
    /// the context; that was seen by a look at a weak reference, which need not order what is read after it: the fence
    /// does.
    var latest: UInt64 {
        atomicMemoryFence(ordering: .acquiring)
        return position.load(ordering: .acquiring)
    }
}

/// The contexts that are in memory. At most one lives for each thread: its holders keep it, and the registry
/// itself keeps those used lately, in two generations, so that giving one back costs nothing per use.
///
/// ```
/// a thread:  unknown ── find ──> opening ──┬── didOpen ──> young ── rotate ──> old ── rotate ──> held by others, or gone
///               ^                          │                ^                   │                        │
///               └───── didFailToOpen ──────┘                └────── find ───────┴────────────────────────┘
/// ```
struct ContextRegistry<Waiter> {
    private struct Entry {
        private weak var weakContext: ExecutionContext?
        let offered: OfferedPosition

        init(_ context: ExecutionContext) {
            weakContext = context
            offered = context.offeredPosition
        }

        /// `nil` also when the thread has turned out to be another user's, or was deleted.
        var context: ExecutionContext? {
            guard let context = weakContext, context.ownership.isKept else { return nil }
            return context
        }
    }

    private var known: [ThreadID: Entry] = [:]
    private var young: [ThreadID: ExecutionContext] = [:]
    private var old: [ThreadID: ExecutionContext] = [:]
    private var opening: [ThreadID: [Waiter]] = [:]
    private var lookedUp = LookedUpThreads()
    private let maximumIdleContexts: Int
    /// From this many entries on, those that are of no use any longer are looked for.
    private var sweptCount = 1024

    init(maximumIdleContexts: Int) { self.maximumIdleContexts = maximumIdleContexts }

    enum FindAction {
        case found(ExecutionContext)
        /// The caller waits until everything up to this position is committed, opens the context and then says so.
        /// Events of a context that was given back may still be on their way into the log; those of other threads do
        /// not matter.
        case open(after: UInt64)
        /// The same, of a thread that is known to have no event.
        case openNew
        /// Somebody else is opening it; wait, then ask again.
        case wait
    }

    /// - Parameter waiter: kept when the answer is `wait`; without one nothing changes on `wait` and `open`.
    mutating func find(_ thread: ThreadID, waiter: Waiter? = nil) -> FindAction {
        if let context = use(contextOf: thread) { return .found(context) }
        if opening[thread] != nil {
            if let waiter { opening[thread]?.append(waiter) }
            return .wait
        }
        if waiter == nil { opening[thread] = [] }
        if case .hasNoEvent = lookedUp[thread] { return .openNew }
        return .open(after: known[thread]?.offered.latest ?? 0)
    }

    /// - Parameter committed: everything up to there is committed.
    /// - Returns: those who waited for it.
    mutating func didOpen(_ context: ExecutionContext, committed: UInt64) -> [Waiter] {
        lookedUp.didOpen(context.thread)
        known[context.thread] = Entry(context)
        if known.count >= sweptCount {
            forgetGone(committed: committed)
            // Amortized: as many are opened between two sweeps as a sweep looks at.
            sweptCount = max(1024, 2 * known.count)
        }
        use(context)
        return opening.removeValue(forKey: context.thread) ?? []
    }

    /// - Returns: those who waited for it; the first to ask again opens it.
    mutating func didFailToOpen(_ thread: ThreadID) -> [Waiter] {
        opening.removeValue(forKey: thread) ?? []
    }

    // MARK: Threads that are looked up together

    /// Somebody is about to read the log for some threads.
    ///
    /// - Returns: those of them of which nothing is in memory, and which nobody else looks up; ``endLookUp(_:)`` follows.
    mutating func beginLookUp(_ threads: some Sequence<ThreadID>) -> [ThreadID] {
        var begun: [ThreadID] = []
        for thread in threads where known[thread] == nil && opening[thread] == nil && lookedUp.begin(thread) {
            begun.append(thread)
        }
        return begun
    }

    /// What the log had.
    ///
    /// - Parameter owner: `nil` for a thread without events.
    mutating func didLookUp(_ thread: ThreadID, owner: UserID?) { lookedUp.found(thread, owner: owner) }

    mutating func endLookUp(_ threads: [ThreadID]) { for thread in threads { lookedUp.end(thread) } }

    /// What a look-up that has not ended found, of a thread of which no context was opened since it began.
    func lookedUp(_ thread: ThreadID) -> LookedUpThreads.Finding? { lookedUp[thread] }

    private mutating func use(_ context: ExecutionContext) {
        if young.count >= maximumIdleContexts / 2 { rotate() }
        young[context.thread] = context
    }

    private mutating func rotate() {
        old = young
        young = [:]
    }

    /// Lets go of the contexts that were not used since the last rotation.
    ///
    /// - Parameter committed: everything up to there is committed.
    mutating func rotate(committed: UInt64) {
        rotate()
        forgetGone(committed: committed)
    }

    /// The records of contexts that are gone are bounded: each of them has an event that waits for its commit.
    private mutating func forgetGone(committed: UInt64) {
        known = known.filter { $0.value.context != nil || $0.value.offered.latest > committed }
    }

    /// The context of a thread, when it is in memory. This is no use of it.
    func context(of thread: ThreadID) -> ExecutionContext? {
        // First where it is held: to look at a weak reference costs more.
        if let context = young[thread], context.ownership.isKept { return context }
        return known[thread]?.context
    }

    /// The same, and this is a use of it.
    mutating func use(contextOf thread: ThreadID) -> ExecutionContext? {
        if let context = young[thread], context.ownership.isKept { return context }
        guard let context = known[thread]?.context else { return nil }
        use(context)
        return context
    }

    /// Those in memory, in the order of their threads.
    var contexts: [ExecutionContext] {
        known.values.compactMap(\.context).sorted { $0.thread.rawValue < $1.thread.rawValue }
    }

    var count: Int { known.values.reduce(0) { $0 + ($1.context == nil ? 0 : 1) } }
}
