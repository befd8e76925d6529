import AgentEventsHub
import HTTPTypes
import NIOCore
import NIOHTTP1

/// Sets up an accepted connection: its first request makes it a WebSocket, or leaves it to HTTP, where each request may ask for a
/// stream of server-sent events.
///
/// A WebSocket lives on its event loop alone; no task is kept for it.
struct StreamPipeline<HTTP: Sendable>: Sendable {
    /// The outcome of the negotiation of a connection.
    enum Negotiated: Sendable {
        case http(HTTP)
        case webSocket
        /// It is one too many, and on its way out.
        case refused
    }

    let hub: AgentEventsHub
    /// The path of the WebSocket.
    let path: String
    /// Whether a declined upgrade is answered before the handlers of HTTP; they have a route for it otherwise.
    let answersRefusals: Bool
    let decoderLimits: NIOHTTPDecoderLimitConfiguration
    /// Tells where requests come from that proxies forward; `nil` when nobody is asked.
    var forwarding: Forwarding?
    /// The connection, for the limits of its address.
    let ticket: ConnectionTicket
    /// The WebSockets of other protocols.
    var foreignWebSockets: [ForeignWebSocket] = []
    /// Adds the handlers after those of HTTP/1.1; called when the connection is not a WebSocket.
    let addHTTPHandlers: @Sendable (any Channel) throws -> HTTP

    /// Called on the event loop of the channel.
    ///
    /// - Returns: what the first request has made of the connection.
    func configure(_ channel: any Channel) throws -> EventLoopFuture<Negotiated> {
        try setOptions(channel)
        let negotiated = channel.eventLoop.makePromise(of: Negotiated.self)
        try channel.pipeline.syncOperations.addHandler(FirstRequestHandler(self, negotiated))
        return negotiated.futureResult
    }

    /// An upgrade that needs nobody to be asked.
    struct ImmediateAdmission {
        let principal: Principal
        /// The value of `Sec-WebSocket-Protocol` in the answer; `nil` for none.
        let subprotocol: String?
        /// The header `Sec-WebSocket-Key`.
        let key: String
        /// The bytes of the head.
        let byteCount: Int
    }

    /// Decides about the first bytes of a connection.
    ///
    /// - Returns: `nil` when HTTP has to decide about them.
    func admitAtOnce(_ bytes: ByteBuffer) -> ImmediateAdmission? {
        // Where a proxy may tell the client of a request, there is more to be read in it.
        guard forwarding == nil, hub.readiness.phase != .stopping,
            let head = HandshakeHead(bytes, path: UpgradeFilter.path(path)), let key = head.request.key,
            case .accept(let subprotocol) = UpgradeDecision.decide(
                head.request, path: head.request.path, origins: hub.origins)
        else { return nil }
        let credentials = Credentials(
            authorization: head.authorization, subprotocols: head.request.subprotocols, path: head.request.path)
        guard let principal = ticket.admitAtOnce(credentials, by: hub.authenticator) else { return nil }
        return ImmediateAdmission(
            principal: principal, subprotocol: subprotocol, key: key, byteCount: head.byteCount)
    }

