import Synchronization

/// Runs agents: opens execution contexts, commits their events to the log and delivers them.
///
/// A runtime works while ``run()`` runs; ``withAgentRuntime(log:sinks:configuration:_:)`` does both in one scope. Calls
/// made shortly before the start wait for it; calls without one fail with `runtime.not_running`.
///
/// ```swift
/// try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
///     try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide", input: "Where is the parser?") { run in
///         try await run.think("Which files mention it?")
///         try await run.say("In Sources/Parser.swift.")
///     }
/// }
/// ```
///
/// The file is long because it is the door to everything that a runtime consists of; each part has a file of its own.
public final class AgentRuntime: Sendable {
    /// The log; read it directly for whole pages of events. The runtime is its only writer.
    public let log: any EventLog
    /// The settings of the runtime.
    public let configuration: RuntimeConfiguration
    /// The source of time, chance and threads for everything in this package that works for the runtime.
    package let environment: Environment
    /// Tells observers in this package of each commit.
    package let hub = CommitHub()

    private let commit: GroupCommit
    private let lifecycle = RuntimeLifecycle()
    private let contexts: ThreadContexts
    let watchers = ThreadWatchers()
    let refusals = Refusals()
    private let deadlines = DeadlineSweep()
    private let pumps: [SinkPump]
    private let sinkDeletions: SinkDeletions
    /// For each sink, in their order.
    private let sinkErasures: [SinkErasureState]
    private let retention: Mutex<RetentionSweep?>
    private let readsBeforeTrimming = Mutex<@Sendable () async -> Void>({})
    private let readsBeforeRecovery = Mutex<@Sendable () async -> Void>({})
    private let erasure: ErasureSweep?
    private let storage: StorageUse?
    private let budgets: TokenBudgets?
    private let openedGeneration = Atomic<UInt64>(0)
    private let found = Mutex(FoundRuns())
    private let recoveryPolicies = RecoveryPolicies()
    private let queueNotice = QueueNotice()
    private let slotGate = SlotGate()
    private let takingUp = TakingUp()
    private let approvalRights = ApprovalRights()

    /// - Parameters:
    ///   - log: where events are committed. The runtime opens it and is its only writer.
    ///   - sinks: where committed events go, each at its own pace.
    public init(
        log: any EventLog,
        sinks: [any EventSink] = [],
        configuration: RuntimeConfiguration = RuntimeConfiguration()
    ) {
        self.log = log
        self.configuration = configuration
        var environment = configuration.environment
        environment.wallClock = configuration.clock
        self.environment = environment
        commit = GroupCommit(highWaterByteCount: configuration.highWaterByteCount)
        contexts = ThreadContexts(maximumIdleCount: configuration.maximumIdleContexts)
        retention = Mutex(nil)
        erasure = (log as? any DeletingEventLog).map { ErasureSweep($0, environment) }
        sinkErasures = SinkErasureState.states(of: sinks)
        let deletions = SinkDeletions(sinkErasures.compactMap(\.recipient), log: log)
        sinkDeletions = deletions
        pumps = zip(sinks, sinkErasures).map { sink, erasure in
            SinkPump(
                sink: sink, log: log,
                erasing: erasure.recipient.map { SinkErasing(sink: sink, deletions: deletions, recipient: $0) },
                configuration)
        }
        storage = StorageUse(log, configuration, environment)
        budgets = TokenBudgets(log, configuration, environment)
        hub.add(watchers)
        if let storage { hub.add(storage) }
        if let budgets { hub.add(budgets) }
        for pump in pumps { hub.add(pump) }
    }

    // MARK: Running

    /// Opens the log, ends the runs that a process which hosted them left open, and commits and delivers events until
    /// the task is cancelled or ``shutdown()`` is called. Then everything accepted is committed, the sinks get what was
    /// committed, and the method returns. Call it once.
    ///
    /// - Throws: ``AgentEventsError`` when the log cannot be opened or fails, when a run that a crash left open cannot
    ///   be ended, or when the offset of a ``DurableSink`` cannot be kept; from then on every emission fails with it.
    public func run() async throws {
        guard lifecycle.claim() else { throw AgentEventsError(.notRunning, "run() is called once") }
        do {
            try await withTaskExecutorPreference(log.executor) { try await openAndRun() }
        } catch {
            let failure = (error as? AgentEventsError) ?? AgentEventsError(.notRunning, "\(error)", cause: error)
            await stop(failure)
            throw failure
        }
        await stop(AgentEventsError(.notRunning, "the runtime has stopped"))
    }

