import AgentEvents
import AgentEventsProtocol
import AgentEventsTestSupport
import AgentEventsTesting
import NIOCore
import NIOEmbedded
import Testing

@testable import AgentEventsHub

/// A session whose credentials end, are replaced and revoked, with a time that the test moves.
struct CredentialStage: Sendable {
    let session: RecordedSession
    let authenticator: ScriptedAuthenticator
    let authorizer: ScriptedAuthorizer
    private let clock: ManualClock
    private let eventLoop: NIOAsyncTestingEventLoop

    static let all: Rights = [.read, .emit, .command, .open]

    /// - Parameter life: of the credentials of the session, in seconds; `nil` for one without an end.
    static func with(
        life: Int? = 600,
        scopes: Set<Scope> = [.read, .emit],
        threads: ThreadGrant = .all,
        log: any EventLog = InMemoryEventLog(generations: .counting),
        isConstant: Bool = false,
        _ body: @Sendable (CredentialStage) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let eventLoop = NIOAsyncTestingEventLoop()
        let authenticator = ScriptedAuthenticator()
        let authorizer = ScriptedAuthorizer { _ in all }
        let principal = principal(clock, life: life, scopes: scopes, threads: threads)
        try await RecordedSession.with(
            log: log, authorizer: isConstant ? OwnershipAuthorizer() as any Authorizer : authorizer,
            authenticator: authenticator,
            principal: principal, configuration: RuntimeConfiguration(environment: .manual(clock)), on: eventLoop
        ) { session in
            defer {
                authorizer.release()
                authenticator.release()
            }
            try await body(
                CredentialStage(
                    session: session, authenticator: authenticator, authorizer: authorizer, clock: clock,
                    eventLoop: eventLoop))
        }
    }

    var hub: AgentEventsHub { session.hub }

    private static func principal(
        _ clock: ManualClock, life: Int?, scopes: Set<Scope>, threads: ThreadGrant, user: UserID = "u_1",
        issuer: String = "i_1", id: String = "j_1"
    ) -> Principal {
        let now = clock.wallClock.now()
        return Principal(
            user: user, scopes: scopes, threads: threads,
            expiresAt: life.map { Timestamp(milliseconds: now.milliseconds + Int64($0) * 1000) },
            token: TokenIdentity(issuer: issuer, key: "k_1", id: id, issuedAt: now))
    }

    /// Has a token stand for credentials that are issued now.
    func issue(
        _ token: String, life: Int? = 600, scopes: Set<Scope> = [.read, .emit], threads: ThreadGrant = .all,
        user: UserID = "u_1", issuer: String = "i_1", id: String = "j_2"
    ) {
        authenticator[token] = Self.principal(
            clock, life: life, scopes: scopes, threads: threads, user: user, issuer: issuer, id: id)
    }

    /// Time passes, for the hub and then for the event loop.
    func advance(by duration: Duration) async {
        clock.advance(by: duration)
        await eventLoop.advanceTime(by: .milliseconds(duration.milliseconds))
    }

    /// Time passes that the event loop has not noticed.
    func advanceHub(by duration: Duration) { clock.advance(by: duration) }

    func log(_ count: Int, in thread: ThreadID = "t_1") async throws {
        let context = try await hub.runtime.context(user: "u_2", thread: thread)
        for _ in 0..<count {
            let message = UserMessage(messageID: "m_0", userID: "u_2", text: "x")
            try await context.emit(EventDraft(.userMessage(message)))
        }
        try await context.flush()
    }

    func subscribe(_ thread: ThreadID = "t_1", req: Int = 1, after: String = "start") async throws {
        try await session.send(
            #"{"op":"subscribe","req":\#(req),"thread_id":"\#(thread)","after":"\#(after)"}"#)
    }

    func refresh(_ token: String, req: Int = 5) async throws {
        try await session.send(#"{"op":"refresh","req":\#(req),"token":"\#(token)"}"#)
    }

    /// A session that has event 1 of the thread, and is live.
    func follow() async throws {
        try await log(1)
        try await subscribe()
        try await session.expect(["subscribed 1", "1", "live"])
    }

    /// Everything that the client sent before is answered.
    func pong(_ req: Int = 9) async throws {
        try await session.send(#"{"op":"ping","req":\#(req)}"#)
        try await wait(for: "the pong") { try await session.words().contains("pong \(req)") }
    }
}
