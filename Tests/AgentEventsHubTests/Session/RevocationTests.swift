import AgentEvents
import AgentEventsProtocol
import AgentEventsTestSupport
import AgentEventsTesting
import Logging
import NIOCore
import ServiceLifecycle
import Testing

@testable import AgentEventsHub

/// Credentials that are revoked before their end.
@Suite(.timeLimit(.minutes(10)))
struct RevocationTests {
    private static let followed = ["subscribed 1", "1", "live"]

    @Test(
        arguments: [
            .token(id: "j_1"), .user("u_1", issuedBefore: nil), .key(issuer: "i_1", id: "k_1"),
            .key(issuer: nil, id: "k_1"),
        ] as [Revocation])
    func whatIsRevokedEndsAndIsNotTakenAgain(_ revocation: Revocation) async throws {
        try await CredentialStage.with { stage in
            try await stage.follow()
            stage.issue("old", id: "j_1")
            stage.advanceHub(by: .seconds(1))
            try await stage.hub.revoke(revocation)
            try await stage.log(1)
            try await stage.session.expect(Self.followed + ["close: auth.revoked"])
            await #expect(throws: AuthenticationError.self) {
                try await stage.hub.authenticator.authenticate(Credentials(token: "old", path: "/v1/stream"))
            }
            stage.issue("new", id: "j_2")
            let isTaken = try? await stage.hub.authenticator.authenticate(Credentials(token: "new", path: "/v1/stream"))
            if case .key = revocation { #expect(isTaken == nil) } else { #expect(isTaken?.user == "u_1") }
        }
    }

    @Test(
        arguments: [
            .token(id: "j_7"), .user("u_7", issuedBefore: nil), .key(issuer: "i_7", id: "k_1"),
            .user("u_1", issuedBefore: Timestamp(milliseconds: 0)),
        ] as [Revocation])
    func whatIsRevokedOfOthersEndsNothing(_ revocation: Revocation) async throws {
        try await CredentialStage.with { stage in
            try await stage.follow()
            try await stage.hub.revoke(revocation)
            try await stage.log(1)
            try await stage.session.expect(Self.followed + ["2"])
        }
    }

    /// Its event loop is not told here.
    @Test func sec32ACommitIsNotWrittenOnceTheCredentialsAreRevoked() async throws {
        try await CredentialStage.with { stage in
            try await stage.follow()
            _ = try stage.hub.access.revocations.begin(.token(id: "j_1"))
            stage.hub.access.credentialsRevoked()
            try await stage.log(1)
            try await stage.session.expect(Self.followed + ["close: auth.revoked"])
        }
    }

    /// Between the look at its token and its beginning.
    @Test func aSessionThatBeginsAfterTheRevocationEndsAtOnce() async throws {
        try await CredentialStage.with { stage in
            let (hub, eventLoop) = (stage.hub, stage.session.eventLoop)
            try await hub.revoke(.token(id: "j_5"))
            try await eventLoop.submit {
                let transport = RecordingTransport()
                let principal = Principal(user: "u_1", token: TokenIdentity(id: "j_5"))
                _ = hub.adopt(transport, as: principal, on: eventLoop)
                #expect(transport.calls == ["close 4401"])
                #expect(transport.closeReason == "auth.revoked")
            }.get()
        }
    }

