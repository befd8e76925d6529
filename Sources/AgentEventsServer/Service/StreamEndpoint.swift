import AgentEvents
import HummingbirdCore
import Logging
import NIOCore

/// The WebSocket side of a service: sets up its connections, and does what they ask for away from their event loops.
struct StreamEndpoint: Sendable {
    let authenticator: any Authenticator
    let origins: OriginPolicy
    private let readiness: Readiness
    private let services: StreamServices
    private let eventLoops: [any EventLoop]

    /// - Parameter eventLoopGroup: the group that the server's connections live on.
    init(
        runtime: AgentRuntime,
        authenticator: any Authenticator,
        origins: OriginPolicy,
        readiness: Readiness,
        limits: StreamLimits,
        eventLoopGroup: any EventLoopGroup,
        logger: Logger
    ) {
        self.authenticator = authenticator
        self.origins = origins
        self.readiness = readiness
        eventLoops = Array(eventLoopGroup.makeIterator())
        let store = runtime.log as? any StateStore
        let metrics = StreamMetrics()
        let environment = runtime.environment
        let pages = ThreadPages(
            log: runtime.log, pageByteCount: limits.pageByteCount, metrics: metrics, environment: environment)
        let delivery = StreamDelivery(
            eventLoops: eventLoops, pages: pages, limits: limits, metrics: metrics, environment: environment)
        services = StreamServices(
            runtime: runtime,
            delivery: delivery,
            pages: pages,
            // They share what is read, and so mostly wait for each other.
            readers: WorkerPool(workerCount: nil),
            snapshotReaders: WorkerPool(workerCount: 4),
            emitters: WorkerPool(workerCount: 8),
            consumers: store.map { ConsumerAcknowledgements(store: $0, environment: environment, logger: logger) },
            snapshots: ThreadSnapshots(log: runtime.log, store: store, logger: logger),
            metrics: metrics,
            limits: limits,
            logger: logger,
            environment: environment,
            outsideEmitters: OutsideEmitters(in: environment)
        )
        runtime.hub.add(delivery)
    }

    /// Sets up each accepted connection, for HTTP or, after an upgrade, for a WebSocket.
    ///
    /// - Parameter http: answers what is no upgrade.
    func childChannel(http: HTTP1Channel) -> StreamChildChannel {
        StreamChildChannel(
            http: http, services: services, authenticator: authenticator, origins: origins, readiness: readiness)
    }

    /// Takes a channel over that is a WebSocket already. Called on its event loop, one of the group's.
    func adopt(_ channel: any Channel, as principal: Principal) throws {
        guard let loop = services.delivery.handle(of: channel.eventLoop) else {
            preconditionFailure("a channel on one of the service's loops")
        }
        try channel.pipeline.syncOperations.addHandler(
            StreamHandler(principal: principal, services: services, loop: loop))
    }

    /// Works for the connections until ``finish()``.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await services.readers.run() }
            group.addTask { await services.snapshotReaders.run() }
            group.addTask { await services.emitters.run() }
            group.addTask { await services.consumers?.run() }
        }
    }

    /// All connections are closed: the work under way is finished, and ``run()`` returns.
    func finish() {
        services.readers.finish()
        services.snapshotReaders.finish()
        services.emitters.finish()
        services.consumers?.finish()
    }

    /// The programs that emit, over WebSocket and otherwise.
    var outsideEmitters: OutsideEmitters { services.outsideEmitters }

    /// Those who follow a thread over WebSocket.
    func subscribers(of thread: ThreadID) async throws -> [Subscriber] {
        try await services.delivery.subscribers(of: thread)
    }

    /// The state of a thread after everything that is committed.
    func state(of thread: ThreadID) async throws(EventLogError) -> ThreadState {
        try await services.snapshots.state(of: thread)
    }

    /// Tells every open WebSocket that the service is about to stop, and when its client may come back: after a wait that
    /// differs for each, of at most so many milliseconds.
    func drain(spreadMilliseconds: Int64) {
        services.delivery.drain(
            ReconnectSpread(maximumMilliseconds: spreadMilliseconds, loopCount: eventLoops.count))
    }

    /// Tells every open WebSocket that the service goes away (1001). Returns at once.
    /// May be called several times.
    ///
    /// - Parameter waitsForAnswers: whether what the clients emitted is answered before.
    func closeConnections(waitsForAnswers: Bool) {
        services.delivery.closeSessions(waitsForAnswers: waitsForAnswers)
    }

    /// Returns when every WebSocket was sent its close, behind the answers that it waits for, or the task is cancelled.
    /// Called once, when no further connections are taken.
    func waitForConnections() async { await services.delivery.sessions.waitForTheLast() }
}
