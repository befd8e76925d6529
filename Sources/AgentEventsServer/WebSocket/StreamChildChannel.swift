import AgentEvents
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOExtras
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// A connection to the service: its first request makes it a WebSocket, or leaves it to HTTP.
///
/// A WebSocket lives on its event loop alone; no task is kept for it.
struct StreamChildChannel: ServerChildChannel {
    typealias HTTPChannel = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    enum Negotiated: Sendable {
        case http(HTTPChannel)
        case webSocket
    }

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let negotiated: EventLoopFuture<Negotiated>
    }

    let http: HTTP1Channel
    let services: StreamServices
    let authenticator: any Authenticator
    let origins: OriginPolicy
    let readiness: Readiness

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.syncOptions?.setOption(
                .writeBufferWaterMark,
                value: .init(
                    low: services.limits.outboundWatermarkByteCount / 2,
                    high: services.limits.outboundWatermarkByteCount))
            try channel.syncOptions?.setOption(.tcpOption(.tcp_nodelay), value: 1)
            try channel.syncOptions?.setOption(
                .tcpOption(.maximumUnsentByteCount), value: services.limits.unsentByteCount)
            // Kept for as long as the connection is there, and larger when it has more to say.
            try channel.syncOptions?.setOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 512, maximum: 65_536))
            let waiting = FirstRequestHandler(deadline: .seconds(services.limits.handshakeSeconds))
            try channel.pipeline.syncOperations.addHandler(waiting)
            let filter = UpgradeFilter(authenticator: authenticator, origins: origins, readiness: readiness)
            let parseErrors = ParseErrorHandler(origins: origins)
            let parseErrorsBox = NIOLoopBound(parseErrors, eventLoop: channel.eventLoop)
            let waitingBox = NIOLoopBound(waiting, eventLoop: channel.eventLoop)
            var configuration = NIOUpgradableHTTPServerPipelineConfiguration(
                upgradeConfiguration: NIOTypedHTTPServerUpgradeConfiguration(
                    upgraders: [
                        upgrader(waitingBox, NIOLoopBound(filter, eventLoop: channel.eventLoop), parseErrorsBox)
                    ],
                    notUpgradingCompletionHandler: { channel in
                        channel.eventLoop.makeCompletedFuture {
                            waitingBox.value.remove(from: channel)
                            return .http(try addHTTPHandlers(to: channel, logger: logger))
                        }
                    }
                )
            )
            // Requests are answered one after the other by the handler behind; what is no request by ours.
            configuration.enablePipelining = false
            configuration.enableErrorHandling = false
            configuration.enableResponseHeaderValidation = false
            configuration.decoderConfiguration = HTTPLimits.decoder
            let negotiated = try channel.pipeline.syncOperations.configureUpgradableHTTPServerPipeline(
                configuration: configuration)
            let upgradeHandler = try channel.pipeline.syncOperations.handler(
                type: NIOTypedHTTPServerUpgradeHandler<Negotiated>.self)
            try channel.pipeline.syncOperations.addHandler(parseErrors, position: .before(upgradeHandler))
            try channel.pipeline.syncOperations.addHandler(filter, position: .before(upgradeHandler))
            return Value(channel: channel, negotiated: negotiated)
        }
    }

    private func upgrader(
        _ waiting: NIOLoopBound<FirstRequestHandler>,
        _ filter: NIOLoopBound<UpgradeFilter>,
        _ parseErrors: NIOLoopBound<ParseErrorHandler>
    ) -> StreamUpgrader<Negotiated> {
        StreamUpgrader(
            maximumFrameByteCount: services.limits.maximumMessageByteCount,
            shouldUpgrade: { channel, _ in
                let headers = filter.value.admission.map { admission in
                    admission.subprotocol.map { HTTPHeaders([("Sec-WebSocket-Protocol", $0)]) } ?? HTTPHeaders()
                }
                return channel.eventLoop.makeSucceededFuture(headers)
            },
            upgraded: { channel in
                guard let principal = filter.value.admission?.principal,
                    let loop = services.delivery.handle(of: channel.eventLoop)
                else { preconditionFailure("an upgraded connection has a principal and one of the service's loops") }
                waiting.value.remove(from: channel)
                channel.pipeline.syncOperations.removeHandler(parseErrors.value, promise: nil)
                try channel.pipeline.syncOperations.addHandler(
                    StreamHandler(principal: principal, services: services, loop: loop))
                return .webSocket
            }
        )
    }

    private func addHTTPHandlers(to channel: any Channel, logger: Logger) throws -> HTTPChannel {
        try channel.pipeline.syncOperations.addHandler(RequestBodyHandler())
        try channel.pipeline.syncOperations.addHandler(HTTP1ToHTTPServerCodec(secure: false))
        try channel.pipeline.syncOperations.addHandler(
            HTTPConnectionStateHandler(idleTimeout: .seconds(60), logger: logger))
        return try HTTPChannel(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.negotiated.get() {
            case .http(let channel): await http.handleHTTP(asyncChannel: channel, logger: logger)
            case .webSocket: break
            }
        } catch {
            logger.debug("no request", metadata: ["error.message": "\(error)"])
            // Gone already in most cases; closing again does nothing.
            value.channel.close(promise: nil)
        }
    }
}

extension UpgradeRequest {
    /// The fields of a head that decide about an upgrade.
    init(_ head: HTTPRequestHead) {
        self.init(
            method: head.method.rawValue,
            path: String(head.uri.prefix { $0 != "?" }),
            query: head.uri.firstIndex(of: "?").map { String(head.uri[$0...].dropFirst()) },
            version: head.headers.first(name: "sec-websocket-version"),
            key: head.headers.first(name: "sec-websocket-key"),
            subprotocols: UpgradeRequest.names(in: head.headers["sec-websocket-protocol"]),
            origin: head.headers.first(name: "origin"),
            host: head.headers.first(name: "host")
        )
    }
}
