import NIOCore
import NIOHTTP1
import NIOWebSocket

/// The WebSocket upgrade, without an encoder in the pipeline: sessions write finished frames.
struct StreamUpgrader<UpgradeResult: Sendable>: NIOTypedHTTPServerProtocolUpgrader {
    private let handshake: NIOTypedWebSocketServerUpgrader<Void>
    private let maximumFrameByteCount: Int
    private let upgraded: @Sendable (any Channel, PacedBytesHandler) throws -> UpgradeResult

    /// - Parameters:
    ///   - shouldUpgrade: the headers of the answer, or `nil` to leave the request to HTTP.
    ///   - upgraded: adds the handlers after the frame decoder. Called on the event loop.
    init(
        maximumFrameByteCount: Int,
        shouldUpgrade: @escaping @Sendable (any Channel, HTTPRequestHead) -> EventLoopFuture<HTTPHeaders?>,
        upgraded: @escaping @Sendable (any Channel, PacedBytesHandler) throws -> UpgradeResult
    ) {
        self.maximumFrameByteCount = maximumFrameByteCount
        self.upgraded = upgraded
        handshake = NIOTypedWebSocketServerUpgrader(
            shouldUpgrade: shouldUpgrade,
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
        )
    }

    var supportedProtocol: String { handshake.supportedProtocol }
    var requiredUpgradeHeaders: [String] { handshake.requiredUpgradeHeaders }

    func buildUpgradeResponse(
        channel: any Channel,
        upgradeRequest: HTTPRequestHead,
        initialResponseHeaders: HTTPHeaders
    ) -> EventLoopFuture<HTTPHeaders> {
        handshake.buildUpgradeResponse(
            channel: channel, upgradeRequest: upgradeRequest, initialResponseHeaders: initialResponseHeaders)
    }

    func upgrade(channel: any Channel, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<UpgradeResult> {
        channel.eventLoop.makeCompletedFuture {
            let bytes = PacedBytesHandler()
            try channel.pipeline.syncOperations.addHandler(bytes)
            try channel.pipeline.syncOperations.addHandler(
                ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: maximumFrameByteCount)))
            return try upgraded(channel, bytes)
        }
    }
}
