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

/// An authenticator whose credentials end by themselves. Revocations of them are kept for that long.
public protocol ExpiringAuthenticator: Authenticator {
    /// The longest time from the issue of credentials until they count no longer, with what clocks may differ by; `nil` when some
    /// of them never end.
    var longestLife: Duration? { get }
}

/// An authenticator whose keys change while it is in use. Credentials that were made with a key which is gone count no longer,
/// also on connections that are open, until the key is back.
package protocol KeyedAuthenticator: Authenticator {
    /// Whether the key that the credentials were made with is there.
    func hasKey(of principal: Principal) -> Bool

    /// - Parameter body: is called, from any task, after keys have gone.
    func observeKeys(_ body: @escaping @Sendable () -> Void)
}

/// An authenticator that knows some answers without waiting for anything: an upgrade goes on where it is then, and needs no turn
/// of another thread.
package protocol ImmediateAuthenticator: Authenticator {
    /// The answer of ``Authenticator/authenticate(_:)``, or `nil` when it must be asked for. Called on event loops; it does no work
    /// that takes long.
    func authenticateAtOnce(_ credentials: Credentials) -> Result<Principal, AuthenticationError>?
}

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
