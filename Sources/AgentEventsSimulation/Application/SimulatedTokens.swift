import AgentEvents
import AgentEventsHub
import Synchronization

/// The tokens of an application, which end, and are replaced while a connection is open.
final class SimulatedTokens: Sendable {
    private struct Unavailable: Error {}

    private let user: UserID
    private let life: Int64?
    private let count = Mutex(0)

    /// - Parameter life: how long each counts, in milliseconds; `nil` for ever.
    init(user: UserID, life: Int64?) {
        self.user = user
        self.life = life
    }

    func principal(at now: Timestamp) -> Principal { Self.principal(of: user, life: life, at: now) }

    /// Sometimes there is none.
    @Sendable func next() async throws -> String {
        let number = count.withLock { count in
            count += 1
            return count
        }
        if number % 5 == 0 { throw Unavailable() }
        return "\(user) \(life ?? 0)"
    }

    private static func principal(of user: UserID, life: Int64?, at now: Timestamp) -> Principal {
        var principal = Principal.backend(of: user, [.read, .emit, .command])
        principal.expiresAt = life.map { Timestamp(milliseconds: now.milliseconds + $0) }
        return principal
    }

    /// Authenticates them for the service, which asks for credentials only where they are replaced.
    struct Issuer: Authenticator {
        let wallClock: WallClock
        let needsCredentials = false

        func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
            // As one that asks elsewhere.
            await Task.yield()
            let parts = (credentials.token ?? "").split(separator: " ")
            guard parts.count == 2, let user = try? UserID(String(parts[0])), let milliseconds = Int64(parts[1]) else {
                throw AuthenticationError(.invalid, "that is no token of an application")
            }
            return SimulatedTokens.principal(of: user, life: milliseconds, at: wallClock.now())
        }
    }
}