    /// Nothing happens any longer: tells those who wait for something.
    private func stop(_ error: AgentEventsError) async {
        lifecycle.stop(error)
        watchers.finish()
        for context in contexts.all { await context.logDidEnd() }
    }

    /// Stops taking events, commits what was accepted and lets ``run()`` return.
    public func shutdown() {
        commit.close()
    }

    /// Returns when the log is open and events are taken, however long that needs.
    ///
    /// - Throws: ``AgentEventsError`` when the log cannot be opened, or the task is cancelled before it is.
    package func waitForStart() async throws(AgentEventsError) {
        await lifecycle.waitForStart()
        guard try lifecycle.services() != nil else {
            throw AgentEventsError(.notRunning, "the wait for the runtime's start was cancelled")
        }
    }

    private func openAndRun() async throws {
        do throws(SinkError) {
            try SinkPump.check(pumps)
        } catch {
            throw AgentEventsError(error)
        }
        let sweep = try RetentionSweep(
            log, configuration, storage, willTrim: readsBeforeTrimming.withLock { $0 })
        retention.withLock { $0 = sweep }
        let opening: LogOpening
        budgets?.open()
        do throws(EventLogError) {
            opening = try await log.open()
            try await sinkDeletions.load()
        } catch {
            commit.fail(error)
            throw AgentEventsError(error)
        }
        try storage?.check()
        openedGeneration.store(opening.generation, ordering: .releasing)
        let services = RuntimeServices(
            log: log, commit: commit, storage: storage, budgets: budgets, generation: opening.generation,
            configuration: configuration,
            environment: environment, deadlines: deadlines, watchers: watchers, refusals: refusals,
            queueNotice: queueNotice, slotGate: slotGate, recoveryPolicies: recoveryPolicies,
            takingUp: takingUp, approvalRights: approvalRights)
        services.contextOpening.set { user, thread async throws(AgentEventsError) in
            try await self.context(user: user, thread: thread)
        }
        defer { services.contextOpening.set(nil) }
        try await withTaskCancellationHandler {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for pump in pumps {
                    group.addTask(executorPreference: environment.backgroundExecutor) {
                        await pump.run(opening)
                    }
                }
                group.addTask(executorPreference: environment.backgroundExecutor) {
                    // What has expired meanwhile is removed before anything else is logged.
                    try await self.watchExpiries(services)
                    guard try await self.repair(opening, services) else { return }
                    self.lifecycle.start(services)
                    await withDiscardingTaskGroup { group in
                        group.addTask { await self.contexts.giveBackIdle(services) }
                        group.addTask { await self.sweepDeadlines(services) }
                    }
                }
                if let sweep {
                    group.addTask(executorPreference: environment.backgroundExecutor) { await sweep.run() }
                }
                if let erasure {
                    group.addTask(executorPreference: environment.backgroundExecutor) { await erasure.run() }
                }
                if let storage {
                    group.addTask(executorPreference: environment.backgroundExecutor) { await storage.run() }
                }
                if let contended = log as? any ContendedLog {
                    group.addTask(executorPreference: environment.backgroundExecutor) {
                        while let threads = await contended.advancedThreads() {
                            self.hub.publish(threads)
                            await self.contexts.followOthers(in: threads)
                        }
                    }
                }
                // Here, on the log's own executor: no hop between two commits.
                try await write()
                group.cancelAll()
                // A repair that failed has closed the commit, and throws here.
                try await group.waitForAll()
            }
        } onCancel: {
            commit.close()
        }
    }

    /// The writer: commits until the runtime is stopped. Then the sinks end with what was committed.
    private func write() async throws(AgentEventsError) {
        defer { for pump in pumps { pump.finish() } }
        do throws(EventLogError) {
            try await commit.run(log: log, environment: environment, committed: hub.publish)
        } catch {
            hub.publishFailure(error)
            throw AgentEventsError(error)
        }
    }

    /// Ends the runs that were hosted by a process that is gone, or leaves them to be taken up. When one cannot be ended the
    /// runtime stops: it would never start.
    ///
    /// - Returns: whether events may be taken; not when the runtime was stopped meanwhile, which leaves the rest to the
    ///   next start.
    private func repair(
        _ opening: LogOpening,
        _ services: RuntimeServices
    ) async throws(AgentEventsError) -> Bool {
        await readsBeforeRecovery.withLock { $0 }()
        do throws(AgentEventsError) {
            let lost = LostRuns(contexts: contexts, services: services) { owner, recovered in
                self.found.withLock { $0.add(recovered, of: owner) }
            }
            try await lost.recover(in: opening.threadsWithOpenRuns)
            return true
        } catch {
            guard commit.refusal == nil else { return false }
            commit.close()
            throw error
        }
    }

    /// Has threads looked at when values of their contexts expire that earlier processes have set. When that cannot be read the
    /// runtime stops.
    private func watchExpiries(_ services: RuntimeServices) async throws(AgentEventsError) {
        do throws(EventLogError) {
            for (owner, time) in try await services.expiries.load() { deadlines.set(owner, at: time) }
        } catch {
            guard commit.refusal == nil else { return }
            commit.close()
            throw AgentEventsError(error)
        }
    }

    /// Ends what is overdue in threads in which nothing else happens.
    private func sweepDeadlines(_ services: RuntimeServices) async {
        await deadlines.run(configuration) { owner async throws(AgentEventsError) in
            try await self.contexts.context(user: owner.user, thread: owner.thread, services).sweep()
        }
    }

    /// The threads in which runs were queued when the log was opened, by a process that is gone; known once the runtime has
    /// started.
    package var threadsWithQueuedRuns: [ThreadOwner] {
        found.withLock { $0.queued.sorted { $0.thread.rawValue < $1.thread.rawValue } }
    }

    /// The runs that were open when the log was opened, and that stay open for their agents to continue them; known once the
    /// runtime has started.
    package var parkedRuns: [ParkedRun] {
        found.withLock {
            $0.parked.sorted {
                ($0.owner.thread.rawValue, $0.run.rawValue) < ($1.owner.thread.rawValue, $1.run.rawValue)
            }
        }
    }

    /// Says what becomes of the open runs of an agent when their process is gone. Called before ``run()``.
    package func recover(by policy: @escaping @Sendable (AgentName) -> RunRecovery.Policy) {
        recoveryPolicies.set(policy)
    }

    /// Reads what somebody has to know to say that, once the log is open; nothing is decided before. Called before ``run()``.
    package func readBeforeRecovery(_ read: @escaping @Sendable () async -> Void) {
        readsBeforeRecovery.withLock { $0 = read }
    }

    /// The runs of a thread that are queued, and that a process with this log is to start.
    package func queuedRuns(of thread: ThreadID, user: UserID) async throws(AgentEventsError) -> [QueuedRun] {
        // What was queued a moment ago may not be in the log yet.
        try await flush()
        let record = try await mapLogError { () async throws(EventLogError) in try await log.thread(thread) }
        guard let record, record.user == user else { return [] }
        // Also where others write too: there it is the log that knows who hosts what.
        let hosted = record.openRuns.filter { $0.host == .process }
        guard !hosted.isEmpty else { return [] }
        let load = try await context(user: user, thread: thread).upToDateLoad()
        return load.queue.compactMap { queued in
            hosted.first { $0.run == queued.run }.map { QueuedRun(queued: queued, sequence: $0.sequence) }
        }
    }

    /// Tells somebody of each event that exceeds a limit on what is stored. Called before ``run()``; the judge returns at once.
    ///
    /// - Parameter judge: says whether the event is refused for it.
    package func judgeStorage(_ judge: @escaping @Sendable (StorageLimit) -> Bool) { storage?.setJudge(judge) }

    /// Tells somebody of the threads in which the runtime itself queues runs. Called before ``run()``; the observer returns
    /// at once.
    package func observeQueue(_ observer: @escaping @Sendable (ThreadOwner) -> Void) { queueNotice.set(observer) }

    /// Has runs that were paused wait before their next step. Called before ``run()``.
    ///
    /// - Parameters:
    ///   - wait: returns when the run, one without a parent, may work again, or the task is cancelled.
    ///   - rest: is told of the thread of a run that may rest without an event that shows it; returns at once.
    package func keepSlots(
        wait: @escaping @Sendable (ThreadOwner, RunID) async -> Void,
        rest: @escaping @Sendable (ThreadOwner) -> Void
    ) { slotGate.set(wait, rest) }

    /// Says if users have the right to approve in a thread. Called before ``run()``; the closure is called when a grant that one
    /// of them gave is about to answer a question.
    package func checkApprovers(_ check: @escaping @Sendable (UserID, ThreadOwner) async -> Bool) {
        approvalRights.set(check)
    }

    /// Reads what somebody has to know of events before they are trimmed, which waits for it. Called before ``run()``; the
    /// closure returns when its task is cancelled.
    package func readBeforeTrimming(_ read: @escaping @Sendable () async -> Void) {
        readsBeforeTrimming.withLock { $0 = read }
    }

    /// From now on runs for which nobody works here are left to the next process. An answer to one of them is logged with the
    /// pause that says so: nothing can have begun with it.
    package func stopTakingUp() { takingUp.end() }

    /// The threads and runs that were found at the opening of the log.
    private struct FoundRuns {
        var queued: [ThreadOwner] = []
        var parked: [ParkedRun] = []

        mutating func add(_ recovered: RecoveredRuns, of owner: ThreadOwner) {
            if recovered.queuesRun { queued.append(owner) }
            parked += recovered.parked.map { ParkedRun(owner: owner, run: $0) }
        }
    }

    /// A run that is queued in a log.
    package struct QueuedRun: Sendable {
        package var queued: ThreadLoad.Queued
        /// The number of its first event.
        package var sequence: UInt64
    }

    /// The log's, of this opening; 0 before it is open.
    package var generation: UInt64 { openedGeneration.load(ordering: .acquiring) }

    // MARK: Contexts

    /// The execution context of a thread; opens it for the user when the thread has no event yet, and rebuilds it from
    /// the log when it is not in memory.
    ///
    /// - Throws: ``AgentEventsError``: `thread.forbidden` when the thread belongs to another user,
    ///   `state.unknown_space` when it is one for the values of another user (``ContextSpace``), `runtime.not_running`, or an
    ///   error of the log.
    public func context(user: UserID, thread: ThreadID) async throws(AgentEventsError) -> ExecutionContext {
        if ContextThread.isReserved(thread), ContextThread(thread)?.user != user { throw .unknownSpace() }
        let services: RuntimeServices
        if let running = try lifecycle.services() {
            services = running
        } else {
            services = try await lifecycle.services(within: configuration.startTimeout, sleep: environment.sleep)
        }
        if let storage { try await mapLogError { () async throws(EventLogError) in try await storage.prepare(user) } }
        if let budgets { try await mapLogError { () async throws(EventLogError) in try await budgets.prepare(user) } }
        return try await contexts.context(user: user, thread: thread, services)
    }

    /// The context of a thread, when it is in memory, the runtime runs, the thread certainly is its user's, and it is known how
    /// much the user has stored and used, where that is limited.
    package func contextInMemory(of thread: ThreadID) -> ExecutionContext? {
        guard lifecycle.isRunning, let context = contexts.use(contextOf: thread), context.ownership == .confirmed,
            storage?.isReady(for: context.user) ?? true, budgets?.isReady(for: context.user) ?? true
        else { return nil }
        return context
    }

    /// The user that a thread belongs to, as far as that is known in memory for certain.
    package func knownOwner(of thread: ThreadID) -> UserID? {
        guard let context = contexts.context(of: thread), context.ownership == .confirmed else { return nil }
        return context.user
    }

    /// The user that a thread belongs to; `nil` when it has no event, and nobody is about to emit into it.
    package func owner(of thread: ThreadID) async throws(EventLogError) -> UserID? {
        if let owner = knownOwner(of: thread) { return owner }
        if let found = contexts.lookedUpOwner(of: thread) { return found ?? contexts.context(of: thread)?.user }
        return try await log.thread(thread)?.user ?? contexts.context(of: thread)?.user
    }

    /// Looks threads up together that are about to be used one after the other, and then runs the body: what it asks of each of them
    /// that is not in memory (its owner, its context) takes no look-up of its own.
    package func lookingUp<Result>(_ threads: Set<ThreadID>, _ body: () async -> Result) async -> Result {
        await contexts.lookingUp(threads, in: log, body)
    }

    // MARK: Deletion

    /// Deletes a thread of a user: ends its open runs as `agent_cancelled`, has these ends committed and delivered, and
    /// returns when the deletion is durable. From the call on the thread takes no events but these; from the return on
    /// nobody reads it, and its id is never used again. Its bytes are removed in the background (``erase()``).
    ///
    /// Called again for a thread that was deleted, it does nothing.
    ///
    /// - Throws: ``AgentEventsError``: `deletion.unsupported`; `thread.forbidden` when it is another user's; `thread.deleted`
    ///   when somebody else deletes it at the same time; or an error of the log. Then the thread is there, without open runs.
    public func deleteThread(_ thread: ThreadID, user: UserID) async throws(AgentEventsError) {
        guard let log = log as? any DeletingEventLog, let services = try lifecycle.services() else {
            throw AgentEventsError(.deletionUnsupported, "the log of this service does not delete threads")
        }
        guard contexts.beginDeleting(thread) else { throw .deleted(thread) }
        defer { contexts.endDeleting(thread) }
        let known = try await mapLogError { () async throws(EventLogError) in try await log.deletion(of: thread) }
        if known != nil { return }
        // Held until the log knows: as long there is no other context of the thread.
        let context = try await contexts.context(user: user, thread: thread, services, isToDelete: true)
        do throws(AgentEventsError) {
            try await context.close()
            let time = environment.wallClock.now()
            let record = ThreadDeletedRecord(thread: thread, deletedAt: time)
            try await mapLogError { () async throws(EventLogError) in try await delete(record, from: log) }
        } catch {
            await context.reopen()
            throw error
        }
        await context.didDelete()
        refusals.forget(context.owner)
        services.expiries.forget(thread)
        erasure?.begin()
        storage?.didRemove(of: user)
    }

    /// The records for the sinks are stored first, and count only once the log has deleted the thread. What an error means
    /// is for the log to say: as long as it does not, the records stay, and the next start finds out.
    private func delete(
        _ record: ThreadDeletedRecord,
        from log: any DeletingEventLog
    ) async throws(EventLogError) {
        try await sinkDeletions.prepare(record)
        do throws(EventLogError) {
            try await log.delete([record.thread], at: record.deletedAt)
        } catch {
            guard try await log.deletion(of: record.thread) != nil else {
                await sinkDeletions.cancel(record)
                throw error
            }
        }
        sinkDeletions.begin(record)
        for pump in pumps { pump.didDelete() }
    }

    /// The sinks that still have something of a thread that was deleted: those of this runtime, and durable ones of an
    /// earlier start that are still to be told.
    package func sinkLeftovers(of thread: ThreadID) -> [SinkLeftover] {
        SinkErasureState.leftovers(sinkErasures, waiting: sinkDeletions.waiting(for: thread))
    }

    /// Removes the bytes of deleted threads from the log, and returns when that is done. It happens without this call, too,
    /// soon after each deletion, and after a restart.
    ///
    /// - Returns: the deletions that this call has completed.
    @discardableResult
    public func erase() async throws(AgentEventsError) -> [ThreadDeletion] {
        guard let log = log as? any DeletingEventLog else {
            throw AgentEventsError(.deletionUnsupported, "the log of this service does not delete threads")
        }
        let clock = environment.wallClock
        return try await mapLogError { () async throws(EventLogError) in try await log.erase(clock: clock) }
    }

    /// The reason why deleted threads could not be erased the last time; it is tried again. `nil` when they were, or there are none.
    public var erasureFailure: (any Error)? { erasure?.failure }

    // MARK: Ends

    /// Ends a run that this process hosts as `agent_cancelled`, unless it has ended; returns when that is committed.
    package func cancelRun(_ run: RunID, in thread: ThreadID, reason: String) async throws(AgentEventsError) {
        guard let context = contexts.context(of: thread),
            let position = try await context.cancel(run, reason: reason, by: nil)
        else { return }
        try await waitForCommit(at: position)
    }

    /// Ends every run that this process hosts, and that is open in a context in memory, as `agent_cancelled`; returns
    /// when that is committed. Runs hosted outside continue, queued ones stay queued, and those of agents that resume stay
    /// open: paused when they work, else as they are.
    ///
    /// Who works for such a run finds it ended: further events of it are refused with `order.already_ended`.
    package func cancelHostedRuns(reason: String) async throws(AgentEventsError) {
        for context in contexts.all { try await context.cancelHostedRuns(reason: reason) }
        try await flush()
    }

    /// Returns when no program outside is in the middle of a run: each such run has ended, waits for a person, or
    /// nothing came for it for a while. Or when the task is cancelled.
    ///
    /// - Parameters:
    ///   - silence: for how long nothing came for a run that is not waited for any longer.
    ///   - mayEmit: whether a program is there that may emit more. Called again and again.
    package func waitForEmittedRuns(
        silentFor silence: Duration,
        while mayEmit: @Sendable () -> Bool = { true }
    ) async {
        let silence = Int64(clamping: silence.wholeMilliseconds)
        while mayEmit(), !Task.isCancelled {
            // Each thread with a run that is hosted outside has to be checked some day.
            let contexts = deadlines.owners.compactMap { self.contexts.context(of: $0.thread) }
            var isEmittedTo = false
            for context in contexts where !isEmittedTo {
                // As long as the same one is in the middle of a run, it alone is looked at.
                while mayEmit(), await context.isEmittedTo(since: start(of: silence)), !Task.isCancelled {
                    isEmittedTo = true
                    // A cancelled sleep is the end of the wait.
                    try? await configuration.durationClock.sleep(for: .milliseconds(20))
                }
            }
            guard isEmittedTo else { return }
        }
    }

    private func start(of silence: Int64) -> Timestamp {
        Timestamp(milliseconds: environment.wallClock.now().milliseconds - silence)
    }

    // MARK: Commits and sinks

    /// Returns when everything accepted so far, in all threads, is committed.
    public func flush() async throws(AgentEventsError) {
        try await waitForCommit(at: commit.offeredPosition)
    }

    /// Returns when the events of a receipt are committed.
    public func waitForCommit(of receipt: EmitReceipt) async throws(AgentEventsError) {
        try await waitForCommit(at: receipt.position)
    }

    package func waitForCommit(at position: UInt64) async throws(AgentEventsError) {
        try await mapLogError { () async throws(EventLogError) in try await commit.waitForCommit(of: position) }
    }

    /// Up to where events were accepted, in the positions of ``EmitReceipt``.
    package var offeredPosition: UInt64 { commit.offeredPosition }

    /// Up to where everything is committed, in the positions of ``EmitReceipt``.
    package var committedPosition: UInt64 { commit.committedPosition }

    /// Returns when every sink has been given everything accepted so far, has failed or is stopped. That a sink has
    /// taken an event does not say that the offset of a durable one is saved.
    ///
    /// - Throws: ``AgentEventsError`` when the log fails.
    public func flushSinks() async throws(AgentEventsError) {
        try await flush()
        for pump in pumps { await pump.catchUp() }
    }

    /// The state of each sink, in the order in which the sinks were given.
    public var sinkStates: [SinkState] { pumps.map(\.sinkState) }

    /// Tells somebody what happens to the sinks, beside ``sinkStates``. Called before ``run()``.
    package func observeSinks(_ observer: any SinkObserver) {
        for pump in pumps { pump.setObserver(observer) }
    }

    /// The state of the trimming of the log; `nil` when everything is kept.
    public var retentionState: RetentionState? { retention.withLock { $0 }?.retentionState }
}
