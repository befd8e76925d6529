import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

@testable import AgentEventsTokens

/// Tokens that were checked before: a connection that comes back with one is let in where it is.
@Suite(.timeLimit(.minutes(10)))
struct KnownTokenTests {
    /// The user; the code of a refusal; `-` where the authenticator has to be asked.
    private static func told(_ token: String?, by tokens: TokenAuthenticator) -> String {
        switch tokens.authenticateAtOnce(Credentials(token: token, path: "/")) {
        case .success(let principal): principal.user.rawValue
        case .failure(let error): "\(error.code)"
        case nil: "-"
        }
    }

    @Test func aTokenIsKnownAtOnceOnceItWasChecked() async throws {
        let key = try await TestKey.make(.es256, id: "k1")
        try await TokenStage.published([key]) { stage async throws in
            let token = try key.token(stage.claims())
            #expect(Self.told(token, by: stage.tokens) == "-")
            #expect(try await stage.principal(token).user == "u_1")
            #expect(Self.told(token, by: stage.tokens) == "u_1")
            // Not another one, nor none, nor one that was refused.
            let other = try key.token(stage.claims(["jti": "j_2"]))
            #expect(Self.told(other, by: stage.tokens) == "-")
            #expect(Self.told(nil, by: stage.tokens) == "-")
            let foreign = try key.token(stage.claims(["aud": "there"]))
            #expect(await stage.code(foreign) == "auth.invalid")
            #expect(Self.told(foreign, by: stage.tokens) == "-")
        }
    }

    @Test func aKnownTokenEndsWithItsTimeAndWithItsKey() async throws {
        let keys = [try await TestKey.make(.es256, id: "k1"), try await TestKey.make(.es256, id: "k2")]
        try await TokenStage.published(keys) { stage async throws in
            let (first, second) = (try keys[0].token(stage.claims()), try keys[1].token(stage.claims()))
            for token in [first, second] { _ = try await stage.principal(token) }
            stage.issuer.publish(keySet([keys[1]]))
            try await stage.tokens.prepareReload()()
            while Self.told(first, by: stage.tokens) == "u_1" { await Task.yield() }
            #expect(Self.told(first, by: stage.tokens) == "-")
            #expect(await stage.code(first) == "auth.invalid")
            // Those of the other key are checked once more.
            #expect(Self.told(second, by: stage.tokens) == "-")
            #expect(await stage.code(second) == nil)
            #expect(Self.told(second, by: stage.tokens) == "u_1")
            stage.clock.advance(by: .seconds(2 * 3600))
            #expect(Self.told(second, by: stage.tokens) == "auth.expired")
        }
    }
}
