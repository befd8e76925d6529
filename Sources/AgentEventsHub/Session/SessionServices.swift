import AgentEvents
import AgentEventsProtocol
import Logging
import Synchronization

/// Everything that the sessions of a hub share. A class, so that a session holds a reference and no copy.
final class SessionServices: Sendable {
    let runtime: AgentRuntime
    /// Decides what principals may do.
    let access: ThreadAccess
    /// Authenticates those who replace their credentials.
    let authenticator: any Authenticator
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
    let reading: ThreadReading
    /// Lists threads; `nil` where there is no list.
    let listing: ThreadListing?
    /// Looks at lists for those who watch them. Few at a time: however many watch, the rest has room.
    let listReaders: WorkerPool
    let metrics: StreamMetrics
    let limits: StreamLimits
    /// Decides what addresses and users may still do.
    let usage: ServiceLimits
    private let currentRates: Mutex<ConnectionRates>
    let logger: Logger
    let outsideEmitters: OutsideEmitters
    /// Takes the messages of users.
    let intake: MessageIntake
    /// Carries out the commands of users.
    let commands: CommandIntake
    /// The programs outside that work for agents.
    let workers: Workers
    /// Starts runs at their times.
    let schedules: Schedules
    /// Those who may use threads besides their users; `nil` when somebody else knows that.
    private let threadMembers: ThreadMembers?
    private let backupFolder: String?
    private let linkTokenSigner: (any LinkTokenSigner)?

    init(
        runtime: AgentRuntime,
        authorizer: any Authorizer,
        authenticator: any Authenticator,
        linkTokenSigner: (any LinkTokenSigner)?,
        limits: StreamLimits,
        usage: ServiceLimits,
        metrics: StreamMetrics,
        logger: Logger,
        dispatcher: AgentDispatcher,
        configuration: HubConfiguration,
        schedules: [Schedule],
        orphans: OrphanedRuns?
    ) {
        self.runtime = runtime
        let environment = runtime.environment
        let store = runtime.log as? any StateStore
        let revocations = Revocations(
            store: store, lifetime: configuration.revocationLifetime(for: authenticator), environment: environment,
            logger: logger, keys: authenticator as? any KeyedAuthenticator)
        threadMembers = (authorizer as? MembersAuthorizer)?.members
        self.linkTokenSigner = linkTokenSigner
        backupFolder = configuration.backupFolder
        access = ThreadAccess(
            authorizer, environment: environment, logger: logger, revocations: revocations,
            deletingLog: runtime.log as? any DeletingEventLog)
        runtime.checkApprovers { [access] user, owner in
            do throws(ProtocolError) {
                // The credentials that the grant was given with are gone: what the user has without them counts.
                let giver = Principal(user: user, scopes: [.approve])
                try await access.check(.approve, of: owner.thread, owner: owner.user, by: giver)
                return true
            } catch {
                // Also when nobody can say: then people are asked.
                return false
            }
        }
        self.authenticator = RevocationAuthenticator(base: authenticator, revocations: revocations)
        intake = MessageIntake(
            runtime: runtime, access: access, usage: usage, dispatcher: dispatcher, configuration: configuration,
            threadIDs: ThreadIDSource(store: store, environment: environment))
        commands = CommandIntake(runtime: runtime, access: access, intake: intake, usage: usage) {
            dispatcher.takes($1, agent: $0)
        }
        self.schedules = Schedules(
            runtime: runtime, intake: intake, given: schedules, zones: configuration.zones, logger: logger)
        workers = dispatcher.workers
        workers.checkRights { [access] principal, thread, owner in
            do throws(ProtocolError) {
                try await access.check(.read, of: thread, owner: owner, by: principal)
                try await access.check(.emit, of: thread, owner: owner, by: principal)
                return principal.mayEmit(as: owner)
            } catch {
                // Also when nobody can say: it is offered to another one, or later.
                return false
            }
        }
        self.limits = limits
        currentRates = Mutex(ConnectionRates(limits.rates))
        self.usage = usage
        self.metrics = metrics
        self.logger = logger
        outsideEmitters = OutsideEmitters(in: environment)
        pages = ThreadPages(
            log: runtime.log, pageByteCount: limits.pageByteCount, metrics: metrics, environment: environment)
        delivery = StreamDelivery(
            pages: pages, limits: limits, metrics: metrics, epoch: access.currentEpoch, environment: environment,
            orphans: orphans)
        // They share what is read, and so mostly wait for each other.
        readers = WorkerPool(workerCount: nil)
        snapshotReaders = WorkerPool(workerCount: 4)
        emitters = WorkerPool(workerCount: 8)
        consumers = store.map { ConsumerAcknowledgements(store: $0, environment: environment, logger: logger) }
        snapshots = ThreadSnapshots(log: runtime.log, store: store, logger: logger)
        let reading = ThreadReading(runtime: runtime, access: access)
        self.reading = reading
        let hasMembers = threadMembers != nil
        listing =
            configuration.listsThreads
            ? (runtime.log as? any ListingEventLog).map {
                ThreadListing(
                    directory: ThreadDirectory(log: $0, environment: environment, logger: logger), reading: reading,
                    hasMembers: hasMembers)
            } : nil
        listReaders = WorkerPool(workerCount: 2)
    }

