import AgentEventsHub
import Hummingbird
import HummingbirdCore
import Logging
import NIOPosix
import ServiceLifecycle

/// The listener for operators: health, readiness, metrics, and the routes that take the scope `admin`; or one for metrics alone. It
/// listens before the log is open, and as long as the public one, so that probes are answered whatever clients do there.
struct InternalListener: Sendable {
    /// The routes of a listener.
    enum Offer: Sendable {
        /// - Parameter backupFolder: the folder of backups; `nil` when there is none.
        case everything(backupFolder: String?)
        /// `GET /metrics`, which others than this machine may reach.
        case metrics
    }

    /// The most connections that others than this machine have at once to read metrics; further ones wait.
    private static let maximumMetricsConnectionCount = 16

    let hub: AgentEventsHub
    let address: InternalAddress
    let metrics: MetricsPage?
    let offer: Offer
    let logger: Logger
    /// Opens once it listens.
    let listening = Gate()
    let onListening: @Sendable (_ port: Int) -> Void

    /// - Throws: ``ServiceError`` when it cannot listen.
    func run() async throws {
        do {
            try await application().run()
        } catch let error as CancellationError {
            throw error
        } catch {
            throw ServiceError(listeningOn: address.host, port: address.port, error) ?? error
        }
    }

    private func application() -> some ApplicationProtocol {
        let router = Router(options: .autoGenerateHeadEndpoints)
        var configuration = ApplicationConfiguration(address: .hostname(address.host, port: address.port))
        switch offer {
        case .everything(let backupFolder):
            InternalRoutes<BasicRequestContext>(hub: hub, metrics: metrics, backupFolder: backupFolder).add(to: router)
        case .metrics:
            InternalRoutes<BasicRequestContext>(hub: hub, metrics: metrics).addMetricsAlone(to: router)
            configuration.availableConnectionsDelegate = MaximumAvailableConnections(Self.maximumMetricsConnectionCount)
        }
        var http = HTTP1Channel.Configuration(idleTimeout: .seconds(60))
        http.httpDecoder = .init(
            maxHeaderFieldSize: HTTPLimits.fieldByteCount, maxHeaderListSize: HTTPLimits.headByteCount,
            maxHeaderFieldCount: HTTPLimits.fieldCount)
        return Application(
            router: router,
            server: .http1(configuration: http),
            configuration: configuration,
            onServerRunning: { channel in
                let port = channel.localAddress?.port ?? address.port
                logger.info(
                    "internal listener", metadata: ["service.host": "\(address.host)", "service.port": "\(port)"])
                onListening(port)
                listening.open()
            },
            eventLoopGroupProvider: .shared(MultiThreadedEventLoopGroup.singleton),
            logger: logger)
    }
}

extension InternalListener: Service {}

/// The address of the listener for operators, or of that for metrics.
public struct InternalAddress: Hashable, Sendable {
    /// A name or an address; for operators one that reaches this machine only.
    public var host: String
    /// The port; 0 for any that is free.
    public var port: Int

    public init(host: String = "127.0.0.1", port: Int = 8081) {
        self.host = host
        self.port = port
    }
}
