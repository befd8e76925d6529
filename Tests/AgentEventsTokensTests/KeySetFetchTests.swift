import AgentEvents
import AgentEventsTesting
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import AgentEventsTokens

/// The request for an issuer's keys, over real sockets.
@Suite(.timeLimit(.minutes(10)))
struct KeySetFetchTests {
    /// Answers every request alike; `nil` for never.
    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let answer: (status: Int, headers: [(String, String)], byteCount: Int)?

        init(_ answer: (status: Int, headers: [(String, String)], byteCount: Int)?) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard case .end = unwrapInboundIn(data), let answer else { return }
            let headers = HTTPHeaders(answer.headers + [("Content-Length", "\(answer.byteCount)")])
            context.write(
                wrapOutboundOut(
                    .head(
                        HTTPResponseHead(
                            version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers))
                ),
                promise: nil)
            context.write(
                wrapOutboundOut(.body(.byteBuffer(ByteBuffer(repeating: 0x20, count: answer.byteCount)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    /// - Returns: how many bytes came; `nil` for a refusal.
    private static func fetch(
        _ answer: (status: Int, headers: [(String, String)], byteCount: Int)?,
        _ clock: ManualClock = ManualClock()
    ) async throws -> Int? {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(Answering(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let client = KeySetFetch.makeClient()
        let fetch = KeySetFetch(
            url: "http://127.0.0.1:\(channel.localAddress?.port ?? 0)/keys", client: client, environment: .manual(clock)
        )
        let count: Int?
        do {
            count = try await fetch.bytes().count
        } catch {
            count = nil
        }
        try await client.shutdown()
        try await channel.close()
        return count
    }

    @Test func anAnswerIsTaken() async throws {
        #expect(try await Self.fetch((200, [], 17)) == 17)
        #expect(try await Self.fetch((200, [], KeySet.maximumByteCount)) == KeySet.maximumByteCount)
    }

    @Test func anAnswerThatIsTooLargeIsNot() async throws {
        #expect(try await Self.fetch((200, [], KeySet.maximumByteCount + 1)) == nil)
    }

    @Test(arguments: [204, 301, 302, 307, 308, 401, 404, 500, 503])
    func redirectsAndFailuresAreNot(_ status: Int) async throws {
        #expect(try await Self.fetch((status, [("Location", "http://127.0.0.1:1/keys")], 0)) == nil)
    }

    @Test func anIssuerThatSaysNothingIsNotWaitedFor() async throws {
        let clock = ManualClock()
        async let count = Self.fetch(nil, clock)
        try await clock.waitForSleep(of: .seconds(5))
        clock.advance(by: .seconds(5))
        #expect(try await count == nil)
    }
}
