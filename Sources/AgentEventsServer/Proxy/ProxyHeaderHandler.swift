package import NIOCore

/// Reads the header of the PROXY protocol at the beginning of a connection, before TLS. Leaves the pipeline after it.
package final class ProxyHeaderHandler: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer

    private var machine = ProxyHeaderStateMachine()
    private var timeout: Scheduled<Void>?
    private var hasBegun = false
    private let proxies: TrustedProxies
    private let address: ClientAddressHandler
    private let metrics: EntryMetrics
    private let time: TimeAmount

    /// - Parameters:
    ///   - address: Told the address of the client.
    ///   - time: The time that a proxy has for its header.
    package init(
        proxies: TrustedProxies, address: ClientAddressHandler, metrics: EntryMetrics, time: TimeAmount = .seconds(5)
    ) {
        self.time = time
        self.proxies = proxies
        self.address = address
        self.metrics = metrics
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    package func channelActive(context: ChannelHandlerContext) {
        // First: it may be closed at once.
        context.fireChannelActive()
        begin(context)
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard !hasBegun else { return }
        hasBegun = true
        timeout = context.eventLoop.assumeIsolated().scheduleTask(in: time) {
            self.act(on: self.machine.deadlinePassed(), context)
        }
        act(on: machine.begin(isTrusted: proxies.contains(context.channel.peerAddress)), context)
    }

    package func handlerRemoved(context: ChannelHandlerContext) { timeout?.cancel() }

    package func channelInactive(context: ChannelHandlerContext) {
        timeout?.cancel()
        context.fireChannelInactive()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A check of health that says nothing: nobody is there to be answered.
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var piece = unwrapInboundIn(data)
        switch machine.receive(piece.readableBytesView) {
        case .pass:
            context.fireChannelRead(data)
        case .accept(let header, let consumed):
            if case .client(let client) = header, !address.tell(client) { return context.close(promise: nil) }
            piece.moveReaderIndex(forwardBy: consumed)
            if piece.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(piece)) }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        case let action:
            act(on: action, context)
        }
    }

    private func act(on action: ProxyHeaderStateMachine.Action, _ context: ChannelHandlerContext) {
        switch action {
        case .wait, .ignore, .pass, .accept: break
        case .refuse:
            metrics.refusedProxyHeader()
            context.close(promise: nil)
        }
    }
}
