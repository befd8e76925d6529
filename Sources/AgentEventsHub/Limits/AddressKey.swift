package import NIOCore

/// An address as the limits count it: an IPv4 address, or all of the /64 of an IPv6 address, which one client has to itself.
package enum AddressKey: Hashable, Sendable {
    case v4(UInt32)
    /// The upper half of the address.
    case v6(UInt64)

    /// - Parameter address: `nil`, or that of a socket in the file system, is nobody's in particular.
    package init?(_ address: SocketAddress?) {
        switch address {
        case .v4(let address):
            // After the family and the port.
            let bytes = withUnsafeBytes(of: address.address) { Array($0[4..<8]) }
            self = .v4(bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case .v6(let address):
            // After the family, the port and the flow.
            let bytes = withUnsafeBytes(of: address.address) { Array($0[8..<24]) }
            // An IPv4 address in the form of IPv6 (::ffff:a.b.c.d).
            if bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
                self = .v4(bytes[12...].reduce(0) { $0 << 8 | UInt32($1) })
            } else if bytes.prefix(15).allSatisfy({ $0 == 0 }), bytes[15] == 1 {
                self = Self.loopback
            } else {
                self = .v6(bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) })
            }
        case .unixDomainSocket, nil:
            return nil
        }
    }

    /// Whether it is an address of this machine.
    package var isLoopback: Bool {
        switch self {
        case .v4(let address): address >> 24 == 127
        case .v6: false
        }
    }

    /// `::1` counts as 127.0.0.1: it has no network of its own.
    private static let loopback = AddressKey.v4(0x7F00_0001)
}
