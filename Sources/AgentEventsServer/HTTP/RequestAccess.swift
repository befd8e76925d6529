import AgentEvents
import HTTPTypes
import Hummingbird

/// Finds out who makes an HTTP request.
struct RequestAccess: Sendable {
    let authenticator: any Authenticator

    /// - Throws: ``ProtocolError`` with the code of ``AuthenticationError``.
    func principal(of request: Request) async throws(ProtocolError) -> Principal {
        let credentials = Credentials(authorization: request.headers[.authorization], path: request.uri.path)
        do throws(AuthenticationError) {
            return try await authenticator.authenticate(credentials)
        } catch {
            throw ProtocolError(error)
        }
    }
}
