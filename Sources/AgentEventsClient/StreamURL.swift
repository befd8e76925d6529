internal import AgentEventsProtocol

/// The address of a service's stream: `ws://127.0.0.1:8080/v1/stream`.
public struct StreamURL: Hashable, Sendable, CustomStringConvertible {
    /// The path of the stream, when an address names none.
    public static let defaultPath = StreamProtocol.path

    /// A name or an address; an IPv6 address without its brackets.
    public let host: String
    public let port: Int
    /// With the leading slash.
    public let path: String

    public init(host: String, port: Int, path: String = StreamURL.defaultPath) {
        self.host = host
        self.port = port
        self.path = path
    }

    /// Reads `http://host[:port][/path]`, as the service prints it, or the same with `ws://`. The port is 80 unless it is
    /// given. The path is that of the stream: `/v1/stream` unless it is given; slashes at its end do not count, and one that
    /// ends with `/v1` is completed.
    ///
    /// - Throws: ``AgentEventsClientError`` `client.bad_url`, which says what is wrong.
    public init(_ string: String) throws(AgentEventsClientError) {
        guard let scheme = string.firstRange(of: "://") else { throw Self.problem(string, Self.form) }
        switch string[..<scheme.lowerBound].lowercased() {
        case "ws", "http": break
        case "wss", "https":
            throw Self.problem(
                string, "this client has no TLS; use http:// or ws://, to a proxy that adds TLS where it is needed")
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
        let (host, port) = try Self.split(authority, of: string)
        self.init(host: host, port: port, path: Self.path(target))
    }

    private static let form = "write http://host:port, as the service prints it, or ws://host:port/v1/stream"

    private static func path(_ target: Substring) -> String {
        let query = target.firstIndex(of: "?") ?? target.endIndex
        var path = target[..<query]
        while path.hasSuffix("/") { path = path.dropLast() }
        if path.isEmpty { return defaultPath + target[query...] }
        return String(path) + (path.hasSuffix("/v1") ? "/stream" : "") + target[query...]
    }

    private static func split(
        _ authority: Substring,
        of string: String
    ) throws(AgentEventsClientError) -> (host: String, port: Int) {
        var host = authority
        var digits: Substring = "80"
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
    var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    public var description: String { "ws://\(authority)\(path)" }
}
