#if TLS
    import NIOCore
    import NIOTLS

    /// Counts a TLS handshake that fails, and lets nothing else of it pass: a client without TLS, or with a version that is too
    /// old, is not an error of the service. Leaves once the handshake has succeeded.
    final class HandshakeWatch: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = ByteBuffer

        private let metrics: EntryMetrics

        init(metrics: EntryMetrics) { self.metrics = metrics }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            context.fireUserInboundEventTriggered(event)
            if case .handshakeCompleted? = event as? TLSUserEvent {
                context.pipeline.syncOperations.removeHandler(self, promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            metrics.failedHandshake()
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
            context.close(promise: nil)
        }
    }
#endif
