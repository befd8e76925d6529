import AgentEvents
import AgentEventsProtocol
import AgentEventsTestSupport
import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEventsHub

/// Keys that are gone, and back.
@Suite(.timeLimit(.minutes(10)))
struct KeyChangeTests {
    /// An authenticator with keys that a test takes away.
    private final class Keys: KeyedAuthenticator, ExpiringAuthenticator {
        private let state = Mutex((keys: Set<[UInt8]>([[1], [2]]), observers: [@Sendable () -> Void]()))
        let longestLife: Duration?

        init(longestLife: Duration? = .seconds(60)) { self.longestLife = longestLife }

        var needsCredentials: Bool { true }

        func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
            Self.principal([credentials.token == "1" ? 1 : 2])
        }

        static func principal(_ key: [UInt8]) -> Principal {
            var principal = Principal(user: "u_1", threads: .all, token: TokenIdentity(id: "j_1"))
            principal.keyFingerprint = key
            return principal
        }

        func hasKey(of principal: Principal) -> Bool {
            principal.keyFingerprint.map { key in state.withLock { $0.keys.contains(key) } } ?? true
        }

        func observeKeys(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.observers.append(body) } }

        func set(_ keys: Set<[UInt8]>) {
            let observers = state.withLock { state in
                state.keys = keys
                return state.observers
            }
            for observer in observers { observer() }
        }
    }

    /// A connection ends that was opened with the key, and no other one; requests are refused until it is back.
    @Test func aKeyThatIsGoneEndsItsConnectionsAndCountsAgainWhenItIsBack() async throws {
        for key: UInt8 in [1, 2] {
            let keys = Keys()
            try await RecordedSession.with(
                log: InMemoryEventLog(generations: .counting), authenticator: keys, principal: Keys.principal([key])
            ) { session in
                try await session.hub.runtime.waitForStart()
                try await session.send(#"{"op":"subscribe","req":1,"thread_id":"t_1","after":"start"}"#)
                try await session.expect(["subscribed 1", "live"])
                keys.set([[2]])
                if key == 1 {
                    try await session.expect(["subscribed 1", "live", "close: auth.revoked"])
                } else {
                    try await session.send(#"{"op":"ping","req":2}"#)
                    try await session.expect(["subscribed 1", "live", "pong 2"])
                }
                func isTaken() async -> Bool {
                    let answer = try? await session.hub.authenticator.authenticate(
                        Credentials(token: "\(key)", path: "/"))
                    return answer != nil
                }
                let taken = await isTaken()
                #expect(taken == (key == 2))
                keys.set([[1], [2]])
                let takenAgain = await isTaken()
                #expect(takenAgain)
            }
        }
    }

    /// A revocation counts for as long as a token may that was issued before it, whatever is configured.
    @Test func revocationsLiveAsLongAsTokens() {
        var configuration = HubConfiguration()
        configuration.revocationLifetime = .seconds(100)
        #expect(configuration.revocationLifetime(for: NoAuthentication()) == .seconds(100))
        #expect(configuration.revocationLifetime(for: Keys(longestLife: .seconds(60))) == .seconds(100))
        #expect(configuration.revocationLifetime(for: Keys(longestLife: .seconds(7000))) == .seconds(7000))
        let endless = configuration.revocationLifetime(for: Keys(longestLife: nil))
        var machine = RevocationStateMachine(lifetime: endless)
        _ = machine.revoke(.token("j_1"), at: Timestamp(milliseconds: 0))
        let century = Timestamp(milliseconds: 100 * 365 * 86_400_000)
        #expect(machine.revokes(TokenIdentity(id: "j_1"), of: "u_1", at: century))
    }
}
