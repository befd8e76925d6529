/// The addresses of a network, such as `10.0.0.0/8` or `2001:db8::/32`, one address, or `unix` for the processes of this
/// machine that connect over a unix socket.
public struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    private enum Value: Hashable, Sendable {
        case unix
        case ipv4(UInt32, bits: Int)
        case ipv6(network: UInt64, interface: UInt64, bits: Int)
    }

    private let value: Value
    public let description: String

    /// - Throws: ``ServiceError`` `server.listener_invalid`, which says what is wrong.
    public init(_ text: String) throws(ServiceError) {
        description = text
        if text == "unix" {
            value = .unix
            return
        }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = ClientAddress(parts[0]) else { throw Self.problem(text) }
        switch address {
        case .ipv4(let address):
            guard let bits = Self.bits(parts, most: 32), address & ~Self.mask(bits) == 0 else {
                throw Self.problem(text)
            }
            value = .ipv4(address, bits: bits)
        case .ipv6(let network, let interface):
            guard let bits = Self.bits(parts, most: 128), network & ~Self.mask(min(bits, 64)) == 0,
                interface & ~Self.mask(max(bits - 64, 0)) == 0
            else { throw Self.problem(text) }
            value = .ipv6(network: network, interface: interface, bits: bits)
        case .unix, .unknown:
            throw Self.problem(text)
        }
    }

    /// Whether it has all addresses of its kind.
    package var isEverybody: Bool {
        switch value {
        case .unix: false
        case .ipv4(_, let bits), .ipv6(_, _, let bits): bits == 0
        }
    }

    package func contains(_ address: ClientAddress) -> Bool {
        switch (value, address) {
        case (.unix, .unix): true
        case (.ipv4(let own, let bits), .ipv4(let other)): other & Self.mask(bits) == own
        case (.ipv6(let network, let interface, let bits), .ipv6(let otherNetwork, let otherInterface)):
            otherNetwork & Self.mask(min(bits, 64)) == network
                && otherInterface & Self.mask(max(bits - 64, 0)) == interface
        case (.unix, _), (.ipv4, _), (.ipv6, _): false
        }
    }

    /// The number of bits that all addresses share: as it is written, or all.
    private static func bits(_ parts: [Substring], most: Int) -> Int? {
        guard parts.count == 2 else { return most }
        guard (1...3).contains(parts[1].utf8.count), parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let bits = Int(parts[1]), bits <= most
        else { return nil }
        return bits
    }

    /// A number with ones in its first bits. A shift by all bits gives zero.
    private static func mask<Number: FixedWidthInteger>(_ bits: Int) -> Number {
        ~Number.zero << (Number.bitWidth - bits)
    }

    private static func problem(_ text: String) -> ServiceError {
        ServiceError(
            .listenerInvalid,
            "\"\(text)\" is not a network: write 10.0.0.0/8 or 2001:db8::/32, with zeros after the bits that count, one "
                + "address, or unix")
    }
}
