import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Gives a request the client, the host and the scheme that a trusted proxy tells of it, before anything decides about it.
struct Forwarding: Sendable {
    let proxies: TrustedProxies
    let metrics: EntryMetrics

    /// Called on the event loop of the channel. The same head a second time changes nothing; it is counted by the caller that
    /// sees it last.
    func apply(to head: inout HTTPRequestHead, on channel: any Channel) {
        let headers = head.headers
        let isLast = headers.contains(name: "Upgrade")
        guard let client = client(on: channel, isCounted: isLast, { headers[$0] }) else { return }
        if let host = client.host { head.headers.replaceOrAdd(name: "Host", value: host) }
    }

    func apply(to request: inout HTTPRequest, on channel: any Channel) {
        let fields = request.headerFields
        let found = client(on: channel, isCounted: true) { name in HTTPField.Name(name).map { fields[values: $0] } ?? []
        }
        guard let client = found else { return }
        if let host = client.host { request.authority = host }
        if let scheme = client.scheme { request.scheme = scheme }
    }

    /// The client of the request whose head was read last; `nil` when its proxy does not tell.
    func knownClient(on channel: any Channel) -> ClientAddress? {
        let client = channel.clientAddress
        return proxies.contains(client) ? nil : client
    }

    private func client(on channel: any Channel, isCounted: Bool, _ values: (String) -> [String]) -> TrustedProxies
        .Client?
    {
        guard let told = try? channel.pipeline.syncOperations.handler(type: ClientAddressHandler.self) else {
            return nil
        }
        let connection = told.connection ?? channel.peerAddress
        let client = proxies.client(of: connection, values)
        if isCounted, client.isIgnored { metrics.ignoredForward() }
        told.request = client.address == connection ? nil : client.address
        return client
    }
}

/// Applies the word of the proxies to the requests of a connection that has stayed HTTP.
final class ForwardingHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart

    private let forwarding: Forwarding
    private let ticket: ConnectionTicket

    init(_ forwarding: Forwarding, _ ticket: ConnectionTicket) {
        self.forwarding = forwarding
        self.ticket = ticket
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(var request) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        forwarding.apply(to: &request, on: context.channel)
        ticket.tell(context.channel.clientAddress)
        context.fireChannelRead(wrapInboundOut(.head(request)))
    }
}
