public import AgentEventsHub
public import NIOCore
import NIOHTTP1

extension AgentEventsHub {
    /// Sets up a connection that a server of SwiftNIO has accepted: its first request makes it a WebSocket of the hub, or
    /// leaves it to HTTP/1.1. An upgrade at the hub's path that is declined is answered with the reason. Called in the initializer
    /// of the channel.
    ///
    /// The handlers of HTTP are added when the first request comes: what an application adds belongs into `http`, and nothing is
    /// added to the pipeline after this call.
    ///
    /// ```swift
    /// ServerBootstrap(group: group).childChannelInitializer { channel in
    ///     channel.eventLoop.makeCompletedFuture {
    ///         try hub.configure(channel) { try $0.pipeline.syncOperations.addHandler(PageHandler()) }
    ///     }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - path: the path of the WebSocket.
    ///   - http: adds the handlers of a connection that is not a WebSocket: they get the parts of requests
    ///     (`HTTPServerRequestPart`), and write those of responses. Called on the event loop.
    public func configure(
        _ channel: any Channel,
        path: String = "/v1/stream",
        http: @escaping @Sendable (any Channel) throws -> Void
    ) throws {
        try checkOrigins()
        let pipeline = StreamPipeline(
            hub: self, path: path, answersRefusals: true, decoderLimits: HTTPLimits.decoder,
            ticket: ConnectionTicket(channel, usage: usage), addHTTPHandlers: http)
        try pipeline.configure(channel).whenFailure { _ in
            // Without a request, or with one that is none. Gone already in most cases; closing again does nothing.
            channel.close(promise: nil)
        }
    }

    /// Begins a session over a WebSocket that is open, after an upgrade that the application has made itself: without a
    /// codec of frames and without an aggregator in the pipeline. Called on the event loop of the channel.
    ///
    /// - Parameter principal: the user of the connection, and what they may do.
    public func adoptWebSocket(_ channel: any Channel, as principal: Principal) throws {
        try channel.pipeline.syncOperations.addHandler(StreamHandler(hub: self, principal: principal))
    }
}
