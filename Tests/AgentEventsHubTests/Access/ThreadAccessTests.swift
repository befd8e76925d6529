import AgentEvents
import AgentEventsProtocol
import AgentEventsTestSupport
import AgentEventsTesting
import Logging
import Testing

@testable import AgentEventsHub

/// The one decision about the use of a thread, with an authorizer that takes its time, fails or changes its mind.
@Suite(.timeLimit(.minutes(10)))
struct ThreadAccessTests {
    private static let principal = Principal(user: "u_1", scopes: [.read, .emit, .command, .open, .share])

    private static func with(
        _ authorizer: any Authorizer,
        _ body: @Sendable (ThreadAccess, ManualClock) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let access = ThreadAccess(authorizer, environment: .manual(clock), logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await access.questions.run() }
            defer { access.questions.finish() }
            try await body(access, clock)
        }
    }

    private static func code(
        _ access: ThreadAccess,
        _ use: ThreadUse = .read,
        _ thread: ThreadID = "t_1",
        owner: UserID? = "u_2",
        by principal: Principal = principal
    ) async -> String? {
        do throws(ProtocolError) {
            try await access.check(use, of: thread, owner: owner, by: principal)
            return nil
        } catch {
            #expect(error.isRetryable == (error.retryAfterMilliseconds != nil))
            return error.code.rawValue
        }
    }

    @Test(
        arguments: [
            (ThreadUse.read, Rights.read, true, true), (.read, [.emit, .command, .open], false, false),
            (.emit, .emit, true, false), (.emit, [.emit, .open], true, true), (.emit, [.read, .open], false, false),
            (.command, .command, true, false), (.command, [.command, .open], true, true), (.command, [], false, false),
            (.approve, .approve, true, true), (.approve, .command, true, true),
            (.approve, [.read, .emit], false, false),
            (.share, .share, true, true), (.share, [.read, .emit, .command, .open], false, false),
        ] as [(ThreadUse, Rights, Bool, Bool)])
    func eachUseTakesItsRightAndOpeningOneMore(
        use: ThreadUse, rights: Rights, opened: Bool, unopened: Bool
    ) async throws {
        try await Self.with(ScriptedAuthorizer { _ in rights }) { access, _ in
            #expect(await Self.code(access, use) == (opened ? nil : "thread.unknown"))
            #expect(await Self.code(access, use, owner: nil) == (unopened ? nil : "thread.unknown"))
        }
    }

    @Test func withoutTheScopeNobodyIsAsked() async throws {
        let authorizer = ScriptedAuthorizer { _ in [.read, .emit, .command, .open] }
        try await Self.with(authorizer) { access, _ in
            for use in ThreadUse.allCases {
                let principal = Principal(
                    user: "u_1", scopes: Set(Scope.allCases).filter { Rights([$0]).isDisjoint(with: use.right) })
                #expect(await Self.code(access, use, by: principal) == "auth.scope_missing")
            }
        }
        #expect(authorizer.requests.isEmpty)
    }

    /// An error is no answer, and is not kept.
    @Test func aThrowIsDeniedAndAskedAgain() async throws {
        let authorizer = ScriptedAuthorizer { _ in throw ScriptedAuthorizer.Broken() }
        try await Self.with(authorizer) { access, _ in
            #expect(await Self.code(access) == "auth.unavailable")
            #expect(await Self.code(access) == "auth.unavailable")
            #expect(authorizer.requests.count == 2)
            authorizer.set { _ in .read }
            #expect(await Self.code(access) == nil)
        }
    }

    @Test func anAnswerIsKeptForHalfAMinuteAlsoTheEmptyOne() async throws {
        let authorizer = ScriptedAuthorizer { $0.thread == "t_1" ? .read : [] }
        try await Self.with(authorizer) { access, clock in
            for _ in 0..<2 {
                #expect(await Self.code(access) == nil)
                #expect(await Self.code(access, .read, "t_2") == "thread.unknown")
            }
            #expect(authorizer.requests.map(\.thread) == ["t_1", "t_2"])
            #expect(authorizer.requests.first == RightsRequest(principal: Self.principal, thread: "t_1", owner: "u_2"))
            authorizer.set { _ in [] }
            clock.advance(by: .seconds(29))
            #expect(await Self.code(access) == nil)
            clock.advance(by: .seconds(1))
            #expect(await Self.code(access) == "thread.unknown")
        }
    }

    @Test func noAnswerOutlivesTheCredentials() async throws {
        let authorizer = ScriptedAuthorizer { _ in .read }
        try await Self.with(authorizer) { access, clock in
            var principal = Self.principal
            principal.expiresAt = Timestamp(milliseconds: clock.wallClock.now().milliseconds + 5000)
            #expect(await Self.code(access, by: principal) == nil)
            clock.advance(by: .seconds(4))
            #expect(await Self.code(access, by: principal) == nil)
            #expect(authorizer.requests.count == 1)
            clock.advance(by: .seconds(1))
            #expect(await Self.code(access, by: principal) == nil)
            #expect(await Self.code(access, by: principal) == nil)
            #expect(authorizer.requests.count == 3)
        }
    }

    @Test func aChangeCountsAtOnceAlsoForAQuestionThatIsUnderWay() async throws {
        let authorizer = ScriptedAuthorizer { _ in .read }
        try await Self.with(authorizer) { access, _ in
            #expect(await Self.code(access) == nil)
            #expect(await Self.code(access, .read, "t_2") == nil)
            authorizer.set { _ in [] }
            access.invalidate(user: "u_1", thread: "t_1")
            #expect(await Self.code(access) == "thread.unknown")
            #expect(await Self.code(access, .read, "t_2") == nil)

            authorizer.set { _ in .read }
            access.invalidate(user: nil, thread: nil)
            authorizer.hold("t_1")
            async let answer = Self.code(access)
            try await wait(for: "the question") { authorizer.waitingCount == 1 }
            access.invalidate(user: "u_1", thread: nil)
            let before = authorizer.requests.count
            authorizer.release()
            #expect(await answer == nil)
            #expect(authorizer.requests.count == before + 1)
        }
    }

    /// The authorizer does not even end when it is cancelled.
    @Test func whatTakesTooLongIsDenied() async throws {
        let authorizer = ScriptedAuthorizer { _ in .read }
        try await Self.with(authorizer) { access, clock in
            authorizer.hold("t_1")
            async let answer = Self.code(access)
            try await clock.waitForSleep(of: .seconds(2))
            // Another thread, and the same one for somebody else, do not wait.
            #expect(await Self.code(access, .read, "t_2") == nil)
            try await wait(for: "the question") { authorizer.waitingCount == 1 }
            clock.advance(by: .seconds(2))
            #expect(await answer == "auth.unavailable")
            // What comes too late is not kept.
            authorizer.release()
            #expect(await Self.code(access) == nil)
            #expect(authorizer.requests.count { $0.thread == "t_1" } == 2)
        }
    }

    /// What hangs costs a bounded number of tasks.
    @Test func whileTooManyHangNobodyIsAsked() async throws {
        let authorizer = ScriptedAuthorizer { _ in .read }
        let maximum = ThreadAccess.maximumAbandonedCount
        try await Self.with(authorizer) { access, clock in
            authorizer.hold("t_1")
            try await withThrowingTaskGroup(of: String?.self) { group in
                for number in 0..<maximum {
                    let principal = Principal(user: UserID(stringLiteral: "u_\(number)"), scopes: [.read])
                    group.addTask { await Self.code(access, by: principal) }
                }
                try await clock.waitForSleepers(maximum)
                try await wait(for: "the questions") { authorizer.waitingCount == maximum }
                clock.advance(by: .seconds(2))
                for try await code in group { #expect(code == "auth.unavailable") }
            }
            try await wait(for: "the last one to be given up") { access.abandonedQuestionCount == maximum }
            #expect(await Self.code(access, .read, "t_9") == "auth.unavailable")
            authorizer.release()
            try await wait(for: "an answer") { await Self.code(access, .read, "t_9") == nil }
        }
    }

    @Test func atTheEndNobodyIsAsked() async throws {
        try await Self.with(ScriptedAuthorizer { _ in .read }) { access, _ in
            access.questions.finish()
            do throws(ProtocolError) {
                try await access.check(.read, of: "t_1", owner: nil, by: Self.principal)
                Issue.record("it is refused")
            } catch {
                #expect(error.code == .stopping && error.isRetryable)
            }
        }
    }
}
