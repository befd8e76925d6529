/// Authenticates requests.
///
/// ``NoAuthentication`` lets everybody in; `TokenAuthenticator` of `AgentEventsTokens` checks JSON Web Tokens.
public protocol Authenticator: Sendable {
    /// Whether a request needs credentials. A service that needs none is served on loopback addresses only.
    var needsCredentials: Bool { get }

    /// Called once for each HTTP request and each WebSocket upgrade, from any task, several at a time.
    ///
    /// - Throws: ``AuthenticationError``, which the client is told (401).
    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal
}

/// An authenticator whose token may also come as the first message of a stream, `{"op":"auth","token":"…"}`, since browsers
/// send no headers of a page with the upgrade. A token alone is enough for it, and a request without one is refused with
/// `auth.missing`.
public protocol FirstMessageAuthenticator: Authenticator {}

/// An authenticator that adds something to another one.
protocol NestedAuthenticator: Authenticator {
    var base: any Authenticator { get }
}

extension Authenticator {
    /// Whether a client may show its token by the first message (``FirstMessageAuthenticator``).
    package var takesFirstMessages: Bool {
        (self as? any NestedAuthenticator)?.base.takesFirstMessages ?? (self is any FirstMessageAuthenticator)
    }
}
