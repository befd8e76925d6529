/// The address of an HTTP service of somebody else: a scheme, a host, a port and a path, to which the paths of requests are appended.
package struct HTTPBaseAddress: Hashable, Sendable {
    /// The reason why a text is not such an address.
    package struct Problem: Error, Hashable {
        /// One sentence: what is wrong, and what would be right. It shows nothing of the text.
        package var sentence: String
    }

    /// The address as it was written, without slashes at its end.
    package let url: String
    /// The host in ``url``, an IPv6 address without its brackets.
    package let host: String
    package let port: Int
    package let isEncrypted: Bool

    /// - Parameters:
    ///   - text: the address.
    ///   - owner: of the address, for sentences: `a collector`.
    ///   - example: an address that is right.
    package init(_ text: String, of owner: String, example: String) throws(Problem) {
        guard let scheme = text.firstRange(of: "://"),
            case let name = text[..<scheme.lowerBound].lowercased(), ["http", "https"].contains(name)
        else {
            throw Problem(sentence: "the address of \(owner) begins with http:// or https://, as \(example)")
        }
        let rest = text[scheme.upperBound...]
        guard rest.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"\"<>\\^`{|}".utf8.contains($0) }) else {
            throw Problem(
                sentence: "the address of \(owner) is printable ASCII without spaces; encode the others with %")
        }
        guard !rest.contains("?"), !rest.contains("#") else {
            throw Problem(
                sentence:
                    "the address of \(owner) has no query and no fragment: a scheme, a host, a port and a path")
        }
        let authority = rest.prefix { $0 != "/" }
        guard !authority.contains("@") else {
            throw Problem(
                sentence: "the address of \(owner) has no user and no password: put them into a header authorization")
        }
        isEncrypted = name == "https"
        guard let place = Self.place(authority, defaultPort: isEncrypted ? 443 : 80) else {
            throw Problem(
                sentence: "the address of \(owner) has a host and a port from 1 to 65535, as \(example)")
        }
        (host, port) = place
        var path = rest.dropFirst(authority.count)
        while path.hasSuffix("/") { path = path.dropLast() }
        url = "\(name)://\(authority)\(path)"
    }

    private static func place(_ authority: Substring, defaultPort: Int) -> (host: String, port: Int)? {
        var host = authority
        var port = defaultPort
        if let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") {
            let digits = authority[authority.index(after: colon)...]
            // A sign is read as part of a number, too.
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(digits), number > 0
            else { return nil }
            host = authority[..<colon]
            port = Int(number)
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        return host.isEmpty ? nil : (String(host), port)
    }

    /// Whether the service is on this machine. A name may begin like an address: 127.example.com.
    package var isLoopback: Bool { LoopbackHost.isLoopback(host) }
}
