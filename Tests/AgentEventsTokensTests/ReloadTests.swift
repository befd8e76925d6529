import AgentEvents
import AgentEventsHub
import AgentEventsTestSupport
import AgentEventsTesting
import Foundation
import Testing

@testable import AgentEventsTokens

/// Files of keys that are read again.
@Suite(.timeLimit(.minutes(10)))
struct ReloadTests {
    private static func write(_ bytes: [UInt8], _ path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    private static func key(_ letter: Character) async throws -> (bytes: [UInt8], maker: TokenMaker) {
        let bytes = [UInt8](String(repeating: letter, count: 40).utf8)
        return (bytes, TokenMaker(try await TokenKey.secret(bytes, name: TokenKey.Name(issuer: nil, id: nil))))
    }

    /// The key has the same name before and after, and counts again when it is back.
    @Test func aSecretThatIsReplacedEndsItsTokensUntilItIsBack() async throws {
        let (old, new) = (try await Self.key("a"), try await Self.key("b"))
        try await withFile(old.bytes) { path async throws in
            let configuration = TokenConfiguration(issuers: [TokenIssuer(keys: .secretFile(path, .hs256))])
            try await TokenStage.with(configuration) { stage async throws in
                let told = LineRecord<String>()
                stage.tokens.observeKeys { told.append("told") }
                let claims = JSONValue.object((stage.claims(["aud": .null]).objectValue ?? [:]))
                let (oldToken, newToken) = (try old.maker.sign(claims), try new.maker.sign(claims))
                let principal = try await stage.principal(oldToken)
                #expect(stage.tokens.hasKey(of: principal))
                #expect(await stage.code(newToken) == "auth.invalid")

                try Self.write(new.bytes, path)
                let take = try await stage.tokens.prepareReload()
                // Prepared is not taken.
                #expect(await stage.code(oldToken) == nil)
                take()
                #expect(await stage.code(oldToken) == "auth.invalid")
                #expect(!stage.tokens.hasKey(of: principal))
                let second = try await stage.principal(newToken)
                #expect(stage.tokens.hasKey(of: second))
                #expect(told.all == ["told"])
                #expect(stage.removed.all == ["- -"])

                // The same again ends nothing.
                try await stage.tokens.prepareReload()()
                #expect(told.all == ["told"])

                try Self.write(old.bytes, path)
                try await stage.tokens.prepareReload()()
                #expect(await stage.code(oldToken) == nil)
                #expect(stage.tokens.hasKey(of: principal) && !stage.tokens.hasKey(of: second))
                #expect(told.all == ["told", "told"])
            }
        }
    }

    @Test func aSetWithoutAKeyEndsThatKeysTokensAlone() async throws {
        let keys = [try await TestKey.make(.es256, id: "k1"), try await TestKey.make(.es256, id: "k2")]
        try await withFile(keySet(keys)) { path async throws in
            let configuration = TokenConfiguration(issuers: [TokenIssuer(name: "i_1", keys: .keySetFile(path))])
            try await TokenStage.with(configuration) { stage async throws in
                let claims = stage.claims(["aud": .null, "iss": "i_1"]).objectValue ?? [:]
                let tokens = [try keys[0].token(.object(claims)), try keys[1].token(.object(claims))]
                let principals = [try await stage.principal(tokens[0]), try await stage.principal(tokens[1])]
                try Self.write(keySet([keys[1]]), path)
                try await stage.tokens.prepareReload()()
                #expect(await stage.code(tokens[0]) == "auth.invalid")
                #expect(await stage.code(tokens[1]) == nil)
                #expect(principals.map { stage.tokens.hasKey(of: $0) } == [false, true])
                #expect(stage.removed.all == ["i_1 k1"])
                try Self.write(keySet(keys), path)
                try await stage.tokens.prepareReload()()
                #expect(principals.map { stage.tokens.hasKey(of: $0) } == [true, true])
                #expect(await stage.code(tokens[0]) == nil)
            }
        }
    }

    /// What is wrong with a file keeps the old one, of all files.
    @Test func aFileThatCannotBeUsedChangesNothing() async throws {
        let (old, new) = (try await Self.key("a"), try await Self.key("b"))
        try await withFile(old.bytes) { path async throws in
            try await withFile(old.bytes) { linkPath async throws in
                var configuration = TokenConfiguration(issuers: [TokenIssuer(keys: .secretFile(path, .hs256))])
                let links = try await LinkSecret(file: linkPath)
                configuration.linkSecret = links
                try await TokenStage.with(configuration) { stage async throws in
                    let claims = JSONValue.object((stage.claims(["aud": .null]).objectValue ?? [:]))
                    let token = try old.maker.sign(claims)
                    let link = try await links.token(
                        for: ShareLink(
                            thread: "t_1", subject: "link:a", scopes: [.read], issuedAt: stage.clock.wallClock.now(),
                            expiresAt: Timestamp(milliseconds: (stage.now + 60) * 1000)))
                    try Self.write(new.bytes, path)
                    try Self.write(Array("short".utf8), linkPath)
                    await #expect(throws: TokenKeyError.self) { try await stage.tokens.prepareReload() }
                    #expect(await stage.code(token) == nil)
                    #expect(await stage.code(link) == nil)
                    try Self.write(new.bytes, linkPath)
                    try await stage.tokens.prepareReload()()
                    #expect(await stage.code(token) == "auth.invalid")
                    #expect(await stage.code(link) == "auth.invalid")
                    let anew = try await LinkSecret(file: linkPath).key.fingerprint
                    #expect(links.key.fingerprint == anew)
                }
            }
        }
    }

    /// Keys from an address are fetched by a reload, which does not wait for them; a failure keeps the old ones.
    @Test func aReloadFetchesKeysAgain() async throws {
        let keys = [try await TestKey.make(.es256, id: "k1"), try await TestKey.make(.es256, id: "k2")]
        try await TokenStage.published([keys[0]]) { stage async throws in
            let tokens = [try keys[0].token(stage.claims()), try keys[1].token(stage.claims())]
            let principal = try await stage.principal(tokens[0])
            /// Returns when the fetch has ended.
            func reload(next: Duration) async throws {
                let count = stage.issuer.urls.count
                let take = try await stage.tokens.prepareReload()
                // Prepared is not taken.
                #expect(stage.issuer.urls.count == count)
                take()
                while stage.issuer.urls.count == count { await Task.yield() }
                try await stage.clock.waitForSleep(of: next)
            }
            stage.issuer.publish(keySet(keys))
            try await reload(next: .seconds(600))
            #expect(await stage.code(tokens[1]) == nil)
            stage.issuer.publish(nil)
            try await reload(next: .seconds(60))
            #expect(await stage.code(tokens[0]) == nil)
            #expect(stage.tokens.hasKey(of: principal))
            stage.issuer.publish(keySet([keys[1]]))
            try await reload(next: .seconds(600))
            #expect(await stage.code(tokens[0]) == "auth.invalid")
            #expect(!stage.tokens.hasKey(of: principal))
            #expect(await stage.code(tokens[1]) == nil)
        }
    }

    /// An issuer that does not answer keeps nothing from being taken.
    @Test func aReloadDoesNotWaitForAnIssuer() async throws {
        let keys = [try await TestKey.make(.es256, id: "k1")]
        try await TokenStage.published(keys) { stage async throws in
            let token = try keys[0].token(stage.claims())
            #expect(await stage.code(token) == nil)
            stage.issuer.hold()
            let count = stage.issuer.urls.count
            try await stage.tokens.prepareReload()()
            while stage.issuer.urls.count == count { await Task.yield() }
            #expect(await stage.code(token) == nil)
            try await stage.tokens.prepareReload()()
            #expect(await stage.code(token) == nil)
            stage.issuer.release()
            // The second one may have come during the first fetch, so that there is another.
            while stage.issuer.urls.count == count + 1 { await Task.yield() }
        }
    }

    /// Keys from an address, too: one that is gone, and back.
    @Test func fetchedKeysThatAreBackCountAgain() async throws {
        let keys = [try await TestKey.make(.es256, id: "k1"), try await TestKey.make(.es256, id: "k2")]
        try await TokenStage.published(keys) { stage async throws in
            let principal = try await stage.principal(try keys[0].token(stage.claims()))
            let told = LineRecord<String>()
            stage.tokens.observeKeys { told.append("told") }
            for (published, isThere) in [([keys[1]], false), (keys, true)] {
                stage.issuer.publish(keySet(published))
                try await stage.clock.waitForSleep(of: .seconds(600))
                stage.clock.advance(by: .seconds(600))
                try await stage.clock.waitForSleep(of: .seconds(600))
                #expect(stage.tokens.hasKey(of: principal) == isThere)
            }
            #expect(told.all == ["told"])
        }
    }
}
