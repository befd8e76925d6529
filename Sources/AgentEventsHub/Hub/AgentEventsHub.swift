public import AgentEvents
import AgentEventsProtocol
package import CoreMetrics
public import Logging
public import NIOCore

/// Runtime and delivery without a port: what agents and programs emit is committed, and goes to everyone who follows it, over
/// transports that are given to it.
///
/// ```swift
/// let hub = AgentEventsHub(runtime: AgentRuntime(log: log), agents: [Guide()], logger: logger)
/// try await ServiceGroup(services: [hub, server], gracefulShutdownSignals: [.sigterm], logger: logger).run()
/// ```
///
/// A transport is adopted on its event loop, of whichever group; each then has a ``StreamSession``. The hub is run once. When
/// it is shut down gracefully it takes nothing new, tells its clients when to come back, gives the agents time to end, and
/// programs outside to emit what they have, ends the runs of its agents that are open after that, closes the connections, and
/// stops the runtime last; all within ``HubConfiguration/shutdownGrace``.
public final class AgentEventsHub: Sendable {
    /// Makes and commits the events. The hub runs it; nobody else does.
    public let runtime: AgentRuntime
    /// Authenticates requests, over every transport that has credentials; takes none that are revoked.
    package let authenticator: any Authenticator
    package let configuration: HubConfiguration
    package let logger: Logger
    /// The origins whose web pages may use the hub.
    package let allowedOrigins: AllowedOrigins
    package let readiness = Readiness()
    let life = HubLife()
    /// Opens when the connections are closed: a server of the hub's own listens until then.
    package let closing = Gate()
    package let dispatcher: AgentDispatcher
    /// Stops agents that nobody follows; `nil` when they work although nobody looks.
    let orphans: OrphanedRuns?
    let onUnresponsiveAgents: @Sendable (_ count: Int) -> Void
    /// The schedules by which agents are started.
    public var schedules: Schedules { services.schedules }
    /// Where the metrics of the hub and of what is around it are made.
    package let metrics: any MetricsFactory
    /// Counts the requests that did not come as they should.
    package let requestFailures: RequestFailures
    private let gauges: HubGauges
    let services: SessionServices
    /// Keeps the list of threads; `nil` where there is none.
    var directory: ThreadDirectory? { services.listing?.directory }

    /// - Parameters:
    ///   - runtime: makes and commits the events. The hub runs it; nobody else does.
    ///   - agents: those that people can ask; the first one answers when none is named.
    ///   - authorizer: says what a principal may do in a thread. Default: ``MembersAuthorizer``, or ``OwnershipAuthorizer`` for
    ///     a log that keeps no values.
    ///   - linkTokenSigner: signs the tokens of share links, which the authenticator accepts. Default: none, and there are no
    ///     share links.
    ///   - authenticator: authenticates requests, over every transport that has credentials.
    ///   - schedules: those of the application, beside those that users have made; new ones begin with their next occurrence.
    ///     ``schedules`` takes further ones while the hub runs. Default: none.
    ///   - onUnresponsiveAgents: called at the end of a shutdown when agents ignore the cancellation of their tasks: their runs
    ///     are ended, the connections closed and the log is complete, but ``run()`` returns only when these agents do. A
    ///     process that does not want to wait for them exits here.
    ///   - onLateResult: is told what an agent returns, or throws, after its run has ended. Called in the agent's task; it
    ///     returns soon.
    public convenience init(
        runtime: AgentRuntime,
        agents: [any ServedAgent] = [],
        authorizer: (any Authorizer)? = nil,
        authenticator: any Authenticator = NoAuthentication(),
        linkTokenSigner: (any LinkTokenSigner)? = nil,
        schedules: [Schedule] = [],
        configuration: HubConfiguration = HubConfiguration(),
        logger: Logger,
        onUnresponsiveAgents: @escaping @Sendable (_ count: Int) -> Void = { _ in },
        onLateResult: @escaping @Sendable (LateResult) -> Void = { _ in }
    ) {
        self.init(
            runtime: runtime, agents: agents, authorizer: authorizer, authenticator: authenticator,
            linkTokenSigner: linkTokenSigner, schedules: schedules, configuration: configuration,
            limits: configuration.streamLimits(needsCredentials: authenticator.needsCredentials),
            metrics: MetricsSystem.factory,
            logger: logger, onUnresponsiveAgents: onUnresponsiveAgents, onLateResult: onLateResult)
    }

