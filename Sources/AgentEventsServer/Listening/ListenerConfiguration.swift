/// The ways in which a service is reached beyond its host and port: over a unix socket, with TLS, through proxies.
public struct ListenerConfiguration: Sendable {
    /// The unix socket to listen on, in place of ``ServiceConfiguration/host`` and ``ServiceConfiguration/port``. Default:
    /// `nil`.
    public var unixSocket: UnixSocket?
    #if TLS
        /// The certificate and key with which connections are encrypted; `nil` for connections without TLS. Default: `nil`.
        public var certificate: ServerCertificate?
    #endif
    /// The proxies in front of the service that are believed when they tell where a client comes from. Default: none.
    public var trustedProxies = TrustedProxies()
    /// Whether each connection begins with a header of the PROXY protocol, version 1 or 2, which tells the address of the
    /// client. One that does not, or that comes from anywhere but a trusted proxy, is closed. Default: `false`.
    public var requiresProxyHeader = false
    /// The time that a proxy has for the header of the PROXY protocol.
    package var proxyHeaderTime = Duration.seconds(5)

    public init() {}

    /// - Throws: ``ServiceError`` `server.listener_invalid` for settings that exclude each other.
    func check() throws(ServiceError) {
        if requiresProxyHeader, trustedProxies.ranges.isEmpty {
            throw ServiceError(
                .listenerInvalid,
                "the PROXY protocol is believed from trusted proxies only: name them with --trusted-proxy")
        }
        #if TLS
            if unixSocket != nil, certificate != nil {
                throw ServiceError(
                    .listenerInvalid,
                    "a unix socket has no TLS, what is sent stays in this machine: leave out the certificate")
            }
        #endif
    }
}

/// A unix socket to listen on.
public struct UnixSocket: Hashable, Sendable {
    /// The path of the socket. Its folder exists, and the process may write to it.
    public var path: String
    /// The permissions of the socket, of which those for writing let a process connect. Default: 0660.
    public var mode: UInt16
    /// The name of the group that the socket belongs to; `nil` for that of the process. Default: `nil`.
    public var group: String?

    public init(path: String, mode: UInt16 = 0o660, group: String? = nil) {
        self.path = path
        self.mode = mode
        self.group = group
    }
}
