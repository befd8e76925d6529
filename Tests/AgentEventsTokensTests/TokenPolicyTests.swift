import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Foundation
import Testing

@testable import AgentEventsTokens

/// What is asked of the claims of a token, and what they allow: SEC-25, SEC-26, SECURITY 5.1 and 5.2.
@Suite(.timeLimit(.minutes(10)))
struct TokenPolicyTests {
    private static let secret = [UInt8]("a secret that is long enough for the longest of hashes: 64 bytes!".utf8)

    /// With a secret; tokens are signed by it.
    private static func withSecret(
        name: String? = nil,
        audiences: Set<String> = [],
        _ configure: (inout TokenConfiguration) -> Void = { _ in },
        _ body: @Sendable (TokenStage, TokenMaker) async throws -> Void
    ) async throws {
        let maker = TokenMaker(
            try await TokenKey.secret(secret, name: TokenKey.Name(issuer: nil, id: nil)))
        try await withFile(secret + [0x0A]) { path async throws in
            var configuration = TokenConfiguration(
                issuers: [TokenIssuer(name: name, audiences: audiences, keys: .secretFile(path, .hs256))])
            configure(&configuration)
            try await TokenStage.with(configuration) { stage async throws in try await body(stage, maker) }
        }
    }

    private static func claims(_ stage: TokenStage, _ more: JSONObject = [:]) -> JSONValue {
        stage.claims((["aud": .null] as JSONObject).replacingAll(more))
    }

