import AgentEvents
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

    private static var upgrade: HTTPServerRequestPart {
        .head(
            HTTPRequestHead(
                version: .http1_1, method: .GET, uri: "/v1/stream",
                headers: [
                    "Host": "127.0.0.1", "Upgrade": "websocket", "Connection": "Upgrade",
                    "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                ]))
    }

    @Test func aClientWhoIsNotKnownYetIsNotReadFrom() async throws {
        let counter = ReadCounter()
        let authenticator = HeldAuthenticator()
        let channel = try await NIOAsyncTestingChannel { channel in
            try channel.pipeline.syncOperations.addHandler(counter)
            try channel.pipeline.syncOperations.addHandler(
                UpgradeFilter(
                    authenticator: authenticator,
                    origins: OriginPolicy(allowedOrigins: [], needsCredentials: false), readiness: Readiness()))
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
