import NIOCore

/// The part of a connection before HTTP: the address of its client, the header of a proxy in front, and TLS, in this order.
struct ConnectionEntry: Sendable {
    /// A connection as it comes: without TLS, and from its client.
    static var plain: ConnectionEntry { ConnectionEntry() }

    /// The handler of TLS for a new connection; `nil` for connections without TLS.
    private var makeTLS: (@Sendable () -> any ChannelHandler)?
    /// `nil` when none is trusted.
    private var proxies: TrustedProxies?
    private var requiresProxyHeader = false
    private var proxyHeaderTime = TimeAmount.seconds(5)
    private var metrics: EntryMetrics?

    /// Whether connections are encrypted.
    var isSecure: Bool { makeTLS != nil }

    /// Tells of the requests that proxies forward where they come from; `nil` when nobody is asked.
    var forwarding: Forwarding? {
        guard let proxies, let metrics else { return nil }
        return Forwarding(proxies: proxies, metrics: metrics)
    }

    private init() {}

    init(_ configuration: ListenerConfiguration, metrics: EntryMetrics) {
        self.metrics = metrics
        proxies = configuration.trustedProxies.ranges.isEmpty ? nil : configuration.trustedProxies
        requiresProxyHeader = configuration.requiresProxyHeader
        proxyHeaderTime = TimeAmount(configuration.proxyHeaderTime)
        #if TLS
            if let certificate = configuration.certificate { makeTLS = { certificate.makeHandler() } }
        #endif
    }

    /// Whether a connection is that of a proxy, which tells of its clients: they count, and not the proxy.
    func isProxied(_ channel: any Channel) -> Bool { proxies?.contains(channel.peerAddress) ?? false }

    /// Adds the handlers to a connection, before all others. Called on its event loop.
    ///
    /// - Parameter admits: whether a client that a proxy tells of the connection may connect; `nil` when all may.
    func addHandlers(to channel: any Channel, admits: ((ClientAddress) -> Bool)? = nil) throws {
        guard let metrics else { return }
        // Without proxies the client is the peer of the socket.
        if let proxies {
            let address = ClientAddressHandler(admits: admits)
            try channel.pipeline.syncOperations.addHandler(address)
            if requiresProxyHeader {
                try channel.pipeline.syncOperations.addHandler(
                    ProxyHeaderHandler(proxies: proxies, address: address, metrics: metrics, time: proxyHeaderTime))
            }
        }
        guard let makeTLS else { return }
        try channel.pipeline.syncOperations.addHandler(makeTLS())
        #if TLS
            try channel.pipeline.syncOperations.addHandler(HandshakeWatch(metrics: metrics))
        #endif
    }
}
