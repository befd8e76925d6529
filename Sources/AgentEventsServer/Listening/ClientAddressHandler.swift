package import NIOCore

/// Remembers the address of a connection's client where a proxy has told it. First in the pipeline, and takes no part in
/// what passes.
package final class ClientAddressHandler: ChannelHandler, RemovableChannelHandler {
    /// The address that the proxy in front tells of the connection; `nil` for that of the socket's peer.
    package var connection: ClientAddress?
    /// The address that a proxy tells of the request whose head was read last; `nil` for that of the connection.
    package var request: ClientAddress?

    private let admits: ((ClientAddress) -> Bool)?

    /// - Parameter admits: whether a client that a proxy tells may connect; `nil` when all may.
    package init(admits: ((ClientAddress) -> Bool)? = nil) { self.admits = admits }

    /// The proxy in front tells the client of the connection.
    ///
    /// - Returns: whether it may connect.
    func tell(_ client: ClientAddress) -> Bool {
        connection = client
        return admits?(client) ?? true
    }
}

extension Channel {
    /// The address of the client, as far as it is known now: of the request whose head was read last, where proxies tell it,
    /// or of the connection. Known before the first byte of HTTP is read. Called on the event loop of the channel.
    package var clientAddress: ClientAddress {
        let told = try? pipeline.syncOperations.handler(type: ClientAddressHandler.self)
        return told?.request ?? told?.connection ?? peerAddress
    }

    /// The address of the socket's peer.
    package var peerAddress: ClientAddress {
        if let remoteAddress { return ClientAddress(remoteAddress) }
        // The peer of a unix socket has no name.
        if case .unixDomainSocket = localAddress { return .unix }
        return .unknown
    }
}
