/// Authenticates requests.
///
/// ``NoAuthentication`` is the only one yet; one that checks JSON Web Tokens takes its place.
public protocol Authenticator: Sendable {
    /// Whether a request needs credentials. A service that needs none is served on loopback addresses only.
    var needsCredentials: Bool { get }

    /// Called once for each HTTP request and each WebSocket upgrade, from any task, several at a time.
    ///
    /// - Throws: ``AuthenticationError``, which the client is told (401).
    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal
}
