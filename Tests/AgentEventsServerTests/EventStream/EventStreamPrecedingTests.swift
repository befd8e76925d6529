import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Synchronization
import Testing

@testable import AgentEventsServer

/// What becomes of the answers to the requests that come before one for a stream, and of the last answer of a connection that is
/// no stream.
@Suite(.timeLimit(.minutes(10)))
struct EventStreamPrecedingTests {
    private static let ask =
        "GET \(EventStreamTests.path) HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"

    // MARK: Clients that read slowly

    @Test(arguments: [false, true])
    func theLastAnswerIsTakenBeforeTheConnectionEnds(isStopping: Bool) async throws {
        try await EventStreamStage.with { stage in
            if isStopping { stage.hub.readiness.stop() }
            let ends = try await stage.connect()
            let kernel = try await FullKernel.add(to: ends)
            try await ends.ask(query: "?after=x")
            try await ends.wait { kernel.endCount == 1 }
            // The client says nothing further, and waits for the answer.
            try await ends.fire(ChannelEvent.inputClosed)
            await stage.loop.run()
            try #require(ends.channel.isActive)
            kernel.makeRoom()
            ends.channel.flush()
            #expect(try await ends.head().status.code == (isStopping ? 200 : 400))
            let body = try await ends.rest()
            #expect(!body.isEmpty)
            try await ends.wait { !ends.channel.isActive }
        }
    }

    @Test func aClientThatDoesNotTakeTheLastAnswerIsNotWaitedForLong() async throws {
        try await EventStreamStage.with { stage in
            let ends = try await stage.connect()
            let kernel = try await FullKernel.add(to: ends)
            try await ends.ask(query: "?after=x")
            try await ends.wait { kernel.endCount == 1 }
            await stage.loop.advanceTime(by: .seconds(29))
            #expect(ends.channel.isActive)
            await stage.loop.advanceTime(by: .seconds(1))
            #expect(!ends.channel.isActive)
        }
    }

    /// The page is still on its way when the stream after it is refused.
    @Test func aPageBeforeARefusalIsWhole() async throws {
        let authenticator = CountingAuthenticator()
        try await withRunningService(authenticator: authenticator) { service in
            // About 3 MB: more than the kernel keeps for a connection.
            let value = JSONValue.string(String(repeating: "x", count: 3000))
            for _ in 0..<10 { try await EventStreamTests.emit(100, service, value: value) }
            let page = "GET \(EventStreamTests.path)?limit=1000 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
            let text = try await RawExchange.run(
                port: service.client.port, page + Self.ask + "Last-Event-ID: x\r\n\r\n", receiveBufferByteCount: 65_536,
                beforeReading: {
                    await authenticator.waitForSecond()
                    for _ in 0..<10 { _ = try await service.client.get("/health") }
                })
            let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
            let length = try #require(
                parts[0].lowercased().firstMatch(of: /content-length: ([0-9]+)/).flatMap { Int($0.output.1) })
            #expect(length > 3_000_000)
            #expect(parts[1].utf8.count > length)
            #expect(parts[1].utf8.dropFirst(length).starts(with: "HTTP/1.1 400 Bad Request\r\n".utf8))
        }
    }

    // MARK: Clients that send nothing further

    /// The handlers of HTTP are told, and answer; the stream would be taken by nobody.
    @Test func aClientThatHalfClosesLeavesTheAnswersBeforeItsStreamToTheOthers() async throws {
        try await EventStreamStage.with { stage in
            let ends = try await stage.connect()
            let http = try await HTTPHandlers.add(to: ends)
            try await ends.ask(accept: "application/json")
            try await ends.ask()
            try await ends.fire(ChannelEvent.inputClosed)
            await stage.loop.run()
            #expect(http.endOfInputCount == 1)
            try #require(ends.channel.isActive)
            let head = HTTPResponseHead(version: .http1_1, status: .accepted)
            for part in [HTTPServerResponsePart.head(head), .end(nil)] {
                ends.channel.write(part, promise: nil)
            }
            ends.channel.flush()
            #expect(try await ends.head().status == .accepted)
            guard case .end = try await ends.next() else {
                Issue.record("no end")
                return
            }
            await stage.loop.run()
            #expect(try await ends.written() == "")
            #expect(ends.channel.isActive)
            #expect(stage.hub.streamCount == 0)
        }
    }

    @Test func aClientThatHalfClosesIsToldWhatBecameOfItsEvent() async throws {
        let log = HeldLog()
        try await withRunningService(log: log) { service in
            log.holdAppends()
            let body = #"{"type":"custom","data":{"name":"n","value":1}}"#
            let emission =
                "POST \(EventStreamTests.path) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
            let text = try await RawExchange.run(
                port: service.client.port, emission + body + Self.ask + "\r\n", endsSending: true,
                beforeReading: {
                    await log.waitForAppend()
                    for _ in 0..<10 { _ = try await service.client.get("/health") }
                    log.letAppendsGo()
                })
            #expect(text.hasPrefix("HTTP/1.1 201 Created\r\n"))
            #expect(!text.contains("text/event-stream"))
        }
    }
}

/// Takes nothing of what is written until the test says so, as the kernel does for a client that does not read.
private final class FullKernel: ChannelOutboundHandler, Sendable {
    typealias OutboundIn = HTTPServerResponsePart

    private struct State {
        var isFull = true
        var endCount = 0
    }

    private let state = Mutex(State())

    static func add(to ends: EventStreamEnds) async throws -> FullKernel {
        let kernel = FullKernel()
        try await ends.channel.pipeline.addHandler(kernel, position: .first)
        return kernel
    }

    /// The number of answers that have ended.
    var endCount: Int { state.withLock { $0.endCount } }

    func makeRoom() { state.withLock { $0.isFull = false } }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { state.withLock { $0.endCount += 1 } }
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        guard !state.withLock({ $0.isFull }) else { return }
        context.flush()
    }
}

/// The handlers of HTTP: they answer when the test does.
private final class HTTPHandlers: ChannelInboundHandler, Sendable {
    typealias InboundIn = HTTPServerRequestPart

    private let ends = Atomic<Int>(0)

    /// How often they were told that nothing further comes.
    var endOfInputCount: Int { ends.load(ordering: .sequentiallyConsistent) }

    static func add(to ends: EventStreamEnds) async throws -> HTTPHandlers {
        let handlers = HTTPHandlers()
        try await ends.channel.pipeline.addHandler(handlers, position: .last)
        return handlers
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { ends.add(1, ordering: .sequentiallyConsistent) }
    }
}

/// Lets everybody in, and tells when somebody comes a second time.
private final class CountingAuthenticator: Authenticator {
    let needsCredentials = false
    private let count = Atomic<Int>(0)
    private let seconds: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (seconds, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1)) }

    func waitForSecond() async { for await _ in seconds {} }

    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        if count.add(1, ordering: .sequentiallyConsistent).newValue == 2 { continuation.finish() }
        return try await NoAuthentication().authenticate(credentials)
    }
}
