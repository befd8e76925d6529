import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsInProcess
import AgentEventsProtocol
import AgentEventsServer
import AgentEventsTesting
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Testing

/// A hub in the servers of others: on their port, on their event loops, beside their routes.
@Suite(.timeLimit(.minutes(10)))
struct MountingTests {
    private struct AppContext: RequestContext {
        var coreContext: CoreRequestContextStorage
        let word = "hello"

        init(source: ApplicationRequestContextSource) { coreContext = CoreRequestContextStorage(source: source) }
    }

    private struct Echo: ServedAgent {
        let name: AgentName = "echo"

        func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
            try await run.say(prompt.text)
            return nil
        }
    }

    private static var logger: Logger {
        var logger = Logger(label: "test")
        logger.logLevel = .error
        return logger
    }

    private static func hub(_ agents: [any ServedAgent] = []) -> AgentEventsHub {
        var configuration = HubConfiguration()
        configuration.allowedOrigins = ["https://chat.example.com"]
        // For what hangs, and not for what is slow.
        configuration.shutdownGrace = .seconds(600)
        configuration.handshakeTimeout = .seconds(300)
        // The clients of tests answer no pings while they wait for something else.
        configuration.heartbeatInterval = .seconds(300)
        return AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog(generations: .counting)), agents: agents,
            authorizer: OwnershipAuthorizer(), configuration: configuration, logger: logger)
    }

    /// Runs services until the body has ended, and they have stopped gracefully.
    private static func run(
        _ services: [any Service],
        _ hub: AgentEventsHub,
        ports: AsyncStream<Int>,
        _ body: (RunningService) async throws -> Void
    ) async throws {
        let group = ServiceGroup(services: services, logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            guard let port = await ports.first(where: { _ in true }) else { throw CancellationError() }
            let running = RunningService(
                runtime: hub.runtime, client: RawHTTPClient(port: port),
                shutDown: { await group.triggerGracefulShutdown() })
            do {
                try await body(running)
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    private static func withApplication(
        _ hub: AgentEventsHub,
        _ body: (RunningService) async throws -> Void
    ) async throws {
        // Event loops that the hub has not seen.
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let (ports, found) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(1))
        let router = Router(context: AppContext.self)
        router.get("/") { _, _ in "the page" }
        router.get("greetings/:name") { _, context in "\(context.word), \(try context.parameters.require("name"))" }
        router.post("numbers") { request, _ in "\(try await request.body.collect(upTo: 1024).readableBytes)" }
        router.group("v1").addAgentEvents(hub).addAgentEventsClient(hub)
        var application = Application(
            router: router, server: .http1(agentEvents: hub),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                found.yield(channel.localAddress?.port ?? 0)
                found.finish()
            },
            eventLoopGroupProvider: .shared(eventLoops), logger: logger)
        application.addServices(hub)
        try await run([application], hub, ports: ports, body)
        try await eventLoops.shutdownGracefully()
    }

    @Test func theRoutesOfAnApplicationAndTheHubShareAPort() async throws {
        let hub = Self.hub([Echo()])
        try await Self.withApplication(hub) { service in
            #expect(try await service.client.get("/").body == "the page")
            #expect(try await service.client.get("/greetings/Ada").body == "hello, Ada")
            #expect(try await service.client.post("/numbers", "12345").body == "5")
            #expect(try await service.client.get("/v1/threads/t/state").errorCode == "thread.unknown")
            #expect(try await service.client.get("/v1/stream").errorCode == "upgrade.required")
            #expect(try await service.client.send("HEAD", "/v1/threads/t/state").status == 404)
            #expect(try await service.client.send("DELETE", "/v1/threads/t/state").status == 405)
            // Errors of the application are its own.
            #expect(try await service.client.get("/nowhere").status == 404)
            #expect(try await service.client.get("/nowhere").body.isEmpty)
            try await service.withWebSocket { socket in
                #expect(try await socket.message()["op"] == "welcome")
                try await socket.send(#"{"op":"subscribe","thread_id":"t","after":"start"}"#)
                _ = try await socket.messages(until: "live")
                let answer = try await service.client.post("/v1/threads/t/messages", #"{"text":"Hello"}"#)
                #expect(answer.status == 202)
                #expect(try await socket.event().type == .userMessage)
                let events = try await socket.eventsToTheEnd()
                #expect(events.last?.type == .agentCompleted)
            }
        }
    }

    /// A thread is followed over a WebSocket and within the process, whose messages are framed in another way.
    @Test func transportsOfDifferentFramingsGetTheSameEvents() async throws {
        let hub = Self.hub()
        try await Self.withApplication(hub) { service in
            let client = StreamClient(
                connector: InProcessConnector(hub, as: Principal(user: "local", scopes: [.read])))
            let context = try await hub.runtime.context(user: "local", thread: "t")
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t"}"#)
                _ = try await socket.messages(until: "live")
                try await client.withEvents(of: "t", from: .start) { follower in
                    for value in 1...100 {
                        let custom = CustomEvent(name: "n", value: .integer(Int64(value)))
                        _ = try await context.emit(EventDraft(.custom(custom)))
                    }
                    var sequence: UInt64 = 0
                    for try await element in follower {
                        guard case .event(let event) = element else { continue }
                        sequence += 1
                        #expect(event.cursor.sequence == sequence)
                        #expect(try await socket.event() == event.decoded())
                        if sequence == 100 { break }
                    }
                }
            }
        }
    }

    /// The application stops listening, and its hub tells the clients and lets the agents end.
    @Test func aMountedHubStopsInItsOrder() async throws {
        let hub = Self.hub()
        try await Self.withApplication(hub) { service in
            try await service.withWebSocket { socket in
                #expect(try await socket.message()["op"] == "welcome")
                await service.shutDown()
                let drain = try await socket.message()
                #expect(drain["op"] == "drain")
                #expect(try await socket.next() == .goingAway(after: drain))
                // On a busy machine the service has not waited for it.
                try? await socket.sendClose()
            }
        }
    }

    private final class PageHandler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = unwrapInboundIn(data) else { return }
            let headers = HTTPHeaders([("content-length", "4"), ("connection", "close")])
            let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "page")))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            context.close(promise: nil)
        }
    }

    private struct PlainServer: Service {
        let hub: AgentEventsHub
        let group: MultiThreadedEventLoopGroup
        let found: AsyncStream<Int>.Continuation

        func run() async throws {
            let hub = hub
            let channel = try await ServerBootstrap(group: group)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try hub.configure(channel, path: "/events") {
                            try $0.pipeline.syncOperations.addHandler(PageHandler())
                        }
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            found.yield(channel.localAddress?.port ?? 0)
            found.finish()
            try? await gracefulShutdown()
            try await channel.close()
        }
    }

    @Test func aServerOfSwiftNIOGivesItsWebSocketsToTheHub() async throws {
        let hub = Self.hub()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let (ports, found) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(1))
        let server = PlainServer(hub: hub, group: group, found: found)
        try await Self.run([hub, server], hub, ports: ports) { service in
            #expect(try await service.client.get("/").body == "page")
            // No WebSocket is at the usual path.
            #expect(try await service.client.get("/v1/stream").body == "page")
            let url = try StreamURL("ws://127.0.0.1:\(service.client.port)/events")
            // How long a busy machine takes is no matter here.
            var configuration = ClientConfiguration()
            configuration.connectTimeout = .seconds(300)
            configuration.heartbeatTolerance = .seconds(300)
            let client = StreamClient(url: url, configuration: configuration)
            let cursors = try await client.emit([EventDraft(.custom(CustomEvent(name: "n", value: 1)))], thread: "t")
            #expect(cursors.count == 1)
        }
        try await group.shutdownGracefully()
    }

    @Test func theJavaScriptClientIsServedBelowTheRoutesOfTheHub() async throws {
        let hub = Self.hub()
        try await Self.withApplication(hub) { service in
            let answer = try await service.client.get("/v1/client/agent-events.js")
            #expect(answer.status == 200)
            #expect(answer.body.contains("export class AgentEvents"))
            #expect(answer.headers["x-content-type-options"] == "nosniff")
            #expect(try await service.client.get("/client/agent-events.js").status == 404)
            #expect(try await service.client.get("/v1/examples/plain.html").status == 404)
        }
    }

    @Test func anOriginThatNoBrowserSendsIsRefusedAtTheStart() async throws {
        var configuration = HubConfiguration()
        configuration.allowedOrigins = ["chat.example.com"]
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog()), authorizer: OwnershipAuthorizer(),
            configuration: configuration, logger: Self.logger)
        let router = Router(context: AppContext.self)
        router.group("v1").addAgentEvents(hub)
        let application = Application(router: router, server: .http1(agentEvents: hub), logger: Self.logger)
        await #expect(throws: ServiceError.self) { try await application.run() }
    }
}
