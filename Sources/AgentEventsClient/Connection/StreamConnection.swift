public import AgentEvents
internal import AgentEventsProtocol
internal import NIOCore
internal import NIOWebSocket

/// An open connection, inside of ``StreamClient/withConnection(_:)``.
///
/// Pings of the service are answered by themselves. ``messages`` holds what arrived; while nobody reads, nothing more is
/// taken off the network than a few messages.
public struct StreamConnection: Sendable {
    /// The service's messages, events and others, in order. To be iterated over once.
    public let messages: StreamMessages
    private let wayOut: WayOut

    private enum WayOut: Sendable {
        case channel(ChannelOutlet)
        case link(any StreamLink)
    }

    /// - Parameter link: a connection that is open.
    public init(_ link: any StreamLink) {
        messages = StreamMessages(source: .link(link))
        wayOut = .link(link)
    }

    init(
        inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
        outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>,
        channel: any Channel
    ) {
        messages = StreamMessages(source: .channel(inbound))
        wayOut = .channel(ChannelOutlet(outbound: outbound, channel: channel))
    }

    /// Sends a message, such as `{"op":"subscribe",…}`; suspends while the network is busy.
    ///
    /// - Throws: ``AgentEventsClientError`` when the connection has ended.
    public func send(_ message: JSONValue) async throws(AgentEventsClientError) {
        try await send(bytes: message.encoded())
    }

    /// Sends a message.
    ///
    /// - Throws: `WireError` for a draft that no event can come of, ``AgentEventsClientError`` when the connection has ended.
    func send(_ message: ClientMessage) async throws { try await send(bytes: try message.encoded()) }

    /// Sends a message that is encoded already.
    func send(bytes: [UInt8]) async throws(AgentEventsClientError) {
        switch wayOut {
        case .channel(let outlet): try await outlet.write(.text, ByteBuffer(bytes: bytes))
        case .link(let link): try await link.send(bytes)
        }
    }

    /// Asks for the welcome of a service that may want a token which the client does not have: such a service takes nothing
    /// before the token, and says so at once, where it would wait for one otherwise. All others answer as to any ping. Only a WebSocket
    /// has pings.
    func askForWelcome() async {
        // A connection that has ended tells its reader why.
        if case .channel(let outlet) = wayOut { try? await outlet.write(.ping, ByteBuffer()) }
    }

    /// Says how long nothing may be heard before the connection ends with `client.silent`; a day at most.
    func limitSilence(to time: Duration) {
        let time = min(max(.zero, time), .seconds(24 * 3600))
        switch wayOut {
        case .channel(let outlet): outlet.limitSilence(to: time)
        case .link(let link): link.limitSilence(to: time)
        }
    }

    /// Says goodbye. An end of the connection before that is not of interest any longer.
    func close() async {
        switch wayOut {
        case .channel(let outlet): await outlet.close()
        case .link(let link): await link.close()
        }
    }
}

/// The way out of a WebSocket.
private struct ChannelOutlet: Sendable {
    let outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>
    let channel: any Channel

    func limitSilence(to time: Duration) {
        let limit = SilenceWatchdog.Limit(duration: TimeAmount(time))
        channel.triggerUserOutboundEvent(limit, promise: nil)
    }

    func close() async {
        var payload = ByteBuffer()
        payload.write(webSocketErrorCode: .normalClosure)
        try? await write(.connectionClose, payload)
    }

    func write(_ opcode: WebSocketOpcode, _ payload: ByteBuffer) async throws(AgentEventsClientError) {
        do {
            try await outbound.write(WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: payload))
        } catch {
            throw AgentEventsClientError(
                .closed, "the connection ended before the message was sent", closeCode: 1006, cause: error)
        }
    }
}
