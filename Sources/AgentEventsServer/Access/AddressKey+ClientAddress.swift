import AgentEventsHub

extension AddressKey {
    /// The address of a client as the limits count it; `nil` for one that is nobody's in particular.
    init?(_ address: ClientAddress) {
        switch address {
        case .ipv4(let address): self = .v4(address)
        // It has no network of its own.
        case .ipv6(network: 0, interface: 1): self = .loopback
        case .ipv6(let network, _): self = .v6(network)
        case .unix, .unknown: return nil
        }
    }
}
