/// The proxies in front of a service that are believed when they tell where a request comes from.
///
/// A request from anywhere else comes from its sender, whatever it says of others. One from a trusted proxy comes from the
/// last address of the list, read from right to left, that is not a trusted proxy itself: each proxy appends the address that
/// it is connected to, so what stands further to the left is the client's own word.
public struct TrustedProxies: Hashable, Sendable {
    /// The header in which the proxies tell it. The other one is never looked at.
    @nonexhaustive
    public enum Header: String, Hashable, Sendable, CaseIterable {
        /// `Forwarded`, RFC 7239, with `for`, `proto` and `host`.
        case forwarded
        /// `X-Forwarded-For`, with `X-Forwarded-Proto` and `X-Forwarded-Host` beside it.
        case xForwardedFor = "x-forwarded-for"
    }

    /// The largest number of addresses that are looked at.
    package static let maximumHopCount = 32

    public var ranges: [AddressRange]
    public var header: Header

    public init(_ ranges: [AddressRange] = [], header: Header = .xForwardedFor) {
        self.ranges = ranges
        self.header = header
    }

    /// What is known of the client of a request.
    package struct Client: Hashable, Sendable {
        package var address: ClientAddress
        /// `http` or `https`, where a proxy tells it.
        package var scheme: String?
        /// The host that the client has named, with its port, where a proxy tells it.
        package var host: String?
        /// Whether the request tells of another client, and its sender is not believed.
        package var isIgnored = false

        package init(_ address: ClientAddress, scheme: String? = nil, host: String? = nil, isIgnored: Bool = false) {
            self.address = address
            self.scheme = scheme
            self.host = host
            self.isIgnored = isIgnored
        }
    }

    package func contains(_ address: ClientAddress) -> Bool { ranges.contains { $0.contains(address) } }

    /// The client of a request.
    ///
    /// - Parameters:
    ///   - connection: the client of the connection on which it has come.
    ///   - values: the values of a header, by its name in lower case.
    package func client(of connection: ClientAddress, _ values: (_ name: String) -> [String]) -> Client {
        guard contains(connection) else {
            let tells = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"].contains {
                !values($0).isEmpty
            }
            return Client(connection, isIgnored: tells)
        }
        switch header {
        case .forwarded:
            return client(of: connection, ForwardedElement.read(values("forwarded")))
        case .xForwardedFor:
            let names = Self.list(values("x-forwarded-for"))
            var client = client(of: connection, names.map { ForwardedElement(node: $0) })
            client.scheme = Self.list(values("x-forwarded-proto")).last.flatMap { ForwardedElement.scheme($0) }
            client.host = Self.list(values("x-forwarded-host")).last.flatMap { ForwardedElement.host($0) }
            return client
        }
    }

    private func client(of connection: ClientAddress, _ elements: [ForwardedElement]) -> Client {
        var client = Client(connection)
        for element in elements.suffix(Self.maximumHopCount).reversed() {
            // A proxy that hides its client, or writes something else: it is the last that is known.
            guard let address = element.address else { break }
            client = Client(address, scheme: element.scheme, host: element.host)
            guard contains(address) else { break }
        }
        return client
    }

    /// The elements of the lines of a list, in their order.
    private static func list(_ values: [String]) -> [Substring] {
        values.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
    }
}
