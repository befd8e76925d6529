import Synchronization

/// The execution contexts of a runtime: finds those in memory, and opens the others from the log, one opening at a time
/// for each thread.
final class ThreadContexts: Sendable {
    private typealias Registry = ContextRegistry<CheckedContinuation<Void, Never>>
    private let registry: Mutex<Registry>
    /// The threads that are being deleted.
    private let closed = Mutex<Set<ThreadID>>([])

    /// - Parameter maximumIdleCount: how many that nobody holds are kept.
    init(maximumIdleCount: Int) { registry = Mutex(Registry(maximumIdleContexts: maximumIdleCount)) }

    /// The context of a thread; opens it for the user when the thread has no event yet, and rebuilds it from the log
    /// when it is not in memory.
    ///
    /// - Throws: `thread.forbidden` when the thread belongs to another user, or an error of the log.
    func context(
        user: UserID,
        thread: ThreadID,
        _ services: RuntimeServices,
        isToDelete: Bool = false
    ) async throws(AgentEventsError) -> ExecutionContext {
        while true {
            if !isToDelete, closed.withLock({ $0.contains(thread) }) { throw .deleted(thread) }
            switch registry.withLock({ $0.find(thread) }) {
            case .found(let context):
                if context.user == user { return context }
                guard try await turnsOutForeign(context, services) else { throw .forbidden(thread) }
            case .wait:
                await withCheckedContinuation { continuation in
                    let action = registry.withLock { $0.find(thread, waiter: continuation) }
                    if case .wait = action { return }
                    continuation.resume()
                }
            case .open(let position):
                return try await open(thread, services) { () async throws(AgentEventsError) in
                    try await open(user: user, thread: thread, after: position, services)
                }
            case .openNew:
                return try await open(thread, services) { () async throws(AgentEventsError) in
                    try await openNew(ThreadOwner(thread: thread, user: user), services)
                }
            }
        }
    }

    private func open(
        _ thread: ThreadID,
        _ services: RuntimeServices,
        _ make: () async throws(AgentEventsError) -> ExecutionContext
    ) async throws(AgentEventsError) -> ExecutionContext {
        let context: ExecutionContext
        do throws(AgentEventsError) {
            context = try await make()
        } catch {
            for waiter in registry.withLock({ $0.didFailToOpen(thread) }) { waiter.resume() }
            throw error
        }
        let committed = services.commit.committedPosition
        for waiter in registry.withLock({ $0.didOpen(context, committed: committed) }) { waiter.resume() }
        return context
    }

    /// Whether another process has opened the thread of a context meanwhile, for another user.
    private func turnsOutForeign(
        _ context: ExecutionContext,
        _ services: RuntimeServices
    ) async throws(AgentEventsError) -> Bool {
        guard context.ownership == .presumed else { return !context.ownership.isKept }
        let record = try await mapLogError { () async throws(EventLogError) in
            try await services.log.thread(context.thread)
        }
        guard let record, record.user != context.user else { return false }
        context.ownership = .foreign
        return true
    }

    private func open(
        user: UserID,
        thread: ThreadID,
        after position: UInt64,
        _ services: RuntimeServices
    ) async throws(AgentEventsError) -> ExecutionContext {
        let owner = ThreadOwner(thread: thread, user: user)
        let record = try await mapLogError { () async throws(EventLogError) in
            try await services.commit.waitForCommit(of: position)
            return try await services.log.thread(thread)
        }
        guard let record else { return try await openNew(owner, services) }
        guard record.user == user else { throw .forbidden(thread) }
        let head = try await mapLogError { () async throws(EventLogError) in
            var head = try await ThreadHead(record, owner, services)
            // What expires is removed before the next event.
            if try await services.expiries.mayHave(thread) {
                head.setSpace(
                    ContextSpaceStateMachine(try await ThreadFold.state(of: thread, in: services.log).entries))
            }
            return head
        }
        return ExecutionContext(head: head, services: services)
    }

