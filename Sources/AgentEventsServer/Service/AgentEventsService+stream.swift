import Hummingbird

extension AgentEventsService {
    /// Makes the side of the service that speaks WebSocket.
    func makeStreamEndpoint() -> StreamEndpoint {
        StreamEndpoint(
            serverBuilder: .http1(configuration: HTTP1Channel.Configuration(idleTimeout: .seconds(60))),
            closeConnections: {}
        )
    }
}
