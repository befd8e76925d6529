import AgentEvents
import AgentEventsProtocol
import AgentEventsTestSupport
import AgentEventsTesting
import NIOCore
import Testing

@testable import AgentEventsHub

/// SEC-32: nothing is written after a right is lost, at each of the places where events are written, and nothing that waits is
/// carried out. The event loop is not told here: the epoch and the time alone are compared.
@Suite(.timeLimit(.minutes(10)))
struct AccessEpochTests {
    private static let followed = ["subscribed 1", "1", "live"]

    @Test func sec32ACommitIsNotWrittenOnceTheEpochHasRisen() async throws {
        try await CredentialStage.with { stage in
            try await stage.follow()
            stage.authorizer.set { _ in [] }
            stage.hub.access.invalidate(user: "u_1", thread: "t_1")
            try await stage.log(2)
            try await stage.pong()
            #expect(try await stage.session.words() == Self.followed + ["pong 9"])
            // Given back, it gets what it missed.
            stage.authorizer.set { _ in CredentialStage.all }
            stage.hub.invalidateRights(user: "u_1", thread: nil)
            try await stage.session.expect(Self.followed + ["pong 9", "2", "3"])
        }
    }

    /// Of another user, or in another thread: it is looked at once, and nothing is asked.
    @Test(arguments: [("u_2", nil), (nil, "t_2"), ("u_2", "t_1")] as [(UserID?, ThreadID?)])
    func aChangeThatConcernsOthersHoldsNothingUp(user: UserID?, thread: ThreadID?) async throws {
        try await CredentialStage.with { stage in
            try await stage.follow()
            let asked = stage.authorizer.requests.count
            stage.hub.access.invalidate(user: user, thread: thread)
            try await stage.log(1)
            try await stage.session.expect(Self.followed + ["2"])
            stage.hub.access.credentialsRevoked()
            try await stage.log(1)
            try await stage.session.expect(Self.followed + ["2", "3"])
            #expect(stage.authorizer.requests.count == asked)
        }
    }

    /// It is read while it is allowed, and comes when it is allowed again: it is read again all the same.
    @Test func sec32APageOfAnEarlierEpochIsDropped() async throws {
        let log = HeldReadsLog()
        try await CredentialStage.with(log: log) { stage in
            defer { log.letGo() }
            try await stage.log(2)
            try await stage.session.onLoop { transport, _ in transport.isWritable = false }
            log.hold()
            try await stage.subscribe()
            try await stage.session.expect(["subscribed 1"])
            try await stage.session.onLoop { transport, session in
                transport.isWritable = true
                session.writabilityChanged()
            }
            await log.waitForRead()
            stage.authorizer.set { _ in [] }
            stage.hub.invalidateRights(user: "u_1", thread: "t_1")
            stage.authorizer.set { _ in CredentialStage.all }
            let asked = stage.authorizer.requests.count
            stage.hub.invalidateRights(user: "u_1", thread: "t_1")
            try await wait(for: "the answer") {
                stage.authorizer.requests.count > asked
                    && stage.authorizer.requests.last.map { stage.hub.access.known($0) != nil } == true
            }
            try await stage.pong()
            log.letGo()
            try await stage.session.expect(["subscribed 1", "pong 9", "1", "2", "live"])
        }
    }

    /// The page is on its way when the credentials end.
    @Test(arguments: [true, false])
    func sec32NoPageIsWrittenAfterTheCredentialsHaveEnded(isTold: Bool) async throws {
        let log = HeldReadsLog()
        try await CredentialStage.with(life: 10, log: log) { stage in
            defer { log.letGo() }
            try await stage.log(2)
            log.hold()
            try await stage.subscribe()
            await log.waitForRead()
            if isTold { await stage.advance(by: .seconds(10)) } else { stage.advanceHub(by: .seconds(10)) }
            log.letGo()
            try await stage.session.expect(["close: auth.expired"])
            #expect(try await stage.session.calls(until: "close 4401").last == "close 4401")
        }
    }