    package init(
        runtime: AgentRuntime,
        agents: [any ServedAgent],
        authorizer: (any Authorizer)?,
        authenticator: any Authenticator,
        linkTokenSigner: (any LinkTokenSigner)? = nil,
        schedules: [Schedule] = [],
        configuration: HubConfiguration,
        limits: StreamLimits,
        metrics: any MetricsFactory,
        logger: Logger,
        onUnresponsiveAgents: @escaping @Sendable (_ count: Int) -> Void,
        onLateResult: @escaping @Sendable (LateResult) -> Void = { _ in }
    ) {
        self.runtime = runtime
        self.metrics = metrics
        requestFailures = RequestFailures(factory: metrics)
        self.configuration = configuration
        allowedOrigins = AllowedOrigins(configuration.allowedOrigins)
        self.logger = logger
        self.onUnresponsiveAgents = onUnresponsiveAgents
        let bodies = StuckBodies(
            patience: configuration.stuckAgentTimeout, environment: runtime.environment, logger: logger,
            metrics: metrics,
            onLateResult: onLateResult)
        let dispatcher = AgentDispatcher(
            runtime: runtime, agents: agents, limits: configuration.queueLimits,
            policy: configuration.concurrencyPolicy, bodies: bodies, workers: configuration.workerLimits, logger: logger
        )
        self.dispatcher = dispatcher
        orphans = configuration.orphanedAfter.map { OrphanedRuns(after: $0, runtime: runtime, logger: logger) }
        let usage = ServiceLimits(
            configuration.usageLimits(needsCredentials: authenticator.needsCredentials), metrics: metrics,
            logger: logger,
            environment: runtime.environment)
        runtime.judgeStorage { usage.applies($0) }
        services = SessionServices(
            runtime: runtime, authorizer: authorizer ?? Self.defaultAuthorizer(for: runtime),
            authenticator: authenticator, linkTokenSigner: linkTokenSigner, limits: limits, usage: usage,
            metrics: StreamMetrics(factory: metrics), logger: logger, dispatcher: dispatcher,
            configuration: configuration, schedules: schedules, orphans: orphans)
        self.authenticator = MeasuredAuthenticator(
            services.authenticator, environment: runtime.environment, audit: configuration.audit, factory: metrics)
        gauges = HubGauges(log: runtime.log, readiness: readiness, dispatcher: dispatcher, factory: metrics)
        (authenticator as? any KeyedAuthenticator)?.observeKeys { [weak services] in
            services?.credentialsRevoked()
        }
        runtime.hub.add(services.delivery)
        runtime.hub.add(CommitMetrics(factory: metrics))
        if let directory {
            runtime.hub.add(directory)
            runtime.readBeforeTrimming { await directory.readAll() }
        }
    }

    private static func defaultAuthorizer(for runtime: AgentRuntime) -> any Authorizer {
        guard let store = runtime.log as? any StateStore else { return OwnershipAuthorizer() }
        return MembersAuthorizer(store: store)
    }

    /// Begins a session over a transport: the client is welcomed at once. Called on the transport's event loop, which may be
    /// of any group.
    ///
    /// - Parameters:
    ///   - principal: the user of the connection, and what they may do.
    ///   - eventLoop: the loop that the transport belongs to.
    /// - Returns: the session, which the transport tells what comes from the client; see ``StreamTransport``.
    public func adopt(
        _ transport: some StreamTransport,
        as principal: Principal,
        on eventLoop: any EventLoop
    ) -> StreamSession {
        adopt(transport, as: principal, isCounted: false, on: eventLoop)
    }

    /// The same, for a connection that may count among those of its user already.
    ///
    /// - Parameter isCounted: whether it does (``ServiceLimits/connect(_:)``); the session ends that.
    package func adopt(
        _ transport: some StreamTransport,
        as principal: Principal,
        isCounted: Bool,
        on eventLoop: any EventLoop
    ) -> StreamSession {
        precondition(
            eventLoop.inEventLoop, "a transport is adopted on its event loop: eventLoop.execute { hub.adopt(…) }")
        noteUse()
        let loop = services.delivery.loop(of: eventLoop)
        let session = StreamSession(
            transport, ConnectionID(text: runtime.configuration.identifiers.text(prefix: "c")), principal: principal,
            services: services, loop: loop, isCounted: isCounted)
        loop.begin(session)
        return session
    }

