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
    private let outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>
    private let channel: any Channel

    init(
        inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
        outbound: NIOAsyncChannelOutboundWriter<WebSocketFrame>,
        channel: any Channel
    ) {
        messages = StreamMessages(inbound: inbound)
        self.outbound = outbound
        self.channel = channel
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
        try await write(.text, ByteBuffer(bytes: bytes))
    }

    /// Says how long nothing may be heard before the connection ends with `client.silent`; a day at most.
    func limitSilence(toSeconds seconds: Double) {
        let seconds = min(max(0, seconds), 24 * 3600)
        let limit = SilenceWatchdog.Limit(duration: .nanoseconds(Int64(seconds * 1e9)))
        channel.triggerUserOutboundEvent(limit, promise: nil)
    }

    /// Says goodbye. An end of the connection before that is not of interest any more.
    func close() async {
        var payload = ByteBuffer()
        payload.write(webSocketErrorCode: .normalClosure)
        try? await write(.connectionClose, payload)
    }

    private func write(_ opcode: WebSocketOpcode, _ payload: ByteBuffer) async throws(AgentEventsClientError) {
        do {
            try await outbound.write(WebSocketFrame(fin: true, opcode: opcode, maskKey: .random(), data: payload))
        } catch {
            throw AgentEventsClientError(
                .closed, "the connection ended before the message was sent", closeCode: 1006, cause: error)
        }
    }
}
