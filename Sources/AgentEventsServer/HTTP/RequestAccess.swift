import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Authenticates HTTP requests.
struct RequestAccess: Sendable {
    let authenticator: any Authenticator
    let usage: ServiceLimits

    /// - Parameter subprotocols: those that the request offers, if it is an upgrade.
    /// - Throws: ``ProtocolError`` with the code of ``AuthenticationError``, or `limits.auth_failures` or `limits.rate`.
    func principal(of request: Request, subprotocols: [String] = []) async throws(ProtocolError) -> Principal {
        let credentials = Credentials(
            authorization: request.headers[.authorization], subprotocols: subprotocols, path: request.uri.path)
        // A router may be served by something else, which tells nothing of its connections.
        let ticket = ConnectionTicket.current ?? ConnectionTicket(nil, usage: usage)
        let principal = try await ticket.authenticate(credentials, by: authenticator)
        if let refusal = usage.request(of: principal) { throw refusal }
        return principal
    }
}
