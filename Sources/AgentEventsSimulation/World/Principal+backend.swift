import AgentEvents
import AgentEventsHub

extension Principal {
    /// One that chooses the ids of its threads, and emits for every user.
    static func backend(of user: UserID, _ scopes: Set<Scope>) -> Principal {
        Principal(user: user, scopes: scopes.union([.open]), actsAs: .everybody)
    }
}
