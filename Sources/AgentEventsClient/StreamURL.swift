internal import AgentEventsProtocol

/// The address of a service's stream: `ws://127.0.0.1:8080/v1/stream`, `wss://events.example.com/v1/stream`, or that of a unix
/// socket on this machine, `unix:/run/agent-events.sock`.
public struct StreamURL: Hashable, Sendable, CustomStringConvertible {
    /// The path of the stream, when an address names none.
    public static let defaultPath = StreamProtocol.path

    /// A name or an address; an IPv6 address without its brackets.
    public let host: String
    public let port: Int
    /// With the leading slash.
    public let path: String
    /// Whether the connection is encrypted with TLS.
    public let isSecure: Bool
    /// The path of the unix socket to connect to, in place of the host and the port; `nil` for TCP.
    public let unixSocketPath: String?

    public init(host: String, port: Int, path: String = StreamURL.defaultPath, isSecure: Bool = false) {
        self.init(host: host, port: port, path: path, isSecure: isSecure, unixSocketPath: nil)
    }

    private init(host: String, port: Int, path: String, isSecure: Bool, unixSocketPath: String?) {
        self.host = host
        self.port = port
        self.path = path
        self.isSecure = isSecure
        self.unixSocketPath = unixSocketPath
    }

    /// Reads `http://host[:port][/path]`, as the service prints it, or the same with `ws://`; with TLS, `https://` or `wss://`;
    /// or `unix:PATH`. The port is 80 unless it is given, and with TLS 443. The path is that of the stream: `/v1/stream` unless it is given; slashes at its end do not count, and one that
    /// ends with `/v1` is completed.
    ///
    /// - Throws: ``AgentEventsClientError`` `client.bad_url`, which says what is wrong.
    public init(_ string: String) throws(AgentEventsClientError) {
        if string.hasPrefix("unix:") {
            let path = string.hasPrefix("unix://") ? String(string.dropFirst(7)) : String(string.dropFirst(5))
            guard !path.isEmpty else {
                throw Self.problem(string, "a unix socket has a path, as in unix:/run/agent-events.sock")
            }
            self.init(host: "localhost", port: 80, path: Self.defaultPath, isSecure: false, unixSocketPath: path)
            return
        }
        guard let scheme = string.firstRange(of: "://") else { throw Self.problem(string, Self.form) }
        let isSecure: Bool
        switch string[..<scheme.lowerBound].lowercased() {
        case "ws", "http": isSecure = false
        case "wss", "https": isSecure = true
        default: throw Self.problem(string, Self.form)
        }
        let rest = string[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let target = rest[authority.endIndex...]
        guard !authority.contains("@") else { throw Self.problem(string, "credentials do not belong in it") }
        guard target.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Self.problem(string, "its path has only printable ASCII characters without spaces")
        }
        guard !target.contains("#") else { throw Self.problem(string, "a fragment (#…) does not belong in it") }
        guard target.isEmpty || target.hasPrefix("/") else {
            throw Self.problem(string, "its path begins with a slash")
        }
        let (host, port) = try Self.split(authority, defaultPort: isSecure ? 443 : 80, of: string)
        self.init(host: host, port: port, path: Self.path(target), isSecure: isSecure)
    }

    private static let form =
        "write http://host:port or https://host:port, as the service prints it, ws://host:port/v1/stream, or unix:PATH"

    private static func path(_ target: Substring) -> String {
        let query = target.firstIndex(of: "?") ?? target.endIndex
        var path = target[..<query]
        while path.hasSuffix("/") { path = path.dropLast() }
        if path.isEmpty { return defaultPath + target[query...] }
        return String(path) + (path.hasSuffix("/v1") ? "/stream" : "") + target[query...]
    }

    private static func split(
        _ authority: Substring,
        defaultPort: Int,
        of string: String
    ) throws(AgentEventsClientError) -> (host: String, port: Int) {
        var host = authority
        var digits = Substring("\(defaultPort)")
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw problem(string, "an IPv6 address ends with ]") }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let tail = authority[authority.index(after: end)...]
            guard tail.isEmpty || tail.hasPrefix(":") else { throw problem(string, "a port follows a colon") }
            if !tail.isEmpty { digits = tail.dropFirst() }
        } else if let colon = authority.lastIndex(of: ":") {
            host = authority[..<colon]
            digits = authority[authority.index(after: colon)...]
        }
        guard !host.isEmpty, host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw problem(string, "it names a host")
        }
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits), (1...65535).contains(port)
        else { throw problem(string, "its port is a number from 1 to 65535") }
        return (String(host), port)
    }

    private static func problem(_ string: String, _ rule: String) -> AgentEventsClientError {
        AgentEventsClientError(.badURL, "\"\(string)\" is not the address of a service: \(rule)")
    }

    /// The host and port as they stand in a `Host` header.
    var authority: String {
        if unixSocketPath != nil { return host }
        return hostAndPort
    }

    private var hostAndPort: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    public var description: String {
        if let unixSocketPath { return "unix:\(unixSocketPath)" }
        return "\(isSecure ? "wss" : "ws")://\(hostAndPort)\(path)"
    }
}