    /// Adds the handlers of HTTP, which decide about the first request.
    ///
    /// - Parameter waiting: leaves the pipeline when it is decided.
    /// - Returns: what the first request has made of the connection.
    func addHTTP(
        to channel: any Channel,
        _ waiting: FirstRequestHandler<HTTP>
    ) throws -> EventLoopFuture<Negotiated> {
        let failures = hub.requestFailures
        let filter = UpgradeFilter(
            authenticator: hub.authenticator, origins: hub.origins, readiness: hub.readiness, path: path,
            answersRefusals: answersRefusals, forwarding: forwarding, ticket: ticket,
            foreignWebSockets: foreignWebSockets,
            onAsked: { [hub] in hub.noteUse() },
            onRefused: { [hub] in hub.noteRefusedStream(.webSocket) })
        let times = RequestTimeHandler(HTTPLimits.times(headSeconds: hub.limits.handshakeSeconds))
        let parseErrors = ParseErrorHandler(origins: hub.origins) { failures.record($0) }
        let waitingBox = NIOLoopBound(waiting, eventLoop: channel.eventLoop)
        let upgrader = upgrader(
            waitingBox, NIOLoopBound(filter, eventLoop: channel.eventLoop),
            NIOLoopBound((times, parseErrors), eventLoop: channel.eventLoop))
        let addHTTPHandlers = addHTTPHandlers
        let (hub, path, forwarding, ticket, hasNoRoutes) = (hub, path, forwarding, ticket, answersRefusals)
        var configuration = NIOUpgradableHTTPServerPipelineConfiguration(
            upgradeConfiguration: NIOTypedHTTPServerUpgradeConfiguration(
                upgraders: [upgrader],
                notUpgradingCompletionHandler: { channel in
                    channel.eventLoop.makeCompletedFuture {
                        waitingBox.value.remove(from: channel)
                        try channel.pipeline.syncOperations.addHandler(
                            EventStreamHandler(
                                hub: hub, path: path, takesPreflights: hasNoRoutes, forwarding: forwarding,
                                ticket: ticket))
                        return .http(try addHTTPHandlers(channel))
                    }
                }
            )
        )
        // The next handler answers requests, one after the other; ours answers input that is not a request.
        configuration.enablePipelining = false
        configuration.enableErrorHandling = false
        // Nothing of a request stands in the head of an answer, and if it ever does, it cannot end a line there.
        configuration.enableResponseHeaderValidation = true
        configuration.decoderConfiguration = decoderLimits
        let negotiated = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
            configuration: configuration)
        let upgradeHandler = try channel.pipeline.syncOperations.handler(
            type: NIOTypedHTTPServerUpgradeHandler<Negotiated>.self)
        try channel.pipeline.syncOperations.addHandler(times, position: .before(upgradeHandler))
        try channel.pipeline.syncOperations.addHandler(parseErrors, position: .before(upgradeHandler))
        try channel.pipeline.syncOperations.addHandler(filter, position: .before(upgradeHandler))
        return negotiated
    }

    private func setOptions(_ channel: any Channel) throws {
        try channel.syncOptions?.setOption(
            .writeBufferWaterMark,
            value: .init(
                low: hub.limits.outboundWatermarkByteCount / 2, high: hub.limits.outboundWatermarkByteCount))
        try channel.syncOptions?.setOption(.recvAllocator, value: ReadBufferAllocator())
        switch channel.localAddress {
        case .v4, .v6:
            try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
            try channel.syncOptions?.setOption(
                .tcpOption(.maximumUnsentByteCount), value: hub.limits.unsentByteCount)
        case .unixDomainSocket, nil:
            break
        }
    }

    private func upgrader(
        _ waiting: NIOLoopBound<FirstRequestHandler<HTTP>>,
        _ filter: NIOLoopBound<UpgradeFilter>,
        _ requestHandlers: NIOLoopBound<(RequestTimeHandler, ParseErrorHandler)>
    ) -> StreamUpgrader<Negotiated> {
        let (hub, path, ticket) = (hub, path, ticket)
        return StreamUpgrader(
            shouldUpgrade: { channel, _ in
                guard filter.value.foreign == nil else {
                    return channel.eventLoop.makeSucceededFuture(HTTPHeaders())
                }
                let headers = filter.value.admission.map { admission in
                    admission.subprotocol.map { HTTPHeaders([("Sec-WebSocket-Protocol", $0)]) } ?? HTTPHeaders()
                }
                return channel.eventLoop.makeSucceededFuture(headers)
            },
            upgraded: { channel in
                let foreign = filter.value.foreign
                guard let admission = filter.value.admission ?? foreign.map({ _ in UpgradeFilter.Admission() }) else {
                    preconditionFailure("an upgraded connection was admitted")
                }
                waiting.value.remove(from: channel)
                channel.pipeline.syncOperations.removeHandler(requestHandlers.value.0, promise: nil)
                channel.pipeline.syncOperations.removeHandler(requestHandlers.value.1, promise: nil)
                // Where the client is was asked for the last time; its ticket knows.
                if let address = try? channel.pipeline.syncOperations.handler(type: ClientAddressHandler.self) {
                    channel.pipeline.syncOperations.removeHandler(address, promise: nil)
                }
                if let foreign {
                    try channel.pipeline.syncOperations.addHandler(
                        MessageWebSocketHandler(
                            maximumMessageByteCount: foreign.webSocket.maximumMessageByteCount,
                            closeTimeout: .milliseconds(hub.limits.closeMilliseconds), begin: foreign.begin))
                    return .webSocket
                }
                let handler: StreamHandler
                if let principal = admission.principal {
                    handler = StreamHandler(hub: hub, principal: principal)
                } else {
                    let bytes = UnauthenticatedBytesHandler()
                    try channel.pipeline.syncOperations.addHandler(bytes)
                    handler = StreamHandler(hub: hub, unknownAt: path, bytes, ticket)
                }
                try channel.pipeline.syncOperations.addHandler(handler)
                return .webSocket
            }
        )
    }
}

extension AgentEventsHub {
    /// The web pages that may use the hub.
    var origins: OriginPolicy {
        OriginPolicy(allowedOrigins: allowedOrigins, needsCredentials: authenticator.needsCredentials)
    }
}
