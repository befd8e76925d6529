import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsSimulation
import CoreMetrics
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1

/// Connections, from their bytes to the hub, and back. All of it in one thread: the hub's tasks too.
final class ConnectionSubject {
    /// A hub is used for a number of connections, or what they have made would pile up.
    private static let connectionCount = 256

    private var world: FuzzedWorld?
    private var count = 0

    private func next() -> FuzzedWorld {
        count += 1
        if let world, count % Self.connectionCount != 0 { return world }
        world?.end()
        let world = FuzzedWorld()
        self.world = world
        return world
    }

    deinit { world?.end() }

    func problem(ofFrames input: [UInt8]) -> String? {
        let world = next()
        return world.withConnection { channel in
            try world.hub.adoptWebSocket(
                channel, as: Principal(user: world.user, scopes: [.read, .emit, .command, .open], actsAs: .everybody))
            world.feed(input, to: channel)
            return SentFrames.problem(of: try world.sent(by: channel))
        }
    }

    func problem(ofRequests input: [UInt8]) -> String? {
        let world = next()
        return world.withConnection { channel in
            let recorder = RequestRecorder()
            let box = NIOLoopBound(recorder, eventLoop: channel.eventLoop)
            // No upgrade is for this path: its credentials would be checked by a task that leaves the thread.
            try world.hub.configure(channel, path: "/elsewhere") {
                try $0.pipeline.syncOperations.addHandler(box.value)
            }
            world.feed(input, to: channel)
            return SentAnswers.problem(of: try world.sent(by: channel), requestCount: recorder.count)
        }
    }
}

/// A hub, and the thread that does everything.
final class FuzzedWorld {
    let hub: AgentEventsHub
    let user = UserID(text: IdentifierText(unchecked: "u_1"))
    private let loop = EmbeddedEventLoop()
    private let executor = SimulatedExecutor()
    private let task: Task<Void, Never>
    private static let turnCount = 100_000

    init() {
        let time = SimulatedTime()
        let environment = Environment(
            wallClock: time.wallClock, clock: time.clock, randomNumber: { 4 }, backgroundExecutor: executor)
        var configuration = HubConfiguration()
        configuration.allowedOrigins = ["https://chat.example.com", "https://*.example.org"]
        let hub = AgentEventsHub(
            runtime: AgentRuntime(
                log: InMemoryEventLog(), configuration: RuntimeConfiguration(environment: environment)),
            agents: [], authorizer: OwnershipAuthorizer(), authenticator: NoAuthentication(),
            configuration: configuration, limits: StreamLimits(), metrics: NOOPMetricsHandler.instance,
            logger: Logger(label: "fuzzing") { _ in SwiftLogNoOpLogHandler() }, onUnresponsiveAgents: { _ in })
        self.hub = hub
        task = Task(executorPreference: executor) {
            try? await hub.run(
                serving: { await hub.closing.wait() },
                until: {
                    let never = AsyncStream<Void> { _ in }
                    for await _ in never {}
                    throw CancellationError()
                })
        }
        _ = settle()
    }

    func end() {
        task.cancel()
        _ = settle()
    }

    /// Until nothing can continue but time.
    ///
    /// - Returns: whether there is such an end.
    private func settle() -> Bool {
        for _ in 0..<Self.turnCount {
            let ran = executor.runNext()
            loop.run()
            if !ran { return true }
        }
        return false
    }

    /// A connection from its beginning to its end.
    func withConnection(_ body: (EmbeddedChannel) throws -> String?) -> String? {
        let channel = EmbeddedChannel(loop: loop)
        let problem: String?
        do {
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            problem = try body(channel)
        } catch {
            problem = "the connection cannot be set up: \(error)"
        }
        _ = try? channel.finish(acceptAlreadyClosed: true)
        guard settle() else { return problem ?? "what an input has begun never ends" }
        if executor.foreignCount > 0 { return problem ?? "\(executor.foreignCount) jobs came from other threads" }
        return problem
    }

    /// Gives an input in pieces, and lets the hub do what they ask for.
    func feed(_ input: [UInt8], to channel: EmbeddedChannel) {
        var sizes = PieceSizes(input)
        for piece in sizes.pieces(of: input) {
            guard channel.isActive else { return }
            channel.pipeline.fireChannelRead(ByteBuffer(bytes: piece))
            channel.pipeline.fireChannelReadComplete()
            loop.run()
        }
        _ = settle()
        // Every time limit of a client that says nothing further.
        if sizes.next(upTo: 4) == 1 {
            loop.advanceTime(by: .seconds(120))
            _ = settle()
        }
    }

    func sent(by channel: EmbeddedChannel) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let part = try channel.readOutbound(as: IOData.self) {
            if case .byteBuffer(let buffer) = part { bytes += buffer.readableBytesView }
        }
        return bytes
    }
}

/// Answers each request, and counts them.
private final class RequestRecorder: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private(set) var count = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: count += 1
        case .body: break
        case .end:
            let head = HTTPResponseHead(version: .http1_1, status: .noContent)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
