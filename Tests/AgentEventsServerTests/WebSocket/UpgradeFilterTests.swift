import AgentEvents
import CoreMetrics
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Synchronization
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// What happens to a connection while its authenticator takes its time.
@Suite(.timeLimit(.minutes(10)))
struct UpgradeFilterTests {
    /// Answers when it is told to.
    private final class HeldAuthenticator: Authenticator {
        let needsCredentials = false
        private let releases: AsyncStream<Void>
        private let continuation: AsyncStream<Void>.Continuation

        init() { (releases, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

        func release() { continuation.finish() }

        func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
            for await _ in releases {}
            return Principal(user: "u_1")
        }
    }

    /// Counts the reads that reach the socket.
    private final class ReadCounter: ChannelOutboundHandler, Sendable {
        typealias OutboundIn = HTTPServerResponsePart

        private let reads = Atomic<Int>(0)

        var count: Int { reads.load(ordering: .sequentiallyConsistent) }

        func read(context: ChannelHandlerContext) {
            reads.add(1, ordering: .sequentiallyConsistent)
            context.read()
        }
    }

    private static var ticket: ConnectionTicket {
        ConnectionTicket(
            nil,
            usage: ServiceLimits(
                .none, metrics: NOOPMetricsHandler.instance, logger: Logger(label: "test"), environment: .system))
    }

    private static var upgrade: HTTPServerRequestPart {
        .head(
            HTTPRequestHead(
                version: .http1_1, method: .GET, uri: "/v1/stream",
                headers: [
                    "Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade",
                    "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                ]))
    }

    private struct Refusing: Authenticator {
        let needsCredentials = true

        func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
            throw AuthenticationError(.invalid, "the token is not valid")
        }
    }

    private static func channel(
        _ authenticator: any Authenticator = NoAuthentication(),
        isStopping: Bool = false,
        answersRefusals: Bool = true
    ) async throws -> NIOAsyncTestingChannel {
        let readiness = Readiness()
        if isStopping { readiness.stop() }
        return try await NIOAsyncTestingChannel { channel in
            try channel.pipeline.syncOperations.addHandler(
                UpgradeFilter(
                    authenticator: authenticator,
                    origins: OriginPolicy(allowedOrigins: [], needsCredentials: authenticator.needsCredentials),
                    readiness: readiness, answersRefusals: answersRefusals,
                    ticket: Self.ticket))
        }
    }

    private static func upgrade(_ uri: String = "/v1/stream", _ fields: [String: String] = [:]) -> HTTPServerRequestPart
    {
        guard case .head(var head) = upgrade else { return upgrade }
        head.uri = uri
        for (name, value) in fields { head.headers.replaceOrAdd(name: name, value: value) }
        return .head(head)
    }

    /// The client is told why, although there is no route for it; handlers of the application do not get the request.
    @Test(
        arguments: [
            ("/v1/stream", ["Host": "evil.example"], 403, "origin.host_forbidden"),
            ("/v1/stream", ["Origin": "https://evil.example"], 403, "origin.forbidden"),
            ("/v1/stream", ["Sec-WebSocket-Protocol": "chat"], 400, "agent-events.v1"),
            ("/v1/stream", ["Sec-WebSocket-Version": "8"], 426, "version"),
            ("/v1/stream", ["Content-Length": "5"], 426, "an upgrade has no body"),
            ("/v1/stream?token=secret", [:], 400, "no parameters"),
        ] as [(String, [String: String], Int, String)])
    func aDeclinedUpgradeIsAnsweredWithTheReason(
        uri: String,
        fields: [String: String],
        status: Int,
        word: String
    ) async throws {
        try await Self.expectRefusal(of: Self.upgrade(uri, fields), by: Self.channel(), status, word)
    }

    @Test func anUpgradeOfAClientThatIsNotKnownIsAnsweredWithTheReason() async throws {
        try await Self.expectRefusal(of: Self.upgrade(), by: Self.channel(Refusing()), 401, "the token is not valid")
    }

    @Test func anUpgradeWhileTheHubStopsIsAnsweredWithTheReason() async throws {
        try await Self.expectRefusal(of: Self.upgrade(), by: Self.channel(isStopping: true), 503, "about to stop")
    }

    private static func expectRefusal(
        of request: HTTPServerRequestPart,
        by channel: NIOAsyncTestingChannel,
        _ status: Int,
        _ word: String
    ) async throws {
        try await channel.writeInbound(request)
        guard case .head(let head) = try await channel.waitForOutboundWrite(as: HTTPServerResponsePart.self),
            case .body(.byteBuffer(let body)) = try await channel.waitForOutboundWrite(as: HTTPServerResponsePart.self)
        else {
            Issue.record("not answered")
            return
        }
        #expect(head.status.code == status)
        #expect(head.headers["connection"] == ["close"])
        #expect(String(buffer: body).contains(word))
        try await channel.closeFuture.get()
        #expect(try await channel.readInbound(as: HTTPServerRequestPart.self) == nil)
    }

    /// Where a route answers refusals: credentials are checked once all the same.
    @Test func credentialsThatDoNotCountAreCheckedOnce() async throws {
        try await Self.expectRefusal(
            of: Self.upgrade(), by: Self.channel(Refusing(), answersRefusals: false), 401, "the token is not valid")
    }

    /// What is for another path, or for a route, goes there without its wish.
    @Test(arguments: [("/elsewhere", true), ("/v1/stream", false)])
    func whatAnotherAnswersIsPassedOn(uri: String, answersRefusals: Bool) async throws {
        let channel = try await Self.channel(answersRefusals: answersRefusals)
        try await channel.writeInbound(Self.upgrade(uri, ["Sec-WebSocket-Protocol": "chat"]))
        guard case .head(let head) = try await channel.waitForInboundWrite(as: HTTPServerRequestPart.self) else {
            Issue.record("no head")
            return
        }
        #expect(head.uri == uri)
        #expect(!head.headers.contains(name: "upgrade"))
        _ = try? await channel.finish(acceptAlreadyClosed: true)
    }

    @Test func aClientWhoIsNotKnownYetIsNotReadFrom() async throws {
        let counter = ReadCounter()
        let authenticator = HeldAuthenticator()
        let channel = try await NIOAsyncTestingChannel { channel in
            try channel.pipeline.syncOperations.addHandler(counter)
            try channel.pipeline.syncOperations.addHandler(
                UpgradeFilter(
                    authenticator: authenticator,
                    origins: OriginPolicy(allowedOrigins: [], needsCredentials: false), readiness: Readiness(),
                    ticket: Self.ticket))
        }
        channel.read()
        await channel.testingEventLoop.run()
        #expect(counter.count == 1)
        try await channel.writeInbound(Self.upgrade)
        try await channel.writeInbound(HTTPServerRequestPart.end(nil))
        for _ in 0..<3 { channel.read() }
        await channel.testingEventLoop.run()
        #expect(counter.count == 1)
        #expect(try await channel.readInbound(as: HTTPServerRequestPart.self) == nil)
        authenticator.release()
        #expect(try await channel.waitForInboundWrite(as: HTTPServerRequestPart.self) == Self.upgrade)
        #expect(try await channel.waitForInboundWrite(as: HTTPServerRequestPart.self) == .end(nil))
        await channel.testingEventLoop.run()
        // What was held back, once.
        #expect(counter.count == 2)
        channel.read()
        await channel.testingEventLoop.run()
        #expect(counter.count == 3)
        _ = try? await channel.finish(acceptAlreadyClosed: true)
    }
}
