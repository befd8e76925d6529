import Synchronization

/// The parts of a running runtime that its contexts share. A reference: an idle context has one word of it.
final class RuntimeServices: Sendable {
    let log: any EventLog
    /// Whether others write the log at the same time; see ``ContendedLog``.
    let isContended: Bool
    /// The log, when it can delete threads.
    let deletingLog: (any DeletingEventLog)?
    let commit: GroupCommit
    /// Refuses events for which there is no room; `nil` without a limit.
    let storage: StorageUse?
    /// Knows what users have used of their tokens; `nil` without a limit.
    let budgets: TokenBudgets?
    let generation: UInt64
    let configuration: RuntimeConfiguration
    let environment: Environment
    /// Looks at threads when something in them may be overdue.
    let deadlines: DeadlineSweep
    /// Where runs that have rested wait for a place to work.
    let slotGate: SlotGate
    /// Is told of the threads in which the runtime itself queues runs.
    let queueNotice: QueueNotice
    /// The settings of agents for the end of their process.
    let recoveryPolicies: RecoveryPolicies
    /// Whether runs for which nobody works are still taken up here.
    let takingUp: TakingUp
    /// Knows who may approve in a thread.
    let approvalRights: ApprovalRights
    /// Those who follow single threads in this process.
    let watchers: ThreadWatchers
    /// What was refused lately.
    let refusals: Refusals
    /// Knows the threads whose contexts have values that expire.
    let expiries: ExpiringThreads
    /// Opens contexts of other threads.
    let contextOpening = ContextOpening()
    /// The answers to commands that made no event.
    let rememberedCommands = Mutex(RememberedCommands())

    init(
        log: any EventLog,
        commit: GroupCommit,
        storage: StorageUse?,
        budgets: TokenBudgets?,
        generation: UInt64,
        configuration: RuntimeConfiguration,
        environment: Environment,
        deadlines: DeadlineSweep,
        watchers: ThreadWatchers,
        refusals: Refusals,
        queueNotice: QueueNotice,
        slotGate: SlotGate,
        recoveryPolicies: RecoveryPolicies,
        takingUp: TakingUp,
        approvalRights: ApprovalRights
    ) {
        self.log = log
        isContended = log is any ContendedLog
        deletingLog = log as? any DeletingEventLog
        self.commit = commit
        self.storage = storage
        self.budgets = budgets
        self.generation = generation
        self.configuration = configuration
        self.environment = environment
        self.deadlines = deadlines
        self.queueNotice = queueNotice
        self.slotGate = slotGate
        self.recoveryPolicies = recoveryPolicies
        self.takingUp = takingUp
        self.approvalRights = approvalRights
        self.watchers = watchers
        self.refusals = refusals
        expiries = ExpiringThreads(log, generation: generation)
    }
}

/// Tells somebody of the threads in which the runtime itself queues runs: for messages that a run was given and has not
/// taken.
final class QueueNotice: Sendable {
    private let observer = Mutex<(@Sendable (ThreadOwner) -> Void)?>(nil)

    func set(_ observer: @escaping @Sendable (ThreadOwner) -> Void) { self.observer.withLock { $0 = observer } }

    func give(_ owner: ThreadOwner) { observer.withLock { $0 }?(owner) }
}

/// The settings of agents for the end of their process, by their names: ``RestartMode/never`` for those of whom nobody says
/// something.
final class RecoveryPolicies: Sendable {
    private let policy = Mutex<(@Sendable (AgentName) -> RunRecovery.Policy)?>(nil)

    func set(_ policy: @escaping @Sendable (AgentName) -> RunRecovery.Policy) { self.policy.withLock { $0 = policy } }

    func of(_ agent: AgentName) -> RunRecovery.Policy { policy.withLock { $0 }?(agent) ?? RunRecovery.Policy() }
}

/// Says if runs that stayed open when an earlier process was lost are still taken up in this one.
///
///     taken up ── the process is about to stop ──> left to the next one
final class TakingUp: Sendable {
    private let flag = Atomic<Bool>(false)

    var isOver: Bool { flag.load(ordering: .acquiring) }

    func end() { flag.store(true, ordering: .releasing) }
}

/// Where a run that has rested waits until it may work again, if somebody has places for runs.
final class SlotGate: Sendable {
    private let keeper = Mutex<(@Sendable (ThreadOwner, RunID) async -> Void)?>(nil)
    private let observer = Mutex<(@Sendable (ThreadOwner) -> Void)?>(nil)

    func set(
        _ keeper: @escaping @Sendable (ThreadOwner, RunID) async -> Void,
        _ observer: @escaping @Sendable (ThreadOwner) -> Void
    ) {
        self.keeper.withLock { $0 = keeper }
        self.observer.withLock { $0 = observer }
    }

    func wait(_ owner: ThreadOwner, _ run: RunID) async { await keeper.withLock { $0 }?(owner, run) }

    /// A run of a thread may rest from now on, which no event shows.
    func noteRest(_ owner: ThreadOwner) { observer.withLock { $0 }?(owner) }
}

/// Says if users have the right to approve in a thread, when that is known.
final class ApprovalRights: Sendable {
    private let check = Mutex<(@Sendable (UserID, ThreadOwner) async -> Bool)?>(nil)

    func set(_ check: @escaping @Sendable (UserID, ThreadOwner) async -> Bool) { self.check.withLock { $0 = check } }

    /// - Returns: `nil` when nobody knows.
    func mayApprove(_ user: UserID, in owner: ThreadOwner) async -> Bool? {
        guard let check = check.withLock({ $0 }) else { return nil }
        return await check(user, owner)
    }
}
