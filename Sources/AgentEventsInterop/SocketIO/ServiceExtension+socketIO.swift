import AgentEventsHub
public import AgentEventsServer

extension ServiceExtension {
    /// Socket.IO 4 at `/socket.io/`, by long-polling and WebSocket: a namespace for each thread (`/threads/t_7`), with events as
    /// `["event", {…}, "3-57"]`, and the namespace `/` for several threads at once.
    ///
    /// A client's own recovery of connections is an exact resume here: see <doc:SocketIO>.
    public static func socketIO() -> ServiceExtension {
        ServiceExtension { interface, router in
            let hub = interface.hub
            let server = EngineServer(hub, path: "socket.io", EngineSettings(hub.configuration)) { opening in
                SocketConnection(opening.session) { _ in HubNamespaces(hub: hub, opening: opening) }
            }
            server.addRoutes(to: router)
            return [server.webSocket]
        }
    }

    /// The server that the suites of both protocols ask for: echoes at `/socket.io/` and `/engine.io/`, with short times.
    package static func socketIOConformance() -> ServiceExtension {
        ServiceExtension { interface, router in
            var settings = EngineSettings()
            settings.pingIntervalMilliseconds = 300
            settings.pingTimeoutMilliseconds = 200
            settings.connectTimeoutMilliseconds = 1000
            let sockets = EngineServer(interface.hub, path: "socket.io", settings) { opening in
                SocketConnection(opening.session) { _ in ConformanceNamespaces() }
            }
            let engine = EngineServer(interface.hub, path: "engine.io", settings) { EngineEcho($0.session) }
            sockets.addRoutes(to: router)
            engine.addRoutes(to: router)
            return [sockets.webSocket, engine.webSocket]
        }
    }
}

extension EngineSettings {
    /// The settings of a hub, as far as they are those of Engine.IO.
    init(_ configuration: HubConfiguration) {
        self.init()
        pingIntervalMilliseconds = max(1, Int64(configuration.heartbeatInterval / .milliseconds(1)))
        maximumPayloadByteCount = configuration.maximumMessageByteCount
        watermarkByteCount = configuration.outboundWatermarkByteCount
    }
}