    /// A state of two parts, of which the client has taken one.
    @Test func sec32NoPartOfAStateIsWrittenAfterTheCredentialsHaveEnded() async throws {
        try await CredentialStage.with(life: 10) { stage in
            let context = try await stage.hub.runtime.context(user: "u_2", thread: "t_1")
            try await context.emit(EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())))
            let arguments: JSONValue = ["query": .string(String(repeating: "x", count: 700_000))]
            for call in ["c_1", "c_2"] as [CallID] {
                let executing = ToolExecuting(callID: call, tool: "search", arguments: arguments)
                try await context.emit(EventDraft(runID: "r_1", .toolExecuting(executing)))
            }
            try await context.flush()
            try await stage.session.onLoop { transport, _ in
                transport.onWrite = { transport in
                    if transport.calls.last == "snapshot" { transport.isWritable = false }
                }
            }
            try await stage.subscribe(after: "snapshot")
            try await stage.session.expect(["subscribed 1", "snapshot"])
            stage.advanceHub(by: .seconds(10))
            try await stage.session.onLoop { transport, session in
                transport.onWrite = { _ in }
                transport.isWritable = true
                session.writabilityChanged()
            }
            try await stage.session.expect(["subscribed 1", "snapshot", "close: auth.expired"])
        }
    }

    /// To the millisecond, with a timer that has not fired; also where no answer of an authorizer ends with them.
    @Test(arguments: [false, true])
    func sec32NoCommitIsWrittenAfterTheCredentialsHaveEnded(isConstant: Bool) async throws {
        try await CredentialStage.with(life: 10, isConstant: isConstant) { stage in
            try await stage.follow()
            stage.advanceHub(by: .milliseconds(9999))
            try await stage.log(1)
            try await stage.session.expect(Self.followed + ["2"])
            stage.advanceHub(by: .milliseconds(1))
            try await stage.log(1)
            try await stage.session.expect(Self.followed + ["2", "close: auth.expired"])
        }
    }

    /// Nothing is committed, and nothing comes from the client.
    @Test(arguments: [10, 60, 61])
    func aQuietConnectionEndsWithItsCredentials(life: Int) async throws {
        try await CredentialStage.with(life: life) { stage in
            try await stage.follow()
            let warning = life > 60 ? ["expiring"] : []
            await stage.advance(by: .seconds(life) - .milliseconds(1))
            try await stage.pong()
            #expect(try await stage.session.words() == Self.followed + warning + ["pong 9"])
            await stage.advance(by: .milliseconds(1))
            try await stage.session.expect(Self.followed + warning + ["pong 9", "close: auth.expired"])
        }
    }

    @Test func theClientIsWarnedHalfAMinuteBefore() async throws {
        try await CredentialStage.with(life: 90) { stage in
            await stage.advance(by: .milliseconds(59_999))
            try await stage.pong()
            await stage.advance(by: .milliseconds(1))
            try await stage.session.expect(["pong 9", "expiring"])
            #expect(try await stage.session.texts().last == #"{"op":"expiring","expires_in_ms":30000}"#)
        }
    }

    /// A leeway lets it in; it has a moment to be replaced.
    @Test func whatIsAsGoodAsExpiredHasFiveSeconds() async throws {
        try await CredentialStage.with(life: -10) { stage in
            try await stage.follow()
            await stage.advance(by: .milliseconds(4999))
            try await stage.log(1)
            try await stage.session.expect(Self.followed + ["2"])
            await stage.advance(by: .milliseconds(1))
            try await stage.session.expect(Self.followed + ["2", "close: auth.expired"])
        }
    }

    // MARK: What waits

    private static func batch(
        _ stage: CredentialStage,
        _ validity: Validity
    ) throws -> EmissionBatch {
        let principal = Principal(
            user: "u_1", scopes: [.emit, .command, .open], threads: .all, token: TokenIdentity(id: "j_1"))
        let items = try (1...2).map { number in
            let text =
                #"{"op":"emit","thread_id":"t_\#(number)","events":[{"type":"custom","data":{"name":"n","value":1}}]}"#
            let message = try ClientMessage.decode(Array(text.utf8), maximumBatchEvents: 1)
            guard case .emit(let request) = message.operation else { throw CancellationError() }
            return EmissionQueue.Item(
                request: .emit(request), tag: RequestTag(number: Int64(number)), refusal: nil, rights: nil)
        }
        return EmissionBatch(
            items: items, principal: principal, validity: validity, access: stage.hub.access,
            environment: stage.hub.runtime.environment, ingest: stage.hub.ingest, commands: stage.hub.commands)
    }

    private static func codes(_ replies: [EmissionReply]) -> [String] {
        replies.map { reply in
            if case .error(let error) = reply.message { error.code.rawValue } else { "emitted" }
        }
    }

    /// The first one is being carried out, and the second one waits.
    @Test(arguments: ["auth.revoked", "auth.expired"])
    func sec32AnEmissionThatWaitsIsNotCarriedOutOnceTheCredentialsAreGone(code: String) async throws {
        try await CredentialStage.with { stage in
            let validity = Validity()
            let batch = try Self.batch(stage, validity)
            stage.authorizer.hold("t_1")
            async let replies = batch.run()
            try await wait(for: "the question") { stage.authorizer.waitingCount == 1 }
            if code == "auth.revoked" {
                try await stage.hub.revoke(.token(id: "j_1"))
            } else {
                validity.end = 0
            }
            stage.authorizer.release()
            #expect(await Self.codes(replies) == ["emitted", code])
            #expect(try await stage.hub.runtime.log.thread("t_2") == nil)
        }
    }

    /// The rights in the thread are looked at when it is its turn.
    @Test func sec32AnEmissionThatWaitsNeedsTheRightsOfThen() async throws {
        try await CredentialStage.with { stage in
            let batch = try Self.batch(stage, Validity())
            stage.authorizer.hold("t_1")
            async let replies = batch.run()
            try await wait(for: "the question") { stage.authorizer.waitingCount == 1 }
            stage.authorizer.set { $0.thread == "t_1" ? CredentialStage.all : [] }
            stage.authorizer.release()
            #expect(await Self.codes(replies) == ["emitted", "thread.unknown"])
        }
    }

    // MARK: Other threads

    /// SEC-31: a cursor carries no right. One of another session is answered as in a thread without events, to the byte.
    @Test(arguments: [#","after":"1-1""#, #","after":"1-2""#, #","after":"9-9""#, #","snapshot":true,"after":"1-1""#])
    func sec31ACursorOfSomebodyElseOpensNothing(more: String) async throws {
        func answers(_ count: Int) async throws -> [String] {
            try await RecordedSession.with { session in
                let context = try await session.hub.runtime.context(user: "u_2", thread: "t_1")
                for _ in 0..<count {
                    try await context.emit(
                        EventDraft(.userMessage(UserMessage(messageID: "m_0", userID: "u_2", text: "x"))))
                }
                try await context.flush()
                try await session.send(#"{"op":"subscribe","req":1,"thread_id":"t_1"\#(more)}"#)
                try await wait(for: "live") { try await session.words().last == "live" }
                return try await session.texts()
            }
        }
        let foreign = try await answers(2)
        #expect(try await foreign == answers(0))
        #expect(!foreign.contains { $0.contains("user_message") })
    }

    /// SEC-34: a subscription that is refused, or silent, takes nothing from the others of its connection.
    @Test func sec34ARefusedSubscriptionEndsNothingElse() async throws {
        try await CredentialStage.with { stage in
            stage.authorizer.set { request in
                switch request.thread {
                case "t_2": []
                case "t_3": throw ScriptedAuthorizer.Broken()
                default: CredentialStage.all
                }
            }
            try await stage.log(1, in: "t_2")
            try await stage.follow()
            try await stage.subscribe("t_2", req: 2)
            try await stage.subscribe("t_3", req: 3)
            try await wait(for: "both") {
                let words = try await stage.session.words()
                return words.contains("subscribed 2") && words.contains("auth.unavailable 3")
            }
            try await stage.log(1)
            try await wait(for: "the event") { try await stage.session.words().last == "2" }
        }
    }
}
