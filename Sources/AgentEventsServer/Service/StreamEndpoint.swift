import Hummingbird

/// The WebSocket side of a service, as the service sees it.
struct StreamEndpoint: Sendable {
    /// Sets up each accepted connection, for HTTP or, after an upgrade, for a WebSocket.
    var serverBuilder: HTTPServerBuilder
    /// Tells every open WebSocket that the service goes away (1001). Returns at once; the server ends when all are closed.
    /// May be called several times.
    var closeConnections: @Sendable () -> Void
}