    /// The rights of a user in a thread have changed: answers of the ``Authorizer`` are not used again, and who follows such a
    /// thread gets nothing further before the authorizer has been asked, or gets what was missed, once it says so. Returns at
    /// once; called from anywhere.
    ///
    /// - Parameters:
    ///   - user: the user whose rights; `nil` for those of all users.
    ///   - thread: the thread; `nil` for all threads.
    public func invalidateRights(user: UserID?, thread: ThreadID?) {
        services.invalidateRights(user: user, thread: thread)
    }

    // MARK: Credentials

    /// Has credentials count no longer, though their time is not over: nobody is authenticated by them, and connections that were
    /// opened with them are closed (4401, `auth.revoked`). They get no event from then on. Returns when the revocation is stored
    /// beside the log, so that it counts after a restart too; a log that is no `StateStore` forgets it.
    ///
    /// It counts for ``HubConfiguration/revocationLifetime``, which no token outlives, and before it is stored. Called from
    /// anywhere, once the hub runs; the same one again does nothing, or makes up for one that was not stored.
    ///
    /// - Throws: ``RevocationError``: `revocations.full` with 100 000 that count; `revocations.not_stored`, then it counts until
    ///   this process ends.
    public func revoke(_ revocation: Revocation) async throws(RevocationError) {
        let store = try services.access.revocations.begin(revocation)
        services.credentialsRevoked()
        try await store?()
    }

    /// Closes the connections of a user, whatever their credentials.
    ///
    /// - Parameter reconnect: whether clients are to come back at once (1012), or only with new credentials (4401).
    /// - Returns: how many there were.
    @discardableResult
    public func closeConnections(of user: UserID, reconnect: Bool) async throws -> Int {
        try await services.delivery.closeSessions(
            of: user, reconnect ? .restarting : .notAuthenticated,
            reason: reconnect ? "connect again" : AuthenticationError.Code.revoked.description)
    }

    /// Has other limits count from now on: for requests and connections that come, and for the messages of connections that are there.
    /// The tokens that are used count as used of the new rates.
    ///
    /// - Parameter limits: `nil` for the default, as in ``HubConfiguration/limits``.
    public func replaceLimits(by limits: LimitConfiguration?) {
        services.replaceLimits(
            by: limits ?? (authenticator.needsCredentials ? LimitConfiguration() : .none))
    }

    /// Brings those metrics up to date that are not kept so, such as how large the log is; the others are always. Called before
    /// the metrics are read. It does not block.
    public func updateMetrics() { gauges.update() }

    // MARK: For transports and routes of this package

    /// A client was refused before its stream began.
    ///
    /// - Parameter framing: that of the transport which it asked for.
    package func noteRefusedStream(_ framing: StreamFraming) { services.metrics.refused(framing) }

    /// Somebody wants something of the hub. Says once that it is not run, when it is not: they wait for that, in silence.
    package func noteUse() {
        guard life.isUsedTooEarly() else { return }
        logger.warning("hub not run yet: its clients wait until it is, as a service of the application or by run()")
    }

    /// The time after which a client may come back that comes while the service stops, in milliseconds.
    package var returnMilliseconds: Int64 { services.reconnectMilliseconds(among: 100) }

    /// The number of open streams.
    package var streamCount: Int { services.delivery.sessions.count }

    /// The number of agents that work in this process.
    package var workingAgentCount: Int { dispatcher.runningCount }

    /// The names of the agents that people can ask, in the order in which they were given.
    package var agentNames: [AgentName] { dispatcher.agents.map(\.name) }