    @Test func aTokenMakesItsUser() async throws {
        try await Self.withSecret { stage, maker async throws in
            let principal = try await stage.principal(try maker.sign(Self.claims(stage)))
            #expect(principal.user == "u_1")
            #expect(principal.scopes == [.read, .command, .open])
            #expect(principal.threads == .own)
            #expect(principal.actsAs == .nobody)
            #expect(!principal.isLimitedToThreads)
            #expect(principal.expiresAt == Timestamp(milliseconds: (stage.now + 3600) * 1000))
            #expect(
                principal.token
                    == TokenIdentity(
                        issuer: nil, key: nil, id: "j_1", issuedAt: Timestamp(milliseconds: stage.now * 1000)))
        }
    }

    /// Times are integers from 0 to 2^53, and a user is one of ours.
    @Test func sec25ClaimsAreWhatTheyShouldBe() async throws {
        let max: Int64 = 1 << 53
        try await Self.withSecret { stage, maker async throws in
            for name in ["exp", "nbf", "iat"] {
                for literal in ["\"1\"", "1.5", "1e300", "1e3", "-1", "-0", "\(max + 1)", "true", "[1]", "{}", "1.0"] {
                    let number = try JSONValue(parsing: Array(literal.utf8))
                    let token = try maker.sign(Self.claims(stage, [name: number]))
                    #expect(await stage.reason(token) == .claim, "\(name) \(literal)")
                }
            }
            for user in [.null, "", " u_1", "u 1", "ü", 1, ["u_1"], .string(String(repeating: "u", count: 257))]
                as [JSONValue]
            {
                #expect(await stage.reason(try maker.sign(Self.claims(stage, ["sub": user]))) == .claim, "\(user)")
            }
            #expect(await stage.reason(try maker.sign(Self.claims(stage, ["exp": .null]))) == .claim)
            #expect(await stage.reason(try maker.sign(Self.claims(stage, ["jti": 1]))) == .claim)
            #expect(await stage.reason(try maker.sign(Self.claims(stage, ["jti": ""]))) == .claim)
            // A member that stands twice: which one counts depends on the reader.
            let key = try await TestKey.make(.hs256, id: nil)
            let twice = Array(#"{"sub":"u_1","exp":\#(stage.now + 60),"sub":"u_2"}"#.utf8)
            let token = try key.token(claims: twice, header: Array(#"{"alg":"HS256"}"#.utf8))
            let own = try await key.key()
            #expect(throws: TokenError.self) { try VerifiedToken(try TokenParser.parse(token), signedBy: own) }
        }
    }

    /// Thirty seconds either way, and never longer than a day.
    @Test(
        arguments: [
            (["exp": -29, "iat": -60], nil), (["exp": -30], .expired), (["exp": -3600, "iat": -7200], .expired),
            (["nbf": 30], nil), (["nbf": 31], .early), (["iat": 30, "exp": 60], nil), (["iat": 31], .early),
            (["iat": -10, "exp": 86_390], nil), (["iat": -10, "exp": 86_391], .claim),
            (["iat": 20, "exp": 10], .claim),
            (["exp": 1_000_000_000], .claim),
        ] as [([String: Int64], TokenError.Reason?)])
    func timesHaveALeewayAndALimit(times: [String: Int64], reason: TokenError.Reason?) async throws {
        try await Self.withSecret { stage, maker async throws in
            var claims: JSONObject = [:]
            for (name, offset) in times { claims[name] = .integer(stage.now + offset) }
            #expect(await stage.reason(try maker.sign(Self.claims(stage, claims))) == reason)
        }
    }

    @Test func withoutTheTimeOfIssueTheLimitCountsFromNow() async throws {
        try await Self.withSecret { stage, maker async throws in
            let day: Int64 = 86_400
            let fits = Self.claims(stage, ["iat": .null, "exp": .integer(stage.now + day)])
            #expect(await stage.reason(try maker.sign(fits)) == nil)
            let tooLong = Self.claims(stage, ["iat": .null, "exp": .integer(stage.now + day + 31)])
            #expect(await stage.reason(try maker.sign(tooLong)) == .claim)
        }
    }

    /// A token that is accepted at its end, or a little after it, leaves time to send another one, and no more.
    @Test func aTokenAtItsEndCountsForFiveSeconds() async throws {
        try await Self.withSecret { stage, maker async throws in
            let token = try maker.sign(Self.claims(stage, ["exp": .integer(stage.now + 2)]))
            let start = stage.clock.wallClock.now().milliseconds
            #expect(try await stage.principal(token).expiresAt == Timestamp(milliseconds: start + 5000))
            stage.clock.advance(by: .seconds(31))
            #expect(try await stage.principal(token).expiresAt == Timestamp(milliseconds: start + 36_000))
            // It was checked before, and is kept; its times are looked at all the same.
            stage.clock.advance(by: .seconds(1))
            #expect(await stage.code(token) == "auth.expired")
            #expect(await stage.code(token) == "auth.expired")
        }
    }

    @Test func aTokenWithoutExpiryCountsWhereThatIsAllowed() async throws {
        try await Self.withSecret({ $0.allowsTokensWithoutExpiry = true }) { stage, maker async throws in
            let principal = try await stage.principal(try maker.sign(Self.claims(stage, ["exp": .null])))
            #expect(principal.expiresAt == nil)
        }
        try await withFile(keySet([try await TestKey.make(.es256)])) { path async throws in
            var configuration = TokenConfiguration(issuers: [TokenIssuer(keys: .keySetFile(path))])
            configuration.allowsTokensWithoutExpiry = true
            await #expect(throws: TokenKeyError.self) { try await TokenStage.with(configuration) { _ in } }
        }
    }

    @Test(
        arguments: [
            (["iss": "me", "aud": "here"], true), (["iss": "me", "aud": ["there", "here"]], true),
            (["iss": "Me", "aud": "here"], false), (["iss": .null, "aud": "here"], false),
            (["iss": "me", "aud": .null], false), (["iss": "me", "aud": []], false),
            (["iss": "me", "aud": "there"], false),
            (["iss": "me", "aud": ["here", 1]], false), (["iss": "me", "aud": 1], false),
            (["iss": ["me"], "aud": "here"], false),
            (["iss": "me", "aud": "here "], false),
        ] as [(JSONObject, Bool)])
    func aTokenIsOfItsIssuerAndForThisService(claims: JSONObject, isTaken: Bool) async throws {
        try await Self.withSecret(name: "me", audiences: ["here", "also"]) { stage, maker async throws in
            #expect(await stage.reason(try maker.sign(Self.claims(stage, claims))) == (isTaken ? nil : .claim))
        }
    }

    @Test func aTokenForSomebodyElseDoesNotCountWhereNothingIsExpected() async throws {
        try await Self.withSecret { stage, maker async throws in
            #expect(await stage.reason(try maker.sign(stage.claims(["aud": "there"]))) == .claim)
            #expect(await stage.reason(try maker.sign(Self.claims(stage, ["iss": "anybody", "tenant": 1]))) == nil)
        }
    }

    @Test(
        arguments: [
            (["scope": "read"], [.read]), (["scope": "read emit  openid"], [.read, .emit]), (["scope": ""], []),
            (["scope": ["emit", "approve", "share", "admin"]], [.emit, .approve, .share, .admin]), (["scope": []], []),
        ] as [(JSONObject, Set<Scope>)])
    func scopesAreATextOrAList(claims: JSONObject, scopes: Set<Scope>) async throws {
        try await Self.withSecret { stage, maker async throws in
            #expect(try await stage.principal(try maker.sign(Self.claims(stage, claims))).scopes == scopes)
        }
    }

    @Test func grantsAreListed() async throws {
        try await Self.withSecret { stage, maker async throws in
            let claims: JSONObject = [
                "threads": ["t_7", "project-*", ["id": "t_9", "allow": ["read", "later"]], "*"], "threads_only": true,
                "act_as": ["u_2", "u_3"], "groups": ["staff", "a group with a name that no id has", "g:eng"],
            ]
            let principal = try await stage.principal(try maker.sign(Self.claims(stage, claims)))
            #expect(
                principal.threads
                    == .listed([
                        ThreadAllowance(ThreadPattern("t_7")), ThreadAllowance(ThreadPattern("project-*")),
                        ThreadAllowance(ThreadPattern("t_9"), scopes: [.read]), ThreadAllowance(ThreadPattern("*")),
                    ]))
            #expect(principal.isLimitedToThreads)
            #expect(principal.actsAs == .listed(["u_2", "u_3"]))
            #expect(principal.groups == ["staff", "g:eng"])
            let everybody = try await stage.principal(
                try maker.sign(Self.claims(stage, ["act_as": "*", "threads": []])))
            #expect(everybody.actsAs == .everybody)
            #expect(everybody.threads == .listed([]))
        }
    }

    @Test(
        arguments: [
            ["scope": 1], ["scope": ["read", 1]], ["threads": "t_7"], ["threads": ["*x"]], ["threads": ["a*b"]],
            ["threads": ["a**"]], ["threads": [""]], ["threads": ["a b"]], ["threads": [1]],
            ["threads": [["id": "t"], ["x": 1]]],
            ["threads": [["id": "t", "deny": []]]], ["threads": [["id": "t", "allow": "read"]]],
            ["threads_only": "yes"],
            ["threads_only": true], ["act_as": "u_2"], ["act_as": [1]], ["act_as": ["u 2"]], ["act_as": ["*"]],
            ["groups": "staff"],
            ["groups": 7], ["groups": [1]], ["groups": .array(Array(repeating: "g", count: 257))],
        ] as [JSONObject])
    func grantsThatAreNotWhatTheyShouldBeAreRefused(claims: JSONObject) async throws {
        try await Self.withSecret { stage, maker async throws in
            #expect(await stage.reason(try maker.sign(Self.claims(stage, claims))) == .claim)
        }
    }

    @Test func sec26GrantsHaveALimit() async throws {
        try await Self.withSecret { stage, maker async throws in
            for (count, reason) in [(256, nil), (257, .claim), (10_000, .form)] as [(Int, TokenError.Reason?)] {
                let threads = JSONValue.array((0..<count).map { .string("t\($0)") })
                #expect(
                    await stage.reason(try maker.sign(Self.claims(stage, ["threads": threads]))) == reason, "\(count)")
            }
        }
    }
}

extension JSONObject {
    /// With other members in addition or in place of these; null stays.
    func replacingAll(_ others: JSONObject) -> JSONObject {
        let names = others.keys
        let kept = filter { !names.contains($0.key) } + others.map { $0 }
        return JSONObject(kept.map { ($0.key, $0.value) })
    }
}
