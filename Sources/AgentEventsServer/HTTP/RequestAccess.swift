import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import HummingbirdCore

/// Authenticates HTTP requests.
struct RequestAccess: Sendable {
    let authenticator: any Authenticator

    /// - Parameter subprotocols: those that the request offers, if it is an upgrade.
    /// - Throws: ``ProtocolError`` with the code of ``AuthenticationError``.
    func principal(of request: Request, subprotocols: [String] = []) async throws(ProtocolError) -> Principal {
        let credentials = Credentials(
            authorization: request.headers[.authorization], subprotocols: subprotocols, path: request.uri.path)
        do throws(AuthenticationError) {
            return try await authenticator.authenticate(credentials)
        } catch {
            throw ProtocolError(error)
        }
    }
}
