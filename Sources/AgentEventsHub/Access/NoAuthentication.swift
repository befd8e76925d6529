import AgentEvents

/// Lets everybody do everything, as the user `local`: for development, on loopback addresses only.
public struct NoAuthentication: Authenticator {
    /// The same for everybody, and so made once.
    private let everybody = Principal(
        user: "local", scopes: Set(Scope.allCases), threads: .all, actsAs: .everybody)

    public init() {}

    public var needsCredentials: Bool { false }

    public func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        everybody
    }
}

extension NoAuthentication: ImmediateAuthenticator {
    package func authenticateAtOnce(_ credentials: Credentials) -> Result<Principal, AuthenticationError>? {
        .success(everybody)
    }
}
