/// The address of a service's stream: `ws://127.0.0.1:8080/v1/stream`.
public struct StreamURL: Hashable, Sendable, CustomStringConvertible {
    /// The path of the stream, when an address names none.
    public static let defaultPath = "/v1/stream"

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

    /// Reads `ws://host[:port][/path]`. The port is 80 and the path `/v1/stream` unless they are given.
    ///
    /// - Throws: ``AgentEventsClientError`` `client.bad_url`, which says what is wrong.
    public init(_ string: String) throws(AgentEventsClientError) {
        guard let scheme = string.firstRange(of: "://") else {
            throw Self.problem(string, "it begins with ws://")
        }
        switch string[..<scheme.lowerBound].lowercased() {
        case "ws": break
        case "wss": throw Self.problem(string, "wss:// is not supported; put a proxy that ends TLS in front")
        default: throw Self.problem(string, "it begins with ws://")
        }
        let rest = string[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let path = rest[authority.endIndex...]
        guard !authority.contains("@") else { throw Self.problem(string, "credentials do not belong in it") }
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Self.problem(string, "its path has only printable ASCII characters without spaces")
        }
        guard path.isEmpty || path.hasPrefix("/") else { throw Self.problem(string, "its path begins with a slash") }
        let (host, port) = try Self.split(authority, of: string)
        self.init(host: host, port: port, path: path.isEmpty || path == "/" ? Self.defaultPath : String(path))
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
        AgentEventsClientError(.badURL, "\"\(string)\" is not the address of a stream: \(rule)")
    }

    /// The host and port as they stand in a `Host` header.
    var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    public var description: String { "ws://\(authority)\(path)" }
}
