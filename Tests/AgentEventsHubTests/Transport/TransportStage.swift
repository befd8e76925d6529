import AgentEvents
import AgentEventsProtocol
import AgentEventsTesting
import CoreMetrics
import Logging
import NIOCore
import NIOPosix

@testable import AgentEventsHub

/// A hub that runs, and event loops for transports.
struct TransportStage: Sendable {
    let hub: AgentEventsHub
    let group: MultiThreadedEventLoopGroup

    /// For the length of a scope.
    static func with(
        limits: StreamLimits = .patient,
        log: any EventLog = InMemoryEventLog(generations: .counting),
        loopCount: Int = 1,
        _ body: @Sendable (TransportStage) async throws -> Void
    ) async throws {
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: log), agents: [], authorizer: OwnershipAuthorizer(),
            authenticator: NoAuthentication(), configuration: HubConfiguration(), limits: limits,
            metrics: NOOPMetricsHandler.instance, logger: Logger(label: "test"), onUnresponsiveAgents: { _ in })
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loopCount)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await hub.run() }
            try await hub.runtime.waitForStart()
            try await body(TransportStage(hub: hub, group: group))
            tasks.cancelAll()
        }
        try await group.shutdownGracefully()
    }

    func log(_ count: Int, textByteCount: Int = 1) async throws {
        let context = try await hub.runtime.context(user: "u_1", thread: "t_1")
        let value = JSONValue.string(String(repeating: "x", count: textByteCount))
        for _ in 0..<count { _ = try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: value)))) }
        try await context.flush()
    }

    /// A session over a transport, for as long as the caller keeps it.
    func adopt(
        on eventLoop: any EventLoop,
        as user: UserID = "u_1",
        _ make: @escaping @Sendable () -> HostileTransport = { HostileTransport() }
    ) async throws -> TransportEnds {
        try await eventLoop.submit {
            let transport = make()
            let session = hub.adopt(
                transport, as: Principal(user: user, scopes: [.read, .emit], actsAs: .everybody), on: eventLoop)
            return TransportEnds(
                eventLoop, NIOLoopBoundBox((transport: transport, session: session), eventLoop: eventLoop))
        }.get()
    }
}

/// A transport and its session, from anywhere.
struct TransportEnds: Sendable {
    let eventLoop: any EventLoop
    private let box: NIOLoopBoundBox<(transport: HostileTransport, session: StreamSession)>

    init(_ eventLoop: any EventLoop, _ box: NIOLoopBoundBox<(transport: HostileTransport, session: StreamSession)>) {
        self.eventLoop = eventLoop
        self.box = box
    }

    @discardableResult
    func onLoop<Result: Sendable>(
        _ body: @escaping @Sendable (HostileTransport, StreamSession) -> Result
    ) async throws -> Result {
        try await eventLoop.submit { body(box.value.transport, box.value.session) }.get()
    }

    func send(_ text: String) async throws {
        try await onLoop { _, session in
            session.receive(ByteBuffer(string: text))
            session.readComplete()
        }
    }

    /// Turns of the loop go by until it is so.
    func wait(until condition: @escaping @Sendable (HostileTransport) -> Bool) async throws {
        while try await !onLoop({ transport, _ in condition(transport) }) {
            try Task.checkCancellation()
            await Task.yield()
        }
    }
}

extension StreamLimits {
    /// Those by default, but for the time that a client is given: on a slow machine a test may be silent for minutes.
    static var patient: StreamLimits {
        var limits = StreamLimits()
        limits.heartbeatMilliseconds = 3_600_000
        limits.stallMilliseconds = 3_600_000
        return limits
    }
}
