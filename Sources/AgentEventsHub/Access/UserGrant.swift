public import AgentEvents

/// Users for whom a principal may emit.
@nonexhaustive
public enum UserGrant: Hashable, Sendable {
    /// Nobody but the principal's own user.
    case nobody
    /// These.
    case listed(Set<UserID>)
    /// All.
    case everybody

    /// Whether the principal may emit for the user.
    public func includes(_ user: UserID) -> Bool {
        switch self {
        case .nobody: false
        case .listed(let users): users.contains(user)
        case .everybody: true
        }
    }
}
