import Logging
import NIOCore
import NIOExtras
import NIOPosix
import ServiceLifecycle

/// The listening socket of the service. Each connection that comes is set up on an event loop; those that have stayed HTTP get a
/// task then.
///
/// Hummingbird's own server has a task for each connection from the beginning, and so a turn of another thread: for a WebSocket that
/// is a good part of what it costs to open.
struct ServiceListener: Service {
    enum Address {
        case host(String, port: Int)
        case unixSocket(path: String)
    }

    let connections: StreamChildChannel
    let address: Address
    let group: any EventLoopGroup
    let logger: Logger
    /// Called before it listens. What it throws ends the listener.
    let onStart: @Sendable () async throws -> Void
    /// Called once, when it listens, with its channel.
    let onListening: @Sendable (any Channel) async -> Void

    /// Listens until it is shut down gracefully, or its task is cancelled, and until the requests that it has are answered.
    func run() async throws {
        try await onStart()
        try Task.checkCancellation()
        let (waiting, arrived) = AsyncStream.makeStream(of: StreamChildChannel.Value.self)
        let arrivals = Arrivals(arrived)
        let quiescing = ServerQuiescingHelper(group: group)
        let channel = try await listen(quiescing, arrivals)
        channel.closeFuture.whenComplete { _ in arrivals.stopped() }
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                if channel.isActive, !Task.isCancelled { await onListening(channel) }
                await withDiscardingTaskGroup { tasks in
                    for await connection in waiting {
                        tasks.addTask { await connections.handle(value: connection, logger: logger) }
                    }
                }
            } onGracefulShutdown: {
                quiescing.initiateShutdown(promise: nil)
            }
        } onCancel: {
            // Also those that have sent no request, which nobody else would close.
            quiescing.initiateShutdown(promise: nil)
        }
    }

    private func listen(
        _ quiescing: ServerQuiescingHelper,
        _ arrivals: Arrivals<StreamChildChannel.Value>
    ) async throws -> any Channel {
        let bootstrap = ServerBootstrap(group: group)
            // The kernel takes its own limit for it, where that is less.
            .serverChannelOption(.backlog, value: Int32(UInt16.max))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(quiescing.makeServerChannelHandler(channel: channel))
                }
            }
            .childChannelInitializer { [connections, logger] channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = try connections.setUp(channel, logger)
                    arrivals.begin()
                    connection.negotiated.whenComplete { result in
                        switch result {
                        case .success(.webSocket), .success(.refused): break
                        case .success(.http):
                            if !arrivals.serve(connection) { Self.drop(connection) }
                        case .failure(let error): connections.lost(channel, error, logger)
                        }
                        arrivals.end()
                    }
                }
            }
        return switch address {
        case .host(let host, let port): try await bootstrap.bind(host: host, port: port).get()
        case .unixSocket(let path):
            try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        }
    }

    /// The listener was cancelled before a connection had a task. It is kept until it is closed: SwiftNIO takes one that is given up
    /// before for a mistake.
    private static func drop(_ connection: StreamChildChannel.Value) {
        connection.channel.closeFuture.whenComplete { _ in withExtendedLifetime(connection) {} }
        connection.channel.close(promise: nil)
    }
}
