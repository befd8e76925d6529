import AgentEvents
import AgentEventsProtocol
import AgentEventsServer
import AgentEventsTestSupport
import AgentEventsTesting
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle
import Testing

@testable import AgentEventsHub

/// What those who mount a hub for the first time get wrong, and what they are told.
@Suite(.timeLimit(.minutes(10)))
struct MountingMistakeTests {
    private static func hub(
        _ logger: Logger = Logger(label: "test"),
        authenticator: any Authenticator = NoAuthentication()
    ) -> AgentEventsHub {
        var configuration = HubConfiguration()
        // For what hangs, and not for what is slow.
        configuration.handshakeTimeout = .seconds(300)
        return AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog(generations: .counting)), authorizer: OwnershipAuthorizer(),
            authenticator: authenticator, configuration: configuration, logger: logger)
    }

    /// An application with the hub's routes below `chat`.
    private static func withApplication(
        _ hub: AgentEventsHub,
        _ server: HTTPServerBuilder,
        runsHub: Bool = true,
        _ body: (RunningService) async throws -> Void
    ) async throws {
        let (ports, found) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(1))
        let router = Router()
        router.group("chat").addAgentEvents(hub)
        var application = Application(
            router: router, server: server,
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                found.yield(channel.localAddress?.port ?? 0)
                found.finish()
            }, logger: Logger(label: "test"))
        if runsHub { application.addServices(hub) }
        let group = ServiceGroup(services: [application], logger: Logger(label: "test"))
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

    private static let upgrade = [
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ]

    /// The server opens WebSockets elsewhere, or none: the client has done nothing wrong, and is not told that it has.
    @Test(arguments: [true, false])
    func aRightUpgradeThatTheServerDoesNotKnowIsToldWhatIsMissing(opensElsewhere: Bool) async throws {
        let hub = Self.hub()
        try await Self.withApplication(hub, opensElsewhere ? .http1(agentEvents: hub) : .http1()) { service in
            let answer = try await service.client.send("GET", "/chat/stream", headers: Self.upgrade)
            #expect(answer.status == 426)
            #expect(try answer.errorCode == "upgrade.required")
            #expect(answer.body.contains("open its WebSockets at /chat/stream (http1(agentEvents:path:))"))
        }
    }

    @Test(arguments: ["chat/stream", "/chat/stream"])
    func thePathOfTheWebSocketBeginsWithASlashOrNot(path: String) async throws {
        let hub = Self.hub()
        try await Self.withApplication(hub, .http1(agentEvents: hub, path: path)) { service in
            let answer = try await service.client.send("GET", "/chat/stream", headers: Self.upgrade)
            #expect(answer.status == 101)
        }
    }

    /// The second run is refused, and the first one goes on.
    @Test func aHubThatIsRunTwiceRunsOnce() async throws {
        let hub = Self.hub()
        try await Self.withApplication(hub, .http1(agentEvents: hub)) { service in
            try await hub.runtime.waitForStart()
            let error = await #expect(throws: AgentEventsError.self) { try await hub.run() }
            #expect(error?.code == .notRunning)
            #expect(error?.message.contains("run() is called once") == true)
            let body = #"{"type":"custom","data":{"name":"n","value":1}}"#
            #expect(try await service.client.post("/chat/threads/t/events", body).status == 201)
        }
    }

    private static func logger(_ warnings: LineRecord<String>) -> Logger {
        Logger(label: "test") { _ in
            RecordingLogHandler { level, message, _ in
                if level == .warning { warnings.append(message) }
            }
        }
    }

    private static let notRun =
        "hub not run yet: its clients wait until it is, as a service of the application or by run()"

    /// Its clients would wait, and nobody would know for what. One that asks for a stream comes to no route.
    @Test(arguments: [[:], ["Accept": "text/event-stream"]])
    func aHubThatNobodyRunsSaysSoOnce(_ headers: [String: String]) async throws {
        let warnings = LineRecord<String>()
        let hub = Self.hub(Self.logger(warnings))
        let server = HTTPServerBuilder.http1(agentEvents: hub, path: "chat/stream")
        try await Self.withApplication(hub, server, runsHub: false) { service in
            for _ in 0..<3 { _ = try await service.client.get("/chat/threads/t/events", headers: headers) }
        }
        #expect(warnings.all == [Self.notRun])
    }

    /// Which credentials are revoked is read when it runs, and they are not taken before.
    @Test(arguments: [("threads/t/events", ["Accept": "text/event-stream"]), ("stream", upgrade)])
    func aHubThatNobodyRunsSaysSoToThoseWithCredentials(_ path: String, _ headers: [String: String]) async throws {
        struct Enough: Error {}
        let warnings = LineRecord<String>()
        let hub = Self.hub(Self.logger(warnings), authenticator: NamingAuthenticator())
        let server = HTTPServerBuilder.http1(agentEvents: hub, path: "chat/stream")
        try await Self.withApplication(hub, server, runsHub: false) { service in
            let fields = headers.merging(["Host": "127.0.0.1", "Authorization": "Bearer u_1"]) { $1 }
            let lines = ["GET /chat/\(path) HTTP/1.1"] + fields.map { "\($0.key): \($0.value)" }
            await #expect(throws: Enough.self) {
                _ = try await RawExchange.run(
                    port: service.client.port, lines.joined(separator: "\r\n") + "\r\n\r\n",
                    beforeReading: {
                        while warnings.all.isEmpty {
                            try Task.checkCancellation()
                            await Task.yield()
                        }
                        throw Enough()
                    })
            }
        }
        #expect(warnings.all == [Self.notRun])
    }
}