    /// A thread that has no event; one that was deleted has none either.
    private func openNew(
        _ owner: ThreadOwner,
        _ services: RuntimeServices
    ) async throws(AgentEventsError) -> ExecutionContext {
        try await throwIfDeleted(owner.thread, services)
        return ExecutionContext(head: ThreadHead(owner, services), services: services)
    }

    /// Looks several threads up together, so that each of them is opened without a look-up of its own while the body runs.
    ///
    /// Those that the log cannot be asked for are opened as always, and meet its error then.
    func lookingUp<Result>(
        _ threads: Set<ThreadID>,
        in log: any EventLog,
        _ body: () async -> Result
    ) async -> Result {
        // Where others write too, what was found may be wrong at any time.
        guard !(log is any ContendedLog) else { return await body() }
        let asked = registry.withLock { $0.beginLookUp(threads) }
        let records = try? await log.threads(asked)
        registry.withLock { registry in
            for (thread, record) in zip(asked, records ?? []) { registry.didLookUp(thread, owner: record?.user) }
        }
        let result = await body()
        registry.withLock { $0.endLookUp(asked) }
        return result
    }

    /// The user of a thread, as a look-up that is under way has found it; `.some(nil)` for a thread without events.
    func lookedUpOwner(of thread: ThreadID) -> UserID?? {
        switch registry.withLock({ $0.lookedUp(thread) }) {
        case .hasNoEvent: .some(nil)
        case .belongs(let user): .some(user)
        case .asked, .outdated, nil: nil
        }
    }

    private func throwIfDeleted(_ thread: ThreadID, _ services: RuntimeServices) async throws(AgentEventsError) {
        guard let log = services.deletingLog else { return }
        let deletion = try await mapLogError { () async throws(EventLogError) in try await log.deletion(of: thread) }
        if deletion != nil { throw .deleted(thread) }
    }

    /// From now on nobody gets the context of a thread but who deletes it.
    ///
    /// - Returns: `false` when somebody else deletes it.
    func beginDeleting(_ thread: ThreadID) -> Bool { closed.withLock { $0.insert(thread).inserted } }

    /// The log knows that the thread was deleted, or it was not.
    func endDeleting(_ thread: ThreadID) { closed.withLock { _ = $0.remove(thread) } }

    /// The context of a thread, when it is in memory. This is no use of it.
    func context(of thread: ThreadID) -> ExecutionContext? { registry.withLock { $0.context(of: thread) } }

    /// The same, and this is a use of it.
    func use(contextOf thread: ThreadID) -> ExecutionContext? { registry.withLock { $0.use(contextOf: thread) } }

    /// Those in memory, in the order of their threads.
    var all: [ExecutionContext] { registry.withLock { $0.contexts } }

    /// Tells those who wait for a run here what others have done to it.
    func followOthers(in threads: [AdvancedThread]) async {
        for advanced in threads {
            guard let context = context(of: advanced.thread) else { continue }
            // When the log cannot be read, the next emission into the thread meets the same error, and reports it.
            try? await context.followOthers()
        }
    }

    /// Gives back those that nobody holds and that were not used for a while, until the task is cancelled.
    func giveBackIdle(_ services: RuntimeServices) async {
        while !Task.isCancelled {
            // Cancelled at the end of the runtime; then there is nothing left to give back.
            try? await services.environment.sleep(services.configuration.idleContextTimeout)
            let committed = services.commit.committedPosition
            registry.withLock { $0.rotate(committed: committed) }
        }
    }
}

extension AgentEventsError {
    static func deleted(_ thread: ThreadID) -> AgentEventsError {
        AgentEventsError(
            .threadDeleted, "the thread \(thread) was deleted, and its id is not used again: use another one")
    }

    static func forbidden(_ thread: ThreadID) -> AgentEventsError {
        AgentEventsError(.threadForbidden, "the thread \(thread) belongs to another user")
    }
}