    package var limits: StreamLimits { services.limits }
    /// Decides what addresses and users may still do.
    package var usage: ServiceLimits { services.usage }
    /// Logs the events of requests.
    package var ingest: EventIngest { services.ingest }
    /// Carries out the commands of users.
    package var commands: CommandIntake { services.commands }
    /// Carries out what people ask about the members of their threads; `nil` when they are kept elsewhere.
    package var members: MemberIntake? { services.members }
    /// Carries out what people ask about their schedules.
    package var scheduleIntake: ScheduleIntake {
        ScheduleIntake(runtime: runtime, access: services.access, schedules: services.schedules)
    }
    /// Deletes threads.
    package var deletions: DeletionIntake { services.deletions }
    /// Takes the messages of users.
    package var intake: MessageIntake { services.intake }
    /// Decides what principals may do.
    package var access: ThreadAccess { services.access }

    /// See ``ThreadReading``.
    package func reading<Value>(
        _ thread: ThreadID,
        for principal: Principal,
        _ read: (ThreadRecord, _ hiddenUpTo: UInt64) async throws -> Value
    ) async throws -> Value {
        try await services.reading.reading(thread, for: principal, read)
    }

    /// The state of a thread that a principal may read, as far as it may.
    ///
    /// - Throws: ``ProtocolError``, as ``record(of:for:)``.
    package func state(of thread: ThreadID, for principal: Principal) async throws -> ThreadState {
        try await reading(thread, for: principal) { _, hidden in
            do throws(EventLogError) {
                return try await services.snapshots.state(of: thread, hiddenUpTo: hidden)
            } catch {
                throw ProtocolError(error, threadID: thread)
            }
        }
    }

    /// The subscribers of a thread.
    package func subscribers(of thread: ThreadID) async throws -> [Subscriber] {
        try await services.delivery.subscribers(of: thread)
    }

    /// The emissions that a thread has refused lately, for a principal who may read it. Not those of the time that is hidden
    /// from it: the last event before them has to be one that it may read.
    ///
    /// - Throws: ``ProtocolError``, as ``reading(_:for:_:)``.
    package func refusals(of thread: ThreadID, for principal: Principal) async throws -> RefusedEmissions.OfThread {
        try await reading(thread, for: principal) { record, hidden in
            var refused = runtime.refusals(of: thread, user: record.user)
            if hidden > 0 {
                refused.refusals.removeAll { $0.head?.sequence ?? 0 <= hidden }
                refused.forgottenCount = 0
            }
            return refused
        }
    }

    /// The state of a thread after everything that is committed.
    package func state(of thread: ThreadID) async throws(EventLogError) -> ThreadState {
        try await services.snapshots.state(of: thread)
    }

    // MARK: For the run

    /// The programs that emit, over streams and otherwise.
    var outsideEmitters: OutsideEmitters { services.outsideEmitters }

    /// Works for the sessions until ``finishWorkers()``, once the log is open.
    func runWorkers() async {
        do throws(AgentEventsError) {
            try await runtime.waitForStart()
        } catch {
            // The run of the runtime ends with the same error.
            return
        }
        guard let directory else { return await services.run() }
        await withDiscardingTaskGroup { group in
            group.addTask { await directory.run() }
            await services.run()
        }
    }

    /// All connections are closed: the work under way is finished, and ``runWorkers()`` returns.
    func finishWorkers() {
        services.finish()
        directory?.finish()
    }

    /// Tells every session that the service is about to stop, and when its client may come back: after a wait that differs
    /// for each.
    func drainSessions() {
        services.delivery.drain(maximumMilliseconds: configuration.reconnectSpread.milliseconds)
    }

    /// Closes every session (1001). Returns at once; may be called several times.
    ///
    /// - Parameter waitsForAnswers: whether what the clients emitted is answered before.
    func closeSessions(waitsForAnswers: Bool) {
        services.delivery.closeSessions(waitsForAnswers: waitsForAnswers)
    }

    /// Closes every session (1001), what the clients emitted is answered before, within ``HubConfiguration/drainWindow``. Returns
    /// at once.
    func closeSessionsInSlices() {
        // Nobody is served any longer by a log that has failed.
        services.delivery.closeSessions(over: services.delivery.failure == nil ? configuration.drainWindow : .zero)
    }

    /// Returns when every session is closed, after the answers that it waits for, or the task is cancelled. Called once, when
    /// no further connections are taken.
    func waitForSessions() async { await services.delivery.sessions.waitForTheLast() }
}
