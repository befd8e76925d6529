import AgentEvents
import AgentEventsProtocol
import AgentEventsTesting
import Logging
import Testing

@testable import AgentEventsHub

/// The rights of members: when they are asked for, and until when they count.
@Suite(.timeLimit(.minutes(10)))
struct MembersAuthorizerTests {
    private static func with(
        _ body: @Sendable (ThreadAccess, MembersAuthorizer, InMemoryEventLog, ManualClock) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let log = InMemoryEventLog(generations: .counting)
        _ = try await log.open()
        let authorizer = MembersAuthorizer(store: log)
        let access = ThreadAccess(authorizer, environment: .manual(clock), logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await access.questions.run() }
            group.addTask { await authorizer.members.run() }
            defer {
                access.questions.finish()
                authorizer.members.finish()
            }
            try await body(access, authorizer, log, clock)
        }
    }

    private static func member(
        _ id: UserID, _ role: MemberRole, at now: Timestamp, for life: Int64? = nil, after cursor: Cursor? = nil
    ) throws -> ThreadMember {
        ThreadMember(
            try MemberSubject(id), role, grantedBy: "u_1", at: now,
            expiresAt: life.map { Timestamp(milliseconds: now.milliseconds + $0) }, visibleAfter: cursor)
    }

    private static func request(_ principal: Principal, owner: UserID? = "u_1") -> RightsRequest {
        RightsRequest(principal: principal, thread: "t_1", owner: owner)
    }

    /// The answer to the user whose thread it is waits for nobody, and counts for ever.
    @Test func theOwnerIsNotAskedFor() async throws {
        try await Self.with { access, _, _, _ in
            let scopes: Set<Scope> = [.read, .command, .open, .share]
            let answer = try #require(access.known(Self.request(Principal(user: "u_1", scopes: scopes))))
            #expect(answer.expires == nil && answer.visibleAfter == nil)
            #expect(answer.allows(.read) && answer.allows(.command) && answer.allows(.share) && !answer.allows(.emit))
            // Nor is one who has everything by the credentials, or cannot get more.
            let backend = Principal(user: "b", scopes: [.emit], actsAs: .everybody)
            #expect(access.known(Self.request(backend))?.allows(.emit) == true)
            #expect(access.known(Self.request(Principal(user: "u_2", threads: .all)))?.allows(.read) == true)
            #expect(
                access.known(Self.request(Principal(user: "u_2", isLimitedToThreads: true)))?.allows(.read) == false)
            // The two take equally long, so that nobody learns which threads there are.
            #expect(access.known(Self.request(Principal(user: "u_2"), owner: nil)) == nil)
            #expect(access.known(Self.request(Principal(user: "u_2"))) == nil)
        }
    }

    @Test func aMemberCountsUntilItEnds() async throws {
        try await Self.with { access, authorizer, _, clock in
            let now = clock.wallClock.now()
            let member = try Self.member("u_2", .viewer, at: now, for: 5000)
            _ = try await authorizer.members.put(member.subject, in: "t_1", at: now) { _ throws(ProtocolError) in member
            }
            let request = Self.request(Principal(user: "u_2"))
            #expect(try await access.answer(to: request).get().rights == .read)
            clock.advance(by: .seconds(4))
            #expect(try await access.answer(to: request).get().rights == .read)
            clock.advance(by: .seconds(1))
            #expect(try await access.answer(to: request).get().rights == [])
        }
    }

    /// What cannot be read gives nothing.
    @Test(arguments: [
        "", "{}", #"{"role":"boss","granted_by":"u_1","granted_at":"2026-01-01T00:00:00Z"}"#,
        #"{"role":"viewer","granted_by":"u_1","granted_at":"2026-01-01T00:00:00Z","expires_at":"soon"}"#,
        #"{"role":"viewer","granted_by":"u_1","granted_at":"2026-01-01T00:00:00Z","visible_after":"x"}"#,
    ])
    func aRowThatCannotBeReadIsNone(_ row: String) async throws {
        try await Self.with { access, _, log, _ in
            try await log.save([StoredValue(.member, thread: "t_1", name: "u_2", bytes: Array(row.utf8))])
            #expect(try await access.answer(to: Self.request(Principal(user: "u_2"))).get().rights == [])
        }
    }

    @Test func aRowIsReadAsItWasWritten() throws {
        let now = Timestamp(milliseconds: 1_800_000_000_123)
        for role in MemberRole.allCases {
            for (life, cursor) in [(nil, nil), (60_000, nil), (nil, Cursor("3-42")), (1, Cursor("1-1"))]
                as [(Int64?, Cursor?)]
            {
                for id in ["u_1", "link:abc", "auth0|5f7c"] as [UserID] {
                    let member = try Self.member(id, role, at: now, for: life, after: cursor)
                    #expect(ThreadMember(member.stored(in: "t_1")) == member)
                }
            }
        }
    }

    /// The tokens of others name no link, and a link has no more than its role.
    @Test func onlyTheServicesTokensAreLinks() async throws {
        try await Self.with { access, authorizer, _, clock in
            let now = clock.wallClock.now()
            let member = try Self.member("link:a", .participant, at: now)
            _ = try await authorizer.members.put(member.subject, in: "t_1", at: now) { _ throws(ProtocolError) in member
            }
            var link = Principal(
                user: "link:a", scopes: Set(Scope.allCases), threads: .listed([ThreadAllowance(ThreadPattern("t_1"))]),
                isLimitedToThreads: true, token: TokenIdentity(issuer: ShareLink.issuer))
            #expect(try await access.answer(to: Self.request(link)).get().rights == [.read, .command, .approve])
            link.token = TokenIdentity(issuer: "https://others.example")
            link.isLimitedToThreads = false
            link.threads = .own
            #expect(try await access.answer(to: Self.request(link)).get().rights == [])
            link.token = TokenIdentity(issuer: ShareLink.issuer)
            #expect(try await access.answer(to: Self.request(link)).get().rights == [])
            let other = Principal(
                user: "link:b", threads: .listed([ThreadAllowance(ThreadPattern("t_1"))]), isLimitedToThreads: true,
                token: TokenIdentity(issuer: ShareLink.issuer))
            #expect(try await access.answer(to: Self.request(other)).get().rights == [])
        }
    }
}
