/// The place where a service listens, as it is written: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/agent-events.sock`.
public enum ListenAddress: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address, an IPv6 address without its brackets, and a port; 0 for any that is free.
    case host(String, port: Int)
    /// The path of a unix socket.
    case unixSocket(path: String)

    /// - Throws: ``ServiceError``: `server.host_invalid`, `server.port_invalid` or `server.socket_invalid`, which says what is
    ///   wrong.
    public init(_ text: String) throws(ServiceError) {
        if text.hasPrefix("unix:") {
            let path = String(text.dropFirst(5))
            guard !path.isEmpty else {
                throw ServiceError(.socketInvalid, "a unix socket has a path, as in unix:/run/agent-events.sock")
            }
            self = .unixSocket(path: path)
            return
        }
        guard let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") else {
            throw ServiceError(
                .portInvalid, "\"\(text)\" names no port: write HOST:PORT, [IPV6]:PORT or unix:PATH")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw ServiceError(.hostInvalid, "an IPv6 address stands in brackets, as in [::1]:8080")
        }
        guard !host.isEmpty else {
            throw ServiceError(.hostInvalid, "\"\(text)\" names no host: write HOST:PORT, [IPV6]:PORT or unix:PATH")
        }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits), port <= 65535 else {
            throw ServiceError(.portInvalid, "a port is a number from 0 to 65535, and not \(digits)")
        }
        self = .host(String(host), port: port)
    }

    public var description: String {
        switch self {
        case .host(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unixSocket(let path): "unix:\(path)"
        }
    }
}
