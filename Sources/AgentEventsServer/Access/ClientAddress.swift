package import NIOCore

/// The address of the client of a connection: where it connects from, without its port.
///
/// It is that of the socket's peer, unless a proxy in between, which is trusted, says otherwise. An IPv4 address that is
/// written as one of IPv6 (`::ffff:192.0.2.1`) is the IPv4 address.
package enum ClientAddress: Hashable, Sendable {
    case ipv4(UInt32)
    /// The network and the interface, 64 bits each.
    case ipv6(network: UInt64, interface: UInt64)
    /// A process of this machine, over a unix socket.
    case unix
    /// The peer is gone already, or is not told.
    case unknown

    /// The address under which one client counts: itself, or for IPv6 its network of 64 bits, since a client has all
    /// addresses of it.
    package var network: ClientAddress {
        switch self {
        case .ipv4, .unix, .unknown: self
        case .ipv6(let network, _): .ipv6(network: network, interface: 0)
        }
    }

    /// Reads an address as it is written: `192.0.2.1`, `2001:db8::1`; no brackets, no port, no zone.
    package init?(_ text: some StringProtocol) {
        // A zone names an interface of this machine, and says nothing of a client. And the system reads an address up to a
        // zero byte only, whatever follows it.
        guard text.utf8.count <= 45,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "%") }),
            let address = try? SocketAddress(ipAddress: String(text), port: 0)
        else {
            return nil
        }
        self.init(address)
    }

    package init(_ address: SocketAddress) {
        // Of the structures of all systems, the address is at the same place: after the family and the port, and for IPv6
        // also the flow.
        switch address {
        case .v4(let address):
            let bytes = withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
            self = .ipv4(bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case .v6(let address):
            self.init(ipv6: withUnsafeBytes(of: address.address) { Array($0[8..<24]) })
        case .unixDomainSocket:
            self = .unix
        }
    }

    /// - Parameter bytes: the 16 bytes of an IPv6 address.
    package init(ipv6 bytes: some Sequence<UInt8>) {
        var network: UInt64 = 0
        var interface: UInt64 = 0
        for (index, byte) in bytes.enumerated() {
            if index < 8 { network = network << 8 | UInt64(byte) } else { interface = interface << 8 | UInt64(byte) }
        }
        if network == 0, interface >> 32 == 0xFFFF {
            self = .ipv4(UInt32(truncatingIfNeeded: interface))
        } else {
            self = .ipv6(network: network, interface: interface)
        }
    }
}

extension ClientAddress: CustomStringConvertible {
    /// The address as it is written usually, `unix` or `unknown`.
    package var description: String {
        var bytes = ByteBuffer()
        switch self {
        case .ipv4(let address): bytes.writeInteger(address)
        case .ipv6(let network, let interface): bytes.writeMultipleIntegers(network, interface)
        case .unix: return "unix"
        case .unknown: return "unknown"
        }
        return (try? SocketAddress(packedIPAddress: bytes, port: 0))?.ipAddress ?? "unknown"
    }
}
