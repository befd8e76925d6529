import AgentEvents
import AgentEventsProtocol
import AgentEventsTestSupport
import Testing

@testable import AgentEventsHub

/// Credentials that are replaced while the connection stays.
@Suite(.timeLimit(.minutes(10)))
struct RefreshTests {
    private static let followed = ["subscribed 1", "1", "live"]

    @Test func theConnectionOutlivesItsFirstCredentials() async throws {
        try await CredentialStage.with(life: 100) { stage in
            try await stage.follow()
            await stage.advance(by: .seconds(80))
            stage.issue("new", life: 100)
            try await stage.refresh("new")
            try await stage.session.expect(Self.followed + ["expiring", "refreshed 5"])
            let expiresAt = try #require(stage.authenticator["new"]?.expiresAt)
            #expect(
                try await stage.session.texts().last
                    == #"{"op":"refreshed","req":5,"expires_at":"\#(expiresAt.rfc3339)"}"#)
            await stage.advance(by: .seconds(40))
            try await stage.log(1)
            try await stage.session.expect(Self.followed + ["expiring", "refreshed 5", "2"])
            for _ in 0..<2 { await stage.advance(by: .seconds(30)) }
            try await stage.session.expect(
                Self.followed + ["expiring", "refreshed 5", "2", "expiring", "close: auth.expired"])
        }
    }

    @Test func credentialsWithoutAnEndNeverEnd() async throws {
        try await CredentialStage.with(life: 50) { stage in
            stage.issue("new", life: nil)
            try await stage.refresh("new")
            try await stage.session.expect(["refreshed 5"])
            await stage.advance(by: .seconds(3000))
            try await stage.pong()
            #expect(try await stage.session.texts().first == #"{"op":"refreshed","req":5,"expires_at":null}"#)
        }
    }

    @Test(arguments: [("unknown", "auth.invalid"), ("late", "auth.expired"), ("revoked", "auth.revoked")])
    func aFailedRefreshLeavesTheConnectionToItsEnd(token: String, code: String) async throws {
        try await CredentialStage.with(life: 50) { stage in
            try await stage.follow()
            stage.issue("late", life: 0)
            stage.issue("revoked", id: "j_9")
            try await stage.hub.revoke(.token(id: "j_9"))
            try await stage.refresh(token)
            try await stage.session.expect(Self.followed + ["\(code) 5"])
            await stage.advance(by: .milliseconds(49_999))
            try await stage.log(1)
            try await stage.session.expect(Self.followed + ["\(code) 5", "2"])
            await stage.advance(by: .milliseconds(1))
            try await stage.session.expect(Self.followed + ["\(code) 5", "2", "close: auth.expired"])
        }
    }

    @Test(arguments: [true, false])
    func aConnectionStaysWithItsUserAndItsIssuer(isOtherUser: Bool) async throws {
        try await CredentialStage.with { stage in
            if isOtherUser { stage.issue("new", user: "u_2") } else { stage.issue("new", issuer: "i_2") }
            try await stage.refresh("new")
            try await stage.session.expect(["auth.subject_changed 5", "close: auth.subject_changed"])
            #expect(try await stage.session.calls(until: "close 4401").last == "close 4401")
        }
    }

