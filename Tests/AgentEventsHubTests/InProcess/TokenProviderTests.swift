import AgentEvents
import AgentEventsClient
import AgentEventsHub
import AgentEventsInProcess
import AgentEventsProtocol
import AgentEventsTestSupport
import AgentEventsTesting
import Logging
import Synchronization
import Testing

/// The Swift client replaces its token in time, against a real hub.
@Suite(.timeLimit(.minutes(10)))
struct TokenProviderTests {
    private static func principal(_ clock: ManualClock, life: Int64) -> Principal {
        let now = clock.wallClock.now()
        return Principal(
            user: "u_1", scopes: [.read, .emit], expiresAt: Timestamp(milliseconds: now.milliseconds + life * 1000),
            token: TokenIdentity(id: "j_1", issuedAt: now))
    }

    private static func log(_ hub: AgentEventsHub) async throws {
        let context = try await hub.runtime.context(user: "u_1", thread: "t_1")
        try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: 1))))
        try await context.flush()
    }

    /// A client with a token of 100 seconds, against a hub; time is the test's.
    private static func with(
        _ provide: @escaping @Sendable (Int) throws -> String,
        _ body: @Sendable (AgentEventsHub, ScriptedAuthenticator, StreamClient, ManualClock) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let authenticator = ScriptedAuthenticator()
        let hub = AgentEventsHub(
            runtime: AgentRuntime(
                log: InMemoryEventLog(), configuration: RuntimeConfiguration(environment: .manual(clock))),
            authorizer: OwnershipAuthorizer(), authenticator: authenticator, logger: Logger(label: "test"))
        let count = Atomic(0)
        var configuration = ClientConfiguration(environment: .manual(clock))
        configuration.random = { 0.5 }
        configuration.backoff.firstPause = .zero
        let client = StreamClient(
            connector: InProcessConnector(hub, as: principal(clock, life: 100)),
            tokenProvider: { try provide(count.add(1, ordering: .relaxed).newValue) }, configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await hub.run() }
            try await body(hub, authenticator, client, clock)
            group.cancelAll()
        }
    }

    /// It is due after 70 seconds, and the connection lives on after the 100.
    @Test func theStreamOutlivesItsToken() async throws {
        try await Self.with {
            "token \($0)"
        } _: { hub, authenticator, client, clock in
            try await client.withEvents(of: "t_1", from: .start) { follower in
                var events = follower.makeAsyncIterator()
                try await Self.log(hub)
                let first = try await events.next()
                guard case .event? = first else {
                    Issue.record("\(String(describing: first))")
                    return
                }
                for _ in 0..<7 {
                    #expect(authenticator.tokens.isEmpty)
                    try await clock.waitForSleep(of: .seconds(10))
                    authenticator["token 1"] = Self.principal(clock, life: 200)
                    clock.advance(by: .seconds(10))
                }
                try await wait(for: "the token") { authenticator.tokens == ["token 1"] }
                // It counts once the client has been told, and waits again.
                try await clock.waitForSleep(of: .seconds(10))
                clock.advance(by: .seconds(35))
                try await Self.log(hub)
                var sequences: [UInt64] = []
                while sequences.isEmpty, let element = try await events.next() {
                    if case .event(let event) = element { sequences.append(event.cursor.sequence) }
                    if case .interrupted(let error, _) = element { Issue.record("\(error)") }
                }
                #expect(sequences == [2])
            }
        }
    }

    /// The connector of this test has no other token: the second end is the last.
    @Test func withoutAnotherTokenTheStreamEndsWithTheCode() async throws {
        struct NoToken: Error {}
        try await Self.with { _ in
            throw NoToken()
        } _: { hub, authenticator, client, _ in
            try await client.withEvents(of: "t_1", from: .start) { follower in
                var events = follower.makeAsyncIterator()
                try await Self.log(hub)
                _ = try await events.next()
                try await hub.closeConnections(of: "u_1", reconnect: false)
                try await hub.revoke(.token(id: "j_1"))
                do {
                    while try await events.next() != nil {}
                    Issue.record("it does not end by itself")
                } catch {
                    #expect((error as? AgentEventsClientError)?.code.rawValue == "auth.revoked")
                }
            }
            #expect(authenticator.tokens.isEmpty)
        }
    }
}