    /// Logs the events of requests.
    var ingest: EventIngest {
        EventIngest(
            runtime: runtime, access: access, usage: usage, outsideEmitters: outsideEmitters, workers: workers)
    }

    /// Carries out what people ask about the members of their threads; `nil` when they are kept elsewhere.
    var members: MemberIntake? {
        threadMembers.map { members in
            MemberIntake(
                runtime: runtime, access: access, members: members, signer: linkTokenSigner,
                didChange: { [self] in memberChanged($0, in: $1) })
        }
    }

    /// The rates of connections, shared by all that have the same.
    ///
    /// - Parameter isEmitter: whether the credentials have the scope `emit`.
    func rates(isEmitter: Bool) -> MessageRates {
        currentRates.withLock { isEmitter ? $0.emitters : $0.others }
    }

    private struct ConnectionRates {
        let emitters: MessageRates
        let others: MessageRates

        init(_ limits: LimitConfiguration) {
            emitters = MessageRates(limits, isEmitter: true)
            others = MessageRates(limits, isEmitter: false)
        }
    }

    /// Other limits count from now on.
    func replaceLimits(by new: LimitConfiguration) {
        usage.replace(by: new)
        currentRates.withLock { $0 = ConnectionRates(new) }
        // After the rates: a connection that begins in between has the new ones already, or is found.
        delivery.ratesChanged()
    }

    /// The time after which a client may come back that is closed by itself, and not with all others: of its own.
    ///
    /// - Parameter count: how many clients may be closed at the same time.
    func reconnectMilliseconds(among count: Int) -> Int64 {
        let chance = runtime.environment
        let spread = ReconnectSpread(maximumMilliseconds: limits.reconnectMilliseconds, loopCount: 1)
        return spread.milliseconds(
            Int(chance.randomFraction() * Double(count)), of: count, fraction: chance.randomFraction())
    }

    /// Deletes threads.
    var deletions: DeletionIntake {
        DeletionIntake(
            runtime: runtime, access: access, backupFolder: backupFolder, consumers: consumers, members: threadMembers,
            didChange: { [self] in memberChanged($0, in: $1) }
        ) { [self] thread in
            schedules.forget(thread)
            pages.removeAll()
            try await delivery.endSubscriptions(to: thread)
            pages.removeAll()
            listing?.directory.listsChanged()
        }
    }

    /// Rights have changed.
    func invalidateRights(user: UserID?, thread: ThreadID?) {
        // Before the loops are told, so that their questions are put again.
        access.invalidate(user: user, thread: thread)
        delivery.accessChanged()
    }

    /// Somebody is a member of a thread, or another one, or no longer.
    ///
    /// - Parameter user: whose rights it concerns; `nil` for those of many.
    private func memberChanged(_ user: UserID?, in thread: ThreadID) {
        invalidateRights(user: user, thread: thread)
        delivery.membersChanged(in: thread)
    }

    /// Credentials count no longer.
    func credentialsRevoked() {
        access.credentialsRevoked()
        delivery.accessChanged()
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

    /// Works for the sessions until ``finish()``, once it is known which credentials are revoked.
    func run() async {
        await access.revocations.load()
        // For sessions that have begun before.
        credentialsRevoked()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.readers.run() }
            group.addTask { await self.snapshotReaders.run() }
            group.addTask { await self.emitters.run() }
            group.addTask { await self.listReaders.run() }
            group.addTask { await self.access.questions.run() }
            group.addTask { await self.threadMembers?.run() }
            group.addTask { await self.consumers?.run() }
            group.addTask { await self.schedules.run() }
        }
    }

    /// All connections are closed: the work under way is finished, and ``run()`` returns.
    func finish() {
        readers.finish()
        snapshotReaders.finish()
        emitters.finish()
        listReaders.finish()
        access.questions.finish()
        access.revocations.finish()
        threadMembers?.finish()
        consumers?.finish()
        schedules.finish()
    }
}
