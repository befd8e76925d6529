import NIOCore

/// Names and addresses that reach nothing but this machine.
package enum LoopbackHost {
    /// - Parameter host: a name or an address, an IPv6 address with or without brackets.
    package static func isLoopback(_ host: String) -> Bool {
        // The system reads an address up to a zero byte only, whatever follows it.
        guard host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return false }
        var name = host.lowercased()
        if name.hasPrefix("["), name.hasSuffix("]") { name = String(name.dropFirst().dropLast()) }
        if name == "localhost" { return true }
        guard let address = try? SocketAddress(ipAddress: name, port: 0) else { return false }
        switch address {
        case .v4:
            return address.ipAddress?.hasPrefix("127.") ?? false
        case .v6:
            return address.ipAddress == "::1"
        case .unixDomainSocket:
            return true
        }
    }

    /// - Parameter authority: the value of a header `Host`: a host and maybe a port. Anything else is no name of this machine.
    package static func isLoopback(authority: String) -> Bool {
        isUsual(authority) || isLoopbackRead(authority)
    }

    /// Whether it is a name of this machine in the form that nearly all clients write.
    private static func isUsual(_ authority: String) -> Bool {
        var authority = authority
        return authority.withUTF8 { text in
            for name in ["127.0.0.1", "localhost", "[::1]"] as [StaticString] {
                let name = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
                if text.starts(with: name), isPort(text.dropFirst(name.count)) { return true }
            }
            return false
        }
    }

    /// - Parameter text: nothing, or a colon and digits.
    private static func isPort(_ text: some Collection<UInt8>) -> Bool {
        text.isEmpty
            || text.first == UInt8(ascii: ":") && text.count > 1
                && text.dropFirst().allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func isLoopbackRead(_ authority: String) -> Bool {
        let host = host(ofAuthority: authority)
        return isPort(authority.dropFirst(host.count).utf8) && isLoopback(host)
    }

    /// The host of a `Host` header or of an origin's authority, without the port.
    package static func host(ofAuthority authority: some StringProtocol) -> String {
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            return String(authority[...end])
        }
        return String(authority.prefix { $0 != ":" })
    }
}
