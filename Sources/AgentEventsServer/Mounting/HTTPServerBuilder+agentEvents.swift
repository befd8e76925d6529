public import AgentEventsHub
public import HummingbirdCore
import NIOCore

extension HTTPServerBuilder {
    /// An HTTP/1.1 server on which a hub's WebSockets are opened, beside the routes of the application and on its event loops.
    ///
    /// - Parameters:
    ///   - configuration: how HTTP is served, as for `http1(configuration:)`.
    ///   - hub: gets the WebSockets. It is run beside the application: `application.addServices(hub)`.
    ///   - path: the path of the WebSocket: that of the group to which `addAgentEvents(_:)` has
    ///     added the hub, and `/stream`; with or without a slash in front, as there.
    public static func http1(
        configuration: HTTP1Channel.Configuration = .init(),
        agentEvents hub: AgentEventsHub,
        path: String = "/v1/stream"
    ) -> HTTPServerBuilder {
        http1(configuration: configuration, agentEvents: hub, path: path, entry: .plain, admissions: nil)
    }

    /// The same, with what comes before HTTP on each connection.
    ///
    /// - Parameter admissions: admits the connections; `nil` when all are admitted.
    static func http1(
        configuration: HTTP1Channel.Configuration,
        agentEvents hub: AgentEventsHub,
        path: String,
        entry: ConnectionEntry,
        admissions: ConnectionAdmissions?
    ) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in
            try hub.checkOrigins()
            let http = HTTP1Channel(
                responder: { request, writer, channel in
                    try await responder(AwaitedBody.wrap(request, channel), writer, channel)
                }, configuration: configuration)
            return StreamChildChannel(http: http, hub: hub, path: path, entry: entry, admissions: admissions)
        }
    }
}

extension AgentEventsHub {
    /// - Throws: ``ServiceError`` when an allowed origin is in a form that no browser sends.
    func checkOrigins() throws(ServiceError) {
        try Self.check(origins: configuration.allowedOrigins)
    }

    private static func check(origins: Set<String>) throws(ServiceError) {
        for origin in origins.sorted() {
            if let problem = AllowedOrigin.problem(with: origin) { throw ServiceError(.originInvalid, problem) }
        }
    }

    /// Has the web pages of other origins use the hub from now on. Connections that are open stay.
    ///
    /// - Returns: what does it. Nothing has changed before it is called.
    /// - Throws: ``ServiceError`` `server.origin_invalid` for one that no browser sends.
    public func prepareAllowedOrigins(_ origins: Set<String>) throws(ServiceError) -> @Sendable () -> Void {
        try Self.check(origins: origins)
        return { self.allowedOrigins.replace(by: origins) }
    }
}
