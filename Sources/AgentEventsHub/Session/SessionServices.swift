import AgentEvents
import AgentEventsProtocol
import Logging

/// Everything that the sessions of a hub share. A class, so that a session holds a reference and no copy.
final class SessionServices: Sendable {
    let runtime: AgentRuntime
    /// Decides what principals may do.
    let access: ThreadAccess
    let delivery: StreamDelivery
    /// The access to the log for sessions that catch up.
    let pages: ThreadPages
    /// Look-ups and pages.
    let readers: WorkerPool
    /// Look-ups that take a snapshot; these may fold a long thread, or wait for another that does.
    let snapshotReaders: WorkerPool
    /// Emissions; these may wait for the log, and must not keep readers waiting.
    let emitters: WorkerPool
    /// The acknowledgements of consumers; `nil` when the log has no place for them.
    let consumers: ConsumerAcknowledgements?
    /// The states of threads.
    let snapshots: ThreadSnapshots
    let metrics: StreamMetrics
    let limits: StreamLimits
    let logger: Logger
    let outsideEmitters: OutsideEmitters
    /// Takes the messages of users.
    let intake: MessageIntake
    /// Carries out the commands of users.
    let commands: CommandIntake
    /// Those who may use threads besides their users; `nil` when somebody else knows that.
    private let threadMembers: ThreadMembers?
    private let linkTokenSigner: (any LinkTokenSigner)?

    init(
        runtime: AgentRuntime,
        authorizer: any Authorizer,
        linkTokenSigner: (any LinkTokenSigner)?,
        limits: StreamLimits,
        metrics: StreamMetrics,
        logger: Logger,
        dispatcher: AgentDispatcher,
        configuration: HubConfiguration,
        orphans: OrphanedRuns?
    ) {
        self.runtime = runtime
        threadMembers = (authorizer as? MembersAuthorizer)?.members
        self.linkTokenSigner = linkTokenSigner
        access = ThreadAccess(authorizer, environment: runtime.environment, logger: logger)
        let store = runtime.log as? any StateStore
        intake = MessageIntake(
            runtime: runtime, access: access, dispatcher: dispatcher, configuration: configuration,
            threadIDs: ThreadIDSource(store: store, environment: runtime.environment))
        commands = CommandIntake(runtime: runtime, access: access, intake: intake) {
            dispatcher.takes($1, agent: $0)
        }
        self.limits = limits
        self.metrics = metrics
        self.logger = logger
        let environment = runtime.environment
        outsideEmitters = OutsideEmitters(in: environment)
        pages = ThreadPages(
            log: runtime.log, pageByteCount: limits.pageByteCount, metrics: metrics, environment: environment)
        delivery = StreamDelivery(
            pages: pages, limits: limits, metrics: metrics, environment: environment, orphans: orphans)
        // They share what is read, and so mostly wait for each other.
        readers = WorkerPool(workerCount: nil)
        snapshotReaders = WorkerPool(workerCount: 4)
        emitters = WorkerPool(workerCount: 8)
        consumers = store.map { ConsumerAcknowledgements(store: $0, environment: environment, logger: logger) }
        snapshots = ThreadSnapshots(log: runtime.log, store: store, logger: logger)
    }

    /// Logs the events of requests.
    var ingest: EventIngest { EventIngest(runtime: runtime, access: access, outsideEmitters: outsideEmitters) }

    /// Carries out what people ask about the members of their threads; `nil` when they are kept elsewhere.
    var members: MemberIntake? {
        threadMembers.map { members in
            MemberIntake(
                runtime: runtime, access: access, members: members, signer: linkTokenSigner,
                didChange: { [self] in invalidateRights(user: $0, thread: $1) })
        }
    }

    /// Rights have changed.
    func invalidateRights(user: UserID?, thread: ThreadID?) {
        // Before the loops are told, so that their questions are put again.
        access.invalidate(user: user, thread: thread)
        delivery.rightsChanged(of: user, in: thread)
    }

    /// What a client is told first.
    func welcome(_ identity: SessionIdentity) -> Welcome {
        Welcome(
            connection: identity.connection,
            user: identity.principal.user,
            heartbeatMilliseconds: Int64(limits.heartbeatMilliseconds),
            limits: WelcomeLimits(
                maximumMessageByteCount: limits.maximumMessageByteCount,
                maximumEventByteCount: runtime.configuration.maximumEventByteCount,
                maximumBatchEvents: limits.maximumBatchEvents,
                maximumSubscriptions: limits.maximumSubscriptions,
                maximumTextByteCount: runtime.configuration.maximumMessageByteCount),
            expiresAt: identity.principal.expiresAt)
    }

    /// Works for the sessions until ``finish()``.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.readers.run() }
            group.addTask { await self.snapshotReaders.run() }
            group.addTask { await self.emitters.run() }
            group.addTask { await self.access.questions.run() }
            group.addTask { await self.threadMembers?.run() }
            group.addTask { await self.consumers?.run() }
        }
    }

    /// All connections are closed: the work under way is finished, and ``run()`` returns.
    func finish() {
        readers.finish()
        snapshotReaders.finish()
        emitters.finish()
        access.questions.finish()
        threadMembers?.finish()
        consumers?.finish()
    }
}

/// The name of a connection and its user, for all parts of the session.
final class SessionIdentity: Sendable {
    let connection: ConnectionID
    let principal: Principal

    init(_ connection: ConnectionID, _ principal: Principal) {
        self.connection = connection
        self.principal = principal
    }
}