    /// With an authorizer that is asked, and with one whose answer is at hand.
    @Test(arguments: [true, false])
    func whatTheNewCredentialsDoNotAllowEnds(isConstant: Bool) async throws {
        try await CredentialStage.with(isConstant: isConstant) { stage in
            try await stage.follow()
            try await stage.log(1, in: "t_2")
            try await stage.subscribe("t_2", req: 2)
            try await stage.session.expect(Self.followed + ["subscribed 2", "1", "live"])
            stage.authorizer.set {
                $0.principal.threads.rights(in: $0.thread).contains(.read) ? CredentialStage.all : []
            }
            stage.issue("narrow", threads: .listed([ThreadAllowance(ThreadPattern("t_2"))]))
            try await stage.refresh("narrow")
            let ended = Self.followed + ["subscribed 2", "1", "live", "refreshed 5", "unsubscribed thread.forbidden"]
            try await stage.session.expect(ended)
            #expect(
                try await stage.session.texts().last
                    == #"{"op":"unsubscribed","thread_id":"t_1","code":"thread.forbidden"}"#)
            try await stage.log(1)
            try await stage.log(1, in: "t_2")
            try await stage.session.expect(ended + ["2"])
            // It has ended for the service as well.
            try await stage.session.send(#"{"op":"unsubscribe","req":6,"thread_id":"t_1"}"#)
            try await stage.session.expect(ended + ["2", "subscription.unknown 6"])
        }
    }

    /// The scope goes, and with it all that was given by it.
    @Test(arguments: [true, false])
    func withoutTheScopeNothingIsRead(isConstant: Bool) async throws {
        try await CredentialStage.with(isConstant: isConstant) { stage in
            try await stage.follow()
            stage.issue("new", scopes: [.emit])
            try await stage.refresh("new")
            let ended = Self.followed + ["refreshed 5", "unsubscribed thread.forbidden"]
            try await stage.session.expect(ended)
            try await stage.subscribe(req: 2)
            try await stage.session.expect(ended + ["auth.scope_missing 2"])
        }
    }

    /// What was silent is served, from where it began.
    @Test(arguments: [true, false])
    func whatTheNewCredentialsAllowBeginsAtOnce(isConstant: Bool) async throws {
        try await CredentialStage.with(threads: .own, isConstant: isConstant) { stage in
            stage.authorizer.set {
                $0.principal.threads.rights(in: $0.thread).contains(.read) ? CredentialStage.all : []
            }
            try await stage.log(2)
            try await stage.subscribe()
            try await stage.session.expect(["subscribed 1", "live"])
            stage.issue("wide", threads: .listed([ThreadAllowance(ThreadPattern("t_*"))]))
            try await stage.refresh("wide")
            try await stage.session.expect(["subscribed 1", "live", "refreshed 5", "1", "2"])
        }
    }

    /// What comes after it is carried out with the new credentials.
    @Test func whatIsSentAfterARefreshWaitsForIt() async throws {
        try await CredentialStage.with(threads: .own, isConstant: true) { stage in
            try await stage.log(1)
            stage.issue("wide")
            stage.authenticator.hold()
            try await stage.refresh("wide")
            try await stage.subscribe(req: 6)
            try await stage.refresh("unknown", req: 7)
            try await stage.session.send(#"{"op":"ping","req":8}"#)
            try await wait(for: "the token") { stage.authenticator.waitingCount == 1 }
            #expect(try await stage.session.words().isEmpty)
            stage.authenticator.release()
            try await wait(for: "all of it") { try await stage.session.words().count == 6 }
            let words = try await stage.session.words()
            #expect(words.first == "refreshed 5")
            #expect(Set(words) == ["refreshed 5", "subscribed 6", "1", "live", "auth.invalid 7", "pong 8"])
            #expect(words.firstIndex(of: "auth.invalid 7") ?? 9 < words.firstIndex(of: "pong 8") ?? 0)
        }
    }

    /// The place was looked up with what the connection had before.
    @Test func aPlaceThatWasLookedUpBeforeIsLookedUpAgain() async throws {
        let log = HeldReadsLog()
        try await CredentialStage.with(log: log, isConstant: true) { stage in
            defer { log.letGo() }
            try await stage.log(2)
            log.hold()
            try await stage.subscribe()
            await log.waitForRead()
            stage.issue("narrow", threads: .own)
            try await stage.refresh("narrow")
            try await stage.session.expect(["refreshed 5"])
            log.letGo()
            try await stage.session.expect(["refreshed 5", "subscribed 1", "live"])
            #expect(try await !stage.session.texts().contains { $0.contains("\"1-2\"") })
        }
    }
}
