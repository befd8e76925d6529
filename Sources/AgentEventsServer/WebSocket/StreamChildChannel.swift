import AgentEventsHub
import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// A connection of a Hummingbird server: its first request makes it a WebSocket of the hub, or leaves it to the application.
struct StreamChildChannel: ServerChildChannel {
    typealias HTTPChannel = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

    struct Value: ServerChildChannelValue {
        let channel: any Channel
        let negotiated: EventLoopFuture<StreamPipeline<HTTPChannel>.Negotiated>
        let ticket: ConnectionTicket
    }

    let http: HTTP1Channel
    let hub: AgentEventsHub
    let path: String
    let entry: ConnectionEntry
    /// Admits the connections; `nil` when all are admitted.
    let admissions: ConnectionAdmissions?
    /// The WebSockets of other protocols.
    var foreignWebSockets: [ForeignWebSocket] = []

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture { try setUp(channel, logger) }
    }

    /// Sets a new connection up. Called on its event loop.
    func setUp(_ channel: any Channel, _ logger: Logger) throws -> Value {
        switch admissions?.admit(channel, isProxied: entry.isProxied(channel)) {
        case nil:
            return try setUp(channel, ConnectionTicket(channel, usage: hub.usage), logger)
        case .admitted(let ticket):
            return try setUp(channel, ticket, logger)
        case .refused(let answer):
            try entry.addHandlers(to: channel)
            try channel.pipeline.syncOperations.addHandler(
                RefusedConnectionHandler(answer.bytes, lifetime: .seconds(hub.limits.handshakeSeconds)))
        case .dropped:
            channel.close(promise: nil)
        case .gone:
            hub.requestFailures.record(.gone)
            channel.close(promise: nil)
        }
        return Value(
            channel: channel, negotiated: channel.eventLoop.makeSucceededFuture(.refused),
            ticket: ConnectionTicket(channel, usage: hub.usage))
    }

    private func setUp(_ channel: any Channel, _ ticket: ConnectionTicket, _ logger: Logger) throws -> Value {
        try entry.addHandlers(to: channel) { ticket.begin(from: $0, on: channel) == nil }
        let pipeline = StreamPipeline(
            hub: hub, path: path, answersRefusals: false, decoderLimits: decoderLimits, forwarding: entry.forwarding,
            ticket: ticket, foreignWebSockets: foreignWebSockets
        ) { channel in
            try addHTTPHandlers(to: channel, ticket, logger: logger)
        }
        return Value(channel: channel, negotiated: try pipeline.configure(channel), ticket: ticket)
    }

    private var decoderLimits: NIOHTTPDecoderLimitConfiguration {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = http.configuration.httpDecoder.maxHeaderFieldSize
        limits.maxHeaderListSize = http.configuration.httpDecoder.maxHeaderListSize
        limits.maxHeaderFieldCount = http.configuration.httpDecoder.maxHeaderFieldCount
        return limits
    }

    private func addHTTPHandlers(
        to channel: any Channel,
        _ ticket: ConnectionTicket,
        logger: Logger
    ) throws -> HTTPChannel {
        try channel.pipeline.syncOperations.addHandler(RequestBodyHandler())
        try channel.pipeline.syncOperations.addHandler(HTTP1ToHTTPServerCodec(secure: entry.isSecure))
        if let forwarding = entry.forwarding {
            try channel.pipeline.syncOperations.addHandler(ForwardingHandler(forwarding, ticket))
        }
        try channel.pipeline.syncOperations.addHandlers(http.configuration.additionalChannelHandlers())
        try channel.pipeline.syncOperations.addHandler(
            HTTPConnectionStateHandler(
                idleTimeout: http.configuration.idleTimeout.map { .nanoseconds($0.nanoseconds) }, logger: logger))
        return try HTTPChannel(
            wrappingChannelSynchronously: channel, configuration: .init(isOutboundHalfClosureEnabled: true))
    }

    func handle(value: Value, logger: Logger) async {
        do {
            switch try await value.negotiated.get() {
            case .http(let channel):
                await ConnectionTicket.$current.withValue(value.ticket) {
                    await http.handleHTTP(asyncChannel: channel, logger: logger)
                }
            case .webSocket, .refused: break
            }
        } catch {
            lost(value.channel, error, logger)
        }
    }

    /// A connection has ended without a request.
    func lost(_ channel: any Channel, _ error: any Error, _ logger: Logger) {
        logger.debug("no request", metadata: ["error.message": "\(error)"])
        // Gone already in most cases; closing again does nothing.
        channel.close(promise: nil)
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
