import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// The word to clients that wait, and the time that is given to those that still send what is not wanted.
struct RequestBodyHandlerTests {
    /// Takes what is written, and says so when it is told.
    private final class SlowClient: ChannelOutboundHandler {
        typealias OutboundIn = HTTPServerResponsePart
        typealias OutboundOut = HTTPServerResponsePart
        private var waiting: [EventLoopPromise<Void>] = []

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            if let promise { waiting.append(promise) }
            context.write(data, promise: nil)
        }

        func takeAll() {
            for promise in waiting { promise.succeed() }
            waiting = []
        }

        func handlerRemoved(context: ChannelHandlerContext) {
            for promise in waiting { promise.fail(ChannelError.alreadyClosed) }
            waiting = []
        }
    }

    private func withChannel(
        _ handlers: [any ChannelHandler] = [],
        _ body: (EmbeddedChannel) throws -> Void
    ) throws {
        let channel = EmbeddedChannel(handlers: handlers + [RequestBodyHandler()])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try body(channel)
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    private func receive(_ headers: HTTPHeaders, version: HTTPVersion = .http1_1, _ channel: EmbeddedChannel) {
        let head = HTTPRequestHead(version: version, method: .POST, uri: "/", headers: headers)
        channel.pipeline.fireChannelRead(HTTPServerRequestPart.head(head))
    }

    private func receiveBody(_ channel: EmbeddedChannel) {
        channel.pipeline.fireChannelRead(HTTPServerRequestPart.body(ByteBuffer(string: "more")))
    }

    private func answer(_ channel: EmbeddedChannel) {
        let head = HTTPResponseHead(version: .http1_1, status: .payloadTooLarge)
        channel.writeAndFlush(HTTPServerResponsePart.head(head), promise: nil)
        channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
    }

    private func heads(_ channel: EmbeddedChannel) throws -> [HTTPResponseHead] {
        var heads: [HTTPResponseHead] = []
        while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) {
            if case .head(let head) = part { heads.append(head) }
        }
        return heads
    }

    @Test(
        arguments: [
            (["Content-Length": "5", "Expect": "100-continue"], .http1_1, true),
            (["Transfer-Encoding": "chunked", "Expect": "100-Continue"], .http1_1, true),
            (["Content-Length": "5", "Expect": "100-continue"], .http1_0, false),
            (["Content-Length": "5"], .http1_1, false),
            (["Content-Length": "5", "Expect": "more"], .http1_1, false),
        ] as [(HTTPHeaders, HTTPVersion, Bool)])
    func whoWaitsIsToldToContinue(_ headers: HTTPHeaders, _ version: HTTPVersion, _ isTold: Bool) throws {
        try withChannel { channel in
            receive(headers, version: version, channel)
            let before = try heads(channel)
            #expect(before.isEmpty)
            channel.triggerUserOutboundEvent(RequestBodyHandler.BodyWanted(), promise: nil)
            channel.triggerUserOutboundEvent(RequestBodyHandler.BodyWanted(), promise: nil)
            let statuses = try heads(channel).map(\.status)
            #expect(statuses == (isTold ? [.continue] : []))
            let part = try #require(try channel.readInbound(as: HTTPServerRequestPart.self))
            guard case .head(let head) = part else {
                Issue.record("no head but \(part)")
                return
            }
            #expect(head.headers.contains(name: "Expect") == (version == .http1_1 && headers.contains(name: "Expect")))
        }
    }

    /// Silent for five seconds: that is the end.
    @Test func whoIsSilentAfterARefusalIsClosed() throws {
        try withChannel { channel in
            receive(["Content-Length": "999999999", "Expect": "100-continue"], channel)
            answer(channel)
            let connection = try heads(channel).map { $0.headers["Connection"] }
            #expect(connection == [["close"]])
            channel.embeddedEventLoop.advanceTime(by: .milliseconds(4999))
            #expect(channel.isActive)
            channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
            #expect(!channel.isActive)
        }
    }

    /// As long as it sends it is read, for thirty seconds at most.
    @Test func whoStillSendsIsReadForAWhile() throws {
        try withChannel { channel in
            receive(["Content-Length": "999999999"], channel)
            answer(channel)
            _ = try channel.readInbound(as: HTTPServerRequestPart.self)
            for _ in 0..<29 {
                receiveBody(channel)
                channel.embeddedEventLoop.advanceTime(by: .seconds(1))
                #expect(channel.isActive)
            }
            let passed = try channel.readInbound(as: HTTPServerRequestPart.self)
            #expect(passed == nil)
            receiveBody(channel)
            channel.embeddedEventLoop.advanceTime(by: .seconds(1))
            #expect(!channel.isActive)
        }
    }

    @Test func theEndOfTheBodyIsTheEndOfTheConnection() throws {
        try withChannel { channel in
            receive(["Transfer-Encoding": "chunked"], channel)
            answer(channel)
            receiveBody(channel)
            #expect(channel.isActive)
            channel.pipeline.fireChannelRead(HTTPServerRequestPart.end(nil))
            #expect(!channel.isActive)
        }
    }

    /// A close before would take away what the client has not been given yet.
    @Test(arguments: [false, true])
    func theAnswerIsWrittenBeforeTheConnectionCloses(_ endsDuringTheAnswer: Bool) throws {
        let client = SlowClient()
        try withChannel([client]) { channel in
            receive(["Transfer-Encoding": "chunked"], channel)
            if endsDuringTheAnswer {
                channel.write(
                    HTTPServerResponsePart.head(HTTPResponseHead(version: .http1_1, status: .ok)), promise: nil)
                channel.pipeline.fireChannelRead(HTTPServerRequestPart.end(nil))
                channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
            } else {
                answer(channel)
                channel.pipeline.fireChannelRead(HTTPServerRequestPart.end(nil))
            }
            channel.embeddedEventLoop.advanceTime(by: .seconds(29))
            #expect(channel.isActive)
            client.takeAll()
            #expect(!channel.isActive)
        }
    }

    /// A client that takes nothing has thirty seconds.
    @Test func anAnswerThatIsNotTakenIsGivenUp() throws {
        try withChannel([SlowClient()]) { channel in
            receive(["Transfer-Encoding": "chunked"], channel)
            answer(channel)
            channel.pipeline.fireChannelRead(HTTPServerRequestPart.end(nil))
            channel.embeddedEventLoop.advanceTime(by: .seconds(30))
            #expect(!channel.isActive)
        }
    }

    @Test func aShortBodyIsWaitedFor() throws {
        try withChannel { channel in
            receive(["Content-Length": "4"], channel)
            answer(channel)
            let connection = try heads(channel).map { $0.headers["Connection"] }
            #expect(connection == [[]])
            receiveBody(channel)
            channel.pipeline.fireChannelRead(HTTPServerRequestPart.end(nil))
            channel.embeddedEventLoop.advanceTime(by: .seconds(60))
            #expect(channel.isActive)
        }
    }
}
