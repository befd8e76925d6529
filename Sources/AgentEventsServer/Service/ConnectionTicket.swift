package import AgentEventsHub
package import AgentEventsProtocol
import NIOCore
import Synchronization

/// A connection, for what its credentials mean for the limits of its address. The task of a request has that of its
/// connection.
package final class ConnectionTicket: Sendable {
    private struct Client {
        /// `nil` for one that is not limited.
        var key: AddressKey?
        var address: ClientAddress
        /// The address among whose connections this one counts; requests of others may come over it.
        var counted: AddressKey?
    }

    private let client: Mutex<Client>
    private let usage: ServiceLimits
    private let onAuthenticated: @Sendable () -> Void
    private let onClose: @Sendable () -> Void

    /// Called when the client leaves; of the request that is answered at the moment.
    private let departure = Mutex<(hasLeft: Bool, action: (@Sendable () -> Void)?)>((false, nil))

    @TaskLocal package static var current: ConnectionTicket?

    /// For a request of which no connection is known: it counts for no address.
    package convenience init(usage: ServiceLimits) { self.init(nil, usage: usage) }

    /// - Parameters:
    ///   - key: `nil` for one that is not limited.
    ///   - address: where the client is, as far as it is known.
    ///   - channel: the connection; `nil` for one that nobody closes from here.
    ///   - onAuthenticated: called for each request with credentials that count.
    init(
        _ key: AddressKey?,
        of address: ClientAddress = .unknown,
        usage: ServiceLimits,
        channel: (any Channel)? = nil,
        onAuthenticated: @escaping @Sendable () -> Void = {}
    ) {
        client = Mutex(Client(key: key, address: address, counted: key))
        self.usage = usage
        self.onAuthenticated = onAuthenticated
        // Handlers of the channel hold the ticket.
        onClose = { [weak channel] in channel?.close(promise: nil) }
    }

    /// The same for the client that it has now, whatever proxies tell of it later: for what outlives the request.
    package func copy() -> ConnectionTicket {
        let client = client.withLock { $0 }
        return ConnectionTicket(client.key, of: client.address, usage: usage, onAuthenticated: onAuthenticated)
    }

    /// A connection that nobody counts.
    convenience init(_ channel: any Channel, usage: ServiceLimits) {
        self.init(
            usage.limited(AddressKey(channel.peerAddress)), of: channel.clientAddress, usage: usage, channel: channel)
    }

    /// The address of the client as it is written; `nil` where it is not known.
    var clientText: String? {
        let address = client.withLock { $0.address }
        return address == .unknown ? nil : "\(address)"
    }

    /// The address under which its client is counted; `nil` for one that is not limited.
    package var address: AddressKey? { client.withLock { $0.key } }

    /// What its client asks for is covered by credentials that were checked before.
    package func didAuthenticate() { onAuthenticated() }

    /// Closes the connection without waiting for what is being written: its client takes nothing. Called from any thread, and only for
    /// the request that is answered at the moment.
    package func closeConnection() { onClose() }

    /// Says what is done when the client leaves, in the place of what was said before. A request that waits says it, and takes it
    /// back. Called from any thread.
    package func whenClientLeaves(_ action: (@Sendable () -> Void)?) {
        let hasLeft = departure.withLock { departure in
            departure.action = departure.hasLeft ? nil : action
            return departure.hasLeft
        }
        if hasLeft { action?() }
    }

    /// The client has left, or says nothing further.
    func clientLeft() {
        let action = departure.withLock { departure in
            defer { departure = (true, nil) }
            return departure.action
        }
        action?()
    }

    /// A proxy tells the client of a request.
    func tell(_ client: ClientAddress) {
        let key = usage.limited(AddressKey(client))
        self.client.withLock { ($0.key, $0.address) = (key, client) }
    }

    /// A proxy tells the client of the connection, which counts as the client's from now on. Called on the event loop.
    ///
    /// - Returns: why the client may not connect; `nil` when it may.
    func begin(from client: ClientAddress, on channel: any Channel) -> ProtocolError? {
        let key = usage.limited(AddressKey(client))
        let isCounted = self.client.withLock { known in
            defer { known = Client(key: key, address: client, counted: key) }
            return known.counted == key
        }
        guard let key, !isCounted else { return nil }
        if let refusal = usage.connect(key) { return refusal }
        channel.closeFuture.whenComplete { _ in self.usage.disconnect(key) }
        return nil
    }

    /// Has credentials checked, unless those of the address have not counted too often.
    package func authenticate(
        _ credentials: Credentials,
        by authenticator: any Authenticator
    ) async throws(ProtocolError) -> Principal {
        let (credentials, address) = known(credentials)
        if let refusal = usage.refusalOfCredentials(from: address) { throw refusal }
        do throws(AuthenticationError) {
            let principal = try await authenticator.authenticate(credentials)
            onAuthenticated()
            return principal
        } catch {
            throw refusal(error, from: address)
        }
    }

    /// Has a signature checked that stands in the place of credentials, unless those of the address have not counted too often.
    ///
    /// - Parameter verify: what it throws counts as credentials that do not count.
    func check<Value>(_ verify: () throws(ProtocolError) -> Value) throws(ProtocolError) -> Value {
        let address = address
        if let refusal = usage.refusalOfCredentials(from: address) { throw refusal }
        do throws(ProtocolError) {
            let value = try verify()
            onAuthenticated()
            return value
        } catch {
            usage.recordAuthenticationFailure(from: address)
            throw error
        }
    }

    /// The principal of ``authenticate(_:by:)`` where nothing has to be waited for; `nil` where it has to, and where the credentials
    /// do not count, which is found, told and counted there.
    func admitAtOnce(_ credentials: Credentials, by authenticator: any Authenticator) -> Principal? {
        guard let authenticator = authenticator as? any ImmediateAuthenticator else { return nil }
        let (credentials, address) = known(credentials)
        guard !usage.doubtsCredentials(from: address),
            case .success(let principal) = authenticator.authenticateAtOnce(credentials)
        else { return nil }
        onAuthenticated()
        return principal
    }

    /// The credentials with the address of their client, and that under which it is counted.
    private func known(_ credentials: Credentials) -> (Credentials, AddressKey?) {
        var credentials = credentials
        credentials.client = clientText
        return (credentials, client.withLock { $0.key })
    }

    private func refusal(_ error: AuthenticationError, from address: AddressKey?) -> ProtocolError {
        switch error.code {
        case .invalid, .expired, .revoked: usage.recordAuthenticationFailure(from: address)
        // Nothing was checked.
        default: break
        }
        return ProtocolError(error)
    }
}
