internal import AgentEventsHub
internal import AgentEventsServer
internal import ArgumentParser

/// The options of a service that say where it listens, with what certificate, and which proxies are in front of it.
struct ListenOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where to listen, in place of --host and --port: HOST:PORT, [IPV6]:PORT, or unix:PATH for a unix socket.",
            valueName: "address"),
        transform: { text throws in try Self.reported { () throws(ServiceError) in try ListenAddress(text) } })
    var listen: ListenAddress?

    @Option(
        help: ArgumentHelp(
            "The permissions of the unix socket, in octal: who may write to it may connect. Default: 0660.",
            valueName: "mode"),
        transform: Self.mode)
    var socketMode: UInt16?

    @Option(
        help: ArgumentHelp(
            "The group of the unix socket, of which the service is a member. Default: that of the service.",
            valueName: "group"))
    var socketGroup: String?

    @Option(
        help: ArgumentHelp(
            "Encrypt connections with TLS 1.2 or 1.3 and this certificate, in PEM form, with those that lead to its "
                + "authority after it. Read again on SIGHUP.",
            valueName: "file"))
    var tlsCertificate: String?

    @Option(
        help: ArgumentHelp("The private key of the certificate, in PEM form without a passphrase.", valueName: "file"))
    var tlsKey: String?

    @Option(
        name: .customLong("trusted-proxy"),
        help: ArgumentHelp(
            "A proxy that is believed when it tells where a client comes from: an address, a network such as 10.0.0.0/8, or "
                + "unix. May be repeated.",
            valueName: "network"),
        transform: { text throws in try Self.reported { () throws(ServiceError) in try AddressRange(text) } })
    var trustedProxies: [AddressRange] = []

    @Option(
        help: ArgumentHelp(
            "The header in which trusted proxies tell it; the other one is ignored. With x-forwarded-for, "
                + "X-Forwarded-Proto and X-Forwarded-Host beside it. Default: x-forwarded-for.",
            valueName: "forwarded|x-forwarded-for"),
        transform: { text throws in try Choice.read(text) })
    var forwardedHeader = TrustedProxies.Header.xForwardedFor

    @Flag(
        help: """
            Each connection begins with a header of the PROXY protocol, version 1 or 2, from a trusted proxy. One that does \
            not is closed.
            """)
    var proxyProtocol = false

    @Option(
        help: ArgumentHelp(
            "How long a graceful stop only says that it is coming, by GET /ready, and takes requests as before, in seconds: "
                + "behind a load balancer, longer than it takes to notice. Before --drain-timeout. 0 suits a terminal.",
            valueName: "seconds"))
    var drainDelay = 0.0

    @Option(
        help: ArgumentHelp(
            "Over how long a graceful stop closes the connections, a few at a time, and over how long their clients are asked to "
                + "come back, in seconds: behind a load balancer, about 20. After --drain-timeout. 0: all at once.",
            valueName: "seconds"))
    var drainWindow = 0.0

    func validate() throws {
        guard drainWindow >= 0, drainWindow <= 3600 else { throw ValidationError("--drain-window is from 0 to 3600") }
        guard drainDelay >= 0, drainDelay <= 3600 else { throw ValidationError("--drain-delay is from 0 to 3600") }
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw ValidationError("--tls-certificate and --tls-key go together")
        }
        if case .unixSocket? = listen {
            guard tlsCertificate == nil else {
                throw ValidationError(
                    "a unix socket has no TLS, what is sent stays in this machine: leave out --tls-certificate")
            }
        } else {
            guard socketMode == nil, socketGroup == nil else {
                throw ValidationError("--socket-mode and --socket-group belong to --listen unix:PATH")
            }
        }
        if let range = trustedProxies.first(where: \.isEverybody) {
            throw ValidationError(
                "--trusted-proxy \(range) is everybody, so that each client could choose its address: name the proxies alone"
            )
        }
        guard !proxyProtocol || !trustedProxies.isEmpty else {
            throw ValidationError(
                "--proxy-protocol is believed from trusted proxies only: name them with --trusted-proxy")
        }
    }

    /// - Parameters:
    ///   - host: where to listen, unless `--listen` says it.
    ///   - port: the port of the host.
    /// - Returns: the parts that can be reloaded.
    /// - Throws: `ServiceError` for a certificate that cannot be used.
    func apply(to configuration: inout ServiceConfiguration, host: String, port: Int) throws -> [any Reloadable] {
        switch listen ?? .host(host, port: port) {
        case .host(let host, let port):
            configuration.host = host
            configuration.port = port
        case .unixSocket(let path):
            configuration.listener.unixSocket = UnixSocket(path: path, mode: socketMode ?? 0o660, group: socketGroup)
        }
        configuration.listener.trustedProxies = TrustedProxies(trustedProxies, header: forwardedHeader)
        configuration.listener.requiresProxyHeader = proxyProtocol
        configuration.drainDelay = .seconds(drainDelay)
        configuration.drainWindow = .seconds(drainWindow)
        if drainWindow > 0 { configuration.reconnectSpread = .seconds(drainWindow) }
        guard let tlsCertificate, let tlsKey else { return [] }
        let certificate = try ServerCertificate(certificatePath: tlsCertificate, keyPath: tlsKey)
        configuration.listener.certificate = certificate
        return [certificate]
    }

    /// The address of the service, for clients on this machine.
    ///
    /// - Returns: the URL for this program's commands, the beginning of those for `curl`, and what `curl` needs beside it.
    func url(_ port: Int, _ configuration: ServiceConfiguration) -> (url: String, base: String, curl: String) {
        if let socket = configuration.listener.unixSocket {
            return ("unix:\(socket.path)", "http://localhost", "--unix-socket \(socket.path) ")
        }
        let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
        let url = "\(tlsCertificate == nil ? "http" : "https")://\(host):\(port)"
        return (url, url, "")
    }

    private static func mode(_ text: String) throws -> UInt16 {
        guard let mode = UInt16(text, radix: 8), mode <= 0o777 else {
            throw ValidationError("a mode is an octal number up to 777, such as 0660")
        }
        return mode
    }

    private static func reported<Value>(_ read: () throws(ServiceError) -> Value) throws -> Value {
        do throws(ServiceError) {
            return try read()
        } catch {
            throw ValidationError(error.message)
        }
    }
}
