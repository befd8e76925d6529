/// Which contexts are in memory. At most one lives for each thread: whoever holds it keeps it, and the registry itself
/// keeps those used lately, in two generations, so that giving one back costs nothing per use.
struct ContextRegistry<Waiter> {
    private struct Entry {
        weak var context: ExecutionContext?
    }

    private var known: [ThreadID: Entry] = [:]
    private var young: [ThreadID: ExecutionContext] = [:]
    private var old: [ThreadID: ExecutionContext] = [:]
    private var opening: [ThreadID: [Waiter]] = [:]
    private let maximumIdleContexts: Int

    init(maximumIdleContexts: Int) { self.maximumIdleContexts = maximumIdleContexts }

    enum FindAction {
        case found(ExecutionContext)
        /// The caller opens the context and then says so.
        case open
        /// Somebody else is opening it; wait, then ask again.
        case wait
    }

    /// - Parameter waiter: kept when the answer is `wait`; without one nothing changes on `wait` and `open`.
    mutating func find(_ thread: ThreadID, waiter: Waiter? = nil) -> FindAction {
        if let context = young[thread] { return .found(context) }
        if let context = known[thread]?.context {
            use(context)
            return .found(context)
        }
        if opening[thread] != nil {
            if let waiter { opening[thread]?.append(waiter) }
            return .wait
        }
        if waiter == nil { opening[thread] = [] }
        return .open
    }

    /// - Returns: those who waited for it.
    mutating func didOpen(_ context: ExecutionContext) -> [Waiter] {
        known[context.thread] = Entry(context: context)
        use(context)
        return opening.removeValue(forKey: context.thread) ?? []
    }

    /// - Returns: those who waited for it; the first to ask again opens it.
    mutating func didFailToOpen(_ thread: ThreadID) -> [Waiter] {
        opening.removeValue(forKey: thread) ?? []
    }

    private mutating func use(_ context: ExecutionContext) {
        if young.count >= maximumIdleContexts / 2 { rotate() }
        young[context.thread] = context
    }

    /// Lets go of the contexts that were not used since the last rotation.
    mutating func rotate() {
        old = young
        young = [:]
        known = known.filter { $0.value.context != nil }
    }

    /// The context of a thread, when it is in memory. This is no use of it.
    func context(of thread: ThreadID) -> ExecutionContext? { known[thread]?.context }

    /// Those in memory.
    var contexts: [ExecutionContext] { known.values.compactMap(\.context) }

    var count: Int { known.values.reduce(0) { $0 + ($1.context == nil ? 0 : 1) } }
}
