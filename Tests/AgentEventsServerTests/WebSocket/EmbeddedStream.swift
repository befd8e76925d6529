import AgentEvents
import Logging
import MetricsTestKit
import NIOCore
import NIOEmbedded
import NIOWebSocket

@testable import AgentEventsHub
@testable import AgentEventsServer

/// A connection after its upgrade on an event loop whose time the test turns.
final class EmbeddedStream {
    private let channel: EmbeddedChannel
    private let loop: EmbeddedEventLoop
    private let hub: AgentEventsHub
    private let factory = TestMetrics()
    private let socketEnd = SocketEnd()
    /// Further connections on the loop.
    private var others: [EmbeddedChannel] = []

    init(limits: StreamLimits) throws {
        loop = EmbeddedEventLoop()
        channel = EmbeddedChannel(loop: loop)
        hub = AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog()), agents: [], authorizer: OwnershipAuthorizer(),
            authenticator: NoAuthentication(), configuration: HubConfiguration(), limits: limits, metrics: factory,
            logger: Logger(label: "test"), onUnresponsiveAgents: { _ in })
        try channel.pipeline.syncOperations.addHandler(socketEnd)
        try channel.pipeline.syncOperations.addHandler(handler())
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    private func handler() -> StreamHandler {
        StreamHandler(hub: hub, principal: Principal(user: "u_1", scopes: [.read, .emit], actsAs: .everybody))
    }

    /// A frame as clients send it.
    static func frame(_ opcode: WebSocketOpcode, isFinal: Bool = true, _ text: String = "") -> ByteBuffer {
        let (mask, payload) = ([1, 2, 3, 4] as [UInt8], Array(text.utf8))
        var bytes = ByteBuffer()
        bytes.writeInteger((isFinal ? 0x80 : 0) | UInt8(webSocketOpcode: opcode))
        if payload.count < 126 {
            bytes.writeInteger(0x80 | UInt8(payload.count))
        } else {
            bytes.writeBytes([0xfe])
            bytes.writeInteger(UInt16(payload.count))
        }
        bytes.writeBytes(mask)
        bytes.writeBytes(payload.enumerated().map { $1 ^ mask[$0 % 4] })
        return bytes
    }

    private var delivery: StreamDelivery { hub.services.delivery }

    /// Lets another connection follow a thread.
    func listen(to thread: ThreadID) throws {
        let other = EmbeddedChannel(loop: loop)
        try other.pipeline.syncOperations.addHandler(handler())
        try other.writeInbound(Self.frame(.text, #"{"op":"subscribe","thread_id":"\#(thread)"}"#))
        others.append(other)
    }

    /// That connection is gone. The loop does not run.
    func stopListening() { others.last?.pipeline.fireChannelInactive() }

    /// What was counted under a name.
    func counted(_ name: String) throws -> Int64 { try factory.expectCounter(name).totalValue }

    /// What a meter shows.
    func measured(_ name: String, _ dimensions: [(String, String)] = []) throws -> Double? {
        try factory.expectMeter(name, dimensions).lastValue
    }

    /// What was counted under a name and labels.
    func counted(_ name: String, _ dimensions: [(String, String)]) throws -> Int64 {
        try factory.expectCounter(name, dimensions).totalValue
    }

    var isOpen: Bool { channel.isActive }

    /// Asks for more bytes of the client.
    ///
    /// - Returns: whether they are read.
    func reads() -> Bool {
        let before = socketEnd.readCount
        channel.read()
        return socketEnd.readCount > before
    }

    /// How often bytes of the client were asked for.
    var readCount: Int { socketEnd.readCount }

    /// Whether the client takes what it is sent.
    func setWritable(_ isWritable: Bool) {
        channel.isWritable = isWritable
        channel.pipeline.fireChannelWritabilityChanged()
    }

    func advance(seconds: Double) { loop.advanceTime(by: .nanoseconds(Int64(seconds * 1_000_000_000))) }

    func receive(_ opcode: WebSocketOpcode, _ text: String = "") throws {
        try channel.writeInbound(Self.frame(opcode, text))
    }

    /// A fragment of a text message that is not the last one.
    func receiveFragment(isFirst: Bool, _ text: String = "") throws {
        try channel.writeInbound(Self.frame(isFirst ? .text : .continuation, isFinal: false, text))
    }

    func receive(_ bytes: ByteBuffer) {
        channel.pipeline.fireChannelRead(bytes)
        channel.pipeline.fireChannelReadComplete()
    }

    /// Nothing further comes: the connection is gone, or its client has closed its half.
    func end(isHalfClosed: Bool) {
        if isHalfClosed {
            channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        } else {
            channel.pipeline.fireChannelInactive()
        }
    }

    /// What was sent since the last call, in words: the op of a message, `(ping)`, `(pong)` or `(close 4408)`.
    func sent() throws -> [String] {
        var words: [String] = []
        while var bytes = try channel.readOutbound(as: ByteBuffer.self) {
            guard let opcode = bytes.readInteger(as: UInt8.self), let length = bytes.readInteger(as: UInt8.self) else {
                continue
            }
            if length == 126 { bytes.moveReaderIndex(forwardBy: 2) }
            switch opcode {
            case 0x88: words.append("(close \(bytes.readInteger(as: UInt16.self) ?? 0))")
            case 0x89: words.append("(ping)")
            case 0x8A: words.append("(pong)")
            default:
                let json = try JSONValue(parsing: Array(bytes.readableBytesView))
                words.append(json["op"]?.stringValue ?? "an event")
            }
        }
        return words
    }

    /// Tells the loop of a commit; it looks at it when it runs.
    func didCommit(_ commit: LogCommit, upTo position: UInt64) { delivery.didCommit(commit, upTo: position) }

    func run() { loop.run() }

    /// The last event that the loop has seen of a thread; 0 for none.
    func head(of thread: ThreadID) -> UInt64 {
        let feed = ThreadFeed(thread: thread, framing: delivery.number(of: .webSocket))
        return delivery.loop(of: loop).state.knownThread(feed)?.head ?? 0
    }

    func drain() {
        delivery.drain(maximumMilliseconds: 1000)
        loop.run()
    }

    func closeSessions(waitsForAnswers: Bool = true) {
        delivery.closeSessions(waitsForAnswers: waitsForAnswers)
        loop.run()
    }

    /// Nothing further is carried out.
    func finishEmitters() { hub.services.emitters.finish() }

    func finish() {
        for channel in others + [channel] { _ = try? channel.finish(acceptAlreadyClosed: true) }
    }
}

/// What a socket adds to an embedded channel: it counts the reads, and takes no bytes once it is closed.
private final class SocketEnd: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private(set) var readCount = 0
    private var isClosed = false

    func read(context: ChannelHandlerContext) {
        readCount += 1
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isClosed else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        context.write(data, promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        isClosed = true
        context.close(mode: mode, promise: promise)
    }
}
