import AgentEvents

/// Lets everybody do everything, as the user `local`: for development, on loopback addresses only.
public struct NoAuthentication: Authenticator {
    public init() {}

    public var needsCredentials: Bool { false }

    public func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        Principal(user: "local", scopes: Set(Scope.allCases), threads: .all, actsAs: .everybody)
    }
}
