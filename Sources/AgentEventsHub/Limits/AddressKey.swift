/// An address as the limits count it: an IPv4 address, or all of the /64 of an IPv6 address, which one client has to itself.
package enum AddressKey: Hashable, Sendable {
    case v4(UInt32)
    /// The upper half of the address.
    case v6(UInt64)

    /// 127.0.0.1, and `::1`, which has no network of its own.
    package static let loopback = AddressKey.v4(0x7F00_0001)

    /// Whether it is an address of this machine.
    package var isLoopback: Bool {
        switch self {
        case .v4(let address): address >> 24 == 127
        case .v6: false
        }
    }
}