    /// SEC-32 for requests over HTTP: their body may have taken its time.
    @Test func anIngestionIsRefusedOnceTheCredentialsAreRevoked() async throws {
        try await CredentialStage.with { stage in
            try await stage.hub.revoke(.token(id: "j_5"))
            let principal = Principal(user: "u_1", scopes: [.emit], token: TokenIdentity(id: "j_5"))
            let request = EmitRequest(thread: "t_1", drafts: [EventDraft(.custom(CustomEvent(name: "n", value: 1)))])
            await #expect {
                try await stage.hub.ingest.log(request, as: principal, root: .messageMember)
            } throws: { ProtocolError.Code.authenticationRevoked ~= $0 }
        }
    }

    @Test func revocationsSurviveARestart() async throws {
        let log = InMemoryEventLog(generations: .counting)
        let clock = ManualClock()
        let authenticator = ScriptedAuthenticator(["a": Principal(user: "u_1", token: TokenIdentity(id: "j_1"))])
        for start in 0..<3 {
            let hub = AgentEventsHub(
                runtime: AgentRuntime(log: log, configuration: RuntimeConfiguration(environment: .manual(clock))),
                authorizer: OwnershipAuthorizer(), authenticator: authenticator, logger: Logger(label: "test"))
            let services = ServiceGroup(services: [hub], logger: Logger(label: "test"))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await services.run() }
                try await hub.runtime.waitForStart()
                let credentials = Credentials(token: "a", path: "/v1/stream")
                let isTaken = (try? await hub.authenticator.authenticate(credentials)) != nil
                // The third start is after the life of every token.
                #expect(isTaken == (start != 1), "\(start)")
                if start == 0 { try await hub.revoke(.token(id: "j_1")) }
                let stored = try await log.loadAll(.revocation, thread: nil)
                #expect(stored.count == (start == 2 ? 0 : 1), "it is removed after its life")
                await services.triggerGracefulShutdown()
                try await group.waitForAll()
            }
            log.close()
            if start == 1 { clock.advance(by: .seconds(25 * 3600)) }
        }
    }

    @Test func closedConnectionsMayComeBackOrNot() async throws {
        for reconnect in [true, false] {
            try await CredentialStage.with { stage in
                let others = try await stage.hub.closeConnections(of: "u_9", reconnect: reconnect)
                let own = try await stage.hub.closeConnections(of: "u_1", reconnect: reconnect)
                #expect(others == 0 && own == 1)
                _ = try await stage.session.calls(until: reconnect ? "close 1012" : "close 4401")
            }
        }
    }

    // MARK: The store

    private static func revocations(_ store: FailingStore) -> Revocations {
        Revocations(
            store: store, lifetime: .seconds(100), environment: .manual(ManualClock()),
            logger: Logger(label: "test"))
    }

    /// It counts all the same, and the caller knows that it would be forgotten.
    @Test func aRevocationThatCannotBeStoredCountsAndIsReported() async throws {
        let store = FailingStore()
        let revocations = Self.revocations(store)
        store.fails = true
        let save = try revocations.begin(.token(id: "j_1"))
        await #expect { try await save?() } throws: { RevocationError.Code.notStored ~= $0 }
        #expect(revocations.revoke(Principal(user: "u_1", token: TokenIdentity(id: "j_1"))))
        store.fails = false
        let again = try #require(try revocations.begin(.token(id: "j_1")))
        try await again()
        #expect(try revocations.begin(.token(id: "j_1")) == nil)
        #expect(try await store.loadAll(.revocation, thread: nil).count == 1)
    }

    @Test func nobodyIsAuthenticatedBeforeItIsKnownWhoIsRevoked() async throws {
        let store = FailingStore()
        let revocations = Self.revocations(store)
        let base = ScriptedAuthenticator(["a": Principal(user: "u_1")])
        let authenticator = RevocationAuthenticator(base: base, revocations: revocations)
        async let principal = authenticator.authenticate(Credentials(token: "a", path: "/"))
        for _ in 0..<100 { await Task.yield() }
        #expect(base.tokens.isEmpty)
        await revocations.load()
        #expect(try await principal.user == "u_1")
        // And nobody at all when the hub has ended before.
        let ended = Self.revocations(store)
        ended.finish()
        await #expect {
            try await RevocationAuthenticator(base: base, revocations: ended)
                .authenticate(Credentials(token: "a", path: "/"))
        } throws: { AuthenticationError.Code.unavailable ~= $0 }
    }

    /// An authenticator that knows its answer is not believed before it is known who is revoked, and not about those.
    @Test func whoIsKnownAtOnceMayBeRevoked() async throws {
        let store = FailingStore()
        let revocations = Self.revocations(store)
        let known = Principal(user: "u_1", token: TokenIdentity(id: "j_1"))
        let authenticator = RevocationAuthenticator(base: KnowingAuthenticator(known), revocations: revocations)
        let credentials = Credentials(token: "a", path: "/")
        #expect(authenticator.authenticateAtOnce(credentials) == nil)
        await revocations.load()
        #expect(try authenticator.authenticateAtOnce(credentials)?.get().user == "u_1")
        try await revocations.begin(.token(id: "j_1"))?()
        #expect { try authenticator.authenticateAtOnce(credentials)?.get() } throws: { error in
            AuthenticationError.Code.revoked ~= error
        }
        // Who must be asked is.
        let other = RevocationAuthenticator(base: ScriptedAuthenticator(["a": known]), revocations: revocations)
        #expect(other.authenticateAtOnce(credentials) == nil)
    }

    /// A value that nobody can read may be about anybody.
    @Test func whatCannotBeReadLetsNobodyIn() async throws {
        let store = FailingStore()
        try await store.save([StoredValue(.revocation, name: "x", bytes: [1])])
        let revocations = Self.revocations(store)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await revocations.load() }
            for _ in 0..<100 { await Task.yield() }
            group.cancelAll()
        }
        revocations.finish()
        #expect(await !revocations.waitUntilLoaded())
    }

    @Test func anIDThatIsLongerThanATokenIsRefused() throws {
        let revocations = Self.revocations(FailingStore())
        #expect {
            _ = try revocations.begin(.token(id: String(repeating: "j", count: 8193)))
        } throws: { RevocationError.Code.tooLong ~= $0 }
    }
}

/// Knows everybody.
private struct KnowingAuthenticator: ImmediateAuthenticator {
    let principal: Principal

    init(_ principal: Principal) { self.principal = principal }

    var needsCredentials: Bool { true }

    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal { principal }

    func authenticateAtOnce(_ credentials: Credentials) -> Result<Principal, AuthenticationError>? {
        .success(principal)
    }
}
