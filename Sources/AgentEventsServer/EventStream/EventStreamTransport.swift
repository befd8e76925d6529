import AgentEventsHub
import AgentEventsProtocol
import NIOCore
import NIOHTTP1

/// A stream of server-sent events as the way from a session to its client: the body of an answer that does not end. Confined to
/// its event loop.
final class EventStreamTransport: OneWayTransport {
    let framing = StreamFraming.serverSentEvents
    /// Whether less than the outbound watermark waits to be taken, as the channel has told.
    private(set) var isWritable: Bool
    /// Whether a call of the session is under way: what the channel tells meanwhile, the session is told later.
    private(set) var isBusy = false
    /// `nil` when the channel is gone.
    private var context: ChannelHandlerContext?
    private var isClosing = false
    private let closeTimeout: TimeAmount

    /// - Parameter closeTimeout: how long the client may take what was written when the stream ends.
    init(_ context: ChannelHandlerContext, closeTimeout: TimeAmount) {
        self.context = context
        self.closeTimeout = closeTimeout
        isWritable = context.channel.isWritable
    }

    // MARK: For the handler

    func writabilityChanged(_ isWritable: Bool) { self.isWritable = isWritable }

    /// The channel is gone.
    func end() {
        context = nil
        isWritable = false
    }

    // MARK: For the session

    var pendingByteCount: Int { context?.channel.bufferedByteCount ?? 0 }

    func write(_ messages: ByteBuffer) {
        guard let context, !isClosing else { return }
        isBusy = true
        defer { isBusy = false }
        context.write(NIOAny(HTTPServerResponsePart.body(.byteBuffer(messages))), promise: nil)
    }

    func flush() {
        isBusy = true
        defer { isBusy = false }
        context?.flush()
    }

    func ping() -> Int { send(EventStreamBytes.ping) }

    func announceReturn(afterMilliseconds milliseconds: Int64) -> Int {
        send(EventStreamBytes.comeBack(afterMilliseconds: milliseconds))
    }

    private func send(_ bytes: ByteBuffer) -> Int {
        write(bytes)
        return bytes.readableBytes
    }

    /// The client can say nothing.
    func setReading(_ isEnabled: Bool) {}

    func close(_ code: StreamCloseCode, reason: String) {
        guard let context, !isClosing else { return }
        write(EventStreamBytes.end(code, reason: reason))
        isClosing = true
        isBusy = true
        defer { isBusy = false }
        let channel = context.channel
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(NIOAny(HTTPServerResponsePart.end(nil)), promise: written)
        // A client that takes nothing is not waited for.
        context.eventLoop.assumeIsolated().scheduleTask(in: closeTimeout) {
            if self.context != nil { channel.closeForcibly() }
        }
    }
}
