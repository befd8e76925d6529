import AsyncHTTPClient
import NIOCore

#if TLS
    import NIOSSL
#endif

/// The client of all models that have none of their own. It lives as long as the process, and is not shut down.
enum ModelHTTPClient {
    /// Answers take minutes, and each has a connection to itself over HTTP/1.1: the usual eight connections to a host would be
    /// eight runs. A connection that fails is told at once: the agent tries again.
    static let shared: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(10)
        #if TLS
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.minimumTLSVersion = .tlsv12
            configuration.tlsConfiguration = tls
        #endif
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 1024
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()
}
