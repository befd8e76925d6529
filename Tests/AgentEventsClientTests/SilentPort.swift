import AgentEventsClient
import NIOCore
import NIOPosix
import Testing

/// A port at which nobody listens, and nobody else can begin to: it is the local port of a connection that stands. A port that
/// was free a moment ago may be another test's by now.
enum SilentPort {
    /// Keeps a port for the length of a scope.
    static func with(_ body: (StreamURL) async throws -> Void) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let server = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        defer { server.close(promise: nil) }
        let address = try #require(server.localAddress)
        let connection = try await ClientBootstrap(group: group).connect(to: address).get()
        defer { connection.close(promise: nil) }
        try await body(StreamURL(host: "127.0.0.1", port: try #require(connection.localAddress?.port)))
    }
}
