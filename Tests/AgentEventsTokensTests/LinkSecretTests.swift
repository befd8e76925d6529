import AgentEvents
import AgentEventsHub
import AgentEventsTestSupport
import AgentEventsTesting
import Foundation
import Testing

@testable import AgentEventsTokens

/// The tokens of share links, and the key that they are signed with.
@Suite(.timeLimit(.minutes(10)))
struct LinkSecretTests {
    private static let secret = [UInt8]("a secret of an issuer that is not the service".utf8)

    private static func link(_ clock: ManualClock, life: Int64 = 3600) -> ShareLink {
        let now = clock.wallClock.now()
        return ShareLink(
            thread: "t_1", subject: "link:abc", scopes: [.read, .approve], issuedAt: now,
            expiresAt: Timestamp(milliseconds: now.milliseconds + life * 1000))
    }

    /// With issuers that sign with ``secret``.
    private static func with(
        issuers: [String?],
        links: LinkSecret?,
        _ body: @Sendable (TokenStage, TokenMaker) async throws -> Void
    ) async throws {
        let maker = TokenMaker(try await TokenKey.secret(secret, name: TokenKey.Name(issuer: nil, id: nil)))
        try await withFile(secret) { path async throws in
            var configuration = TokenConfiguration(
                issuers: issuers.map { TokenIssuer(name: $0, keys: .secretFile(path, .hs256)) })
            configuration.linkSecret = links
            try await TokenStage.with(configuration) { stage async throws in try await body(stage, maker) }
        }
    }

    @Test(arguments: [[nil], ["i_1"], ["i_1", "i_2"]] as [[String?]])
    func aLinkIsKnownAgainBesideOtherIssuers(_ issuers: [String?]) async throws {
        let links = try await LinkSecret()
        try await Self.with(issuers: issuers, links: links) { stage, maker async throws in
            let link = Self.link(stage.clock)
            let principal = try await stage.principal(try await links.token(for: link))
            #expect(principal.user == "link:abc" && principal.scopes == [.read, .approve])
            #expect(principal.threads == .listed([ThreadAllowance(ThreadPattern("t_1"))]))
            #expect(principal.isLimitedToThreads && principal.actsAs == .nobody)
            #expect(principal.expiresAt == link.expiresAt)
            #expect(principal.token?.issuer == ShareLink.issuer && principal.token?.issuedAt == link.issuedAt)
            // Longer than tokens of others may.
            let week = try await links.token(for: Self.link(stage.clock, life: 7 * 86_400))
            #expect(await stage.code(week) == nil)
            let longer = try await links.token(for: Self.link(stage.clock, life: 7 * 86_400 + 1))
            #expect(await stage.reason(longer) == .claim)
            // Those of others count as before.
            let claims: JSONObject = ["aud": .null, "iss": issuers[0].map { .string($0) } ?? .null]
            #expect(await stage.code(try maker.sign(.object(stage.object(claims)))) == nil)
        }
    }

    /// Whoever signs tokens for the service cannot make a link by its name, and the secret of links makes nothing else.
    @Test(arguments: [[nil], ["i_1"], ["i_1", "i_2"]] as [[String?]], [true, false])
    func nobodyElseMakesALink(_ issuers: [String?], _ hasLinks: Bool) async throws {
        let links = try await LinkSecret()
        try await Self.with(issuers: issuers, links: hasLinks ? links : nil) { stage, maker async throws in
            let claims = stage.object(["aud": .null, "iss": .string(ShareLink.issuer), "sub": "link:abc"])
            let forged = try maker.sign(.object(claims))
            #expect(await stage.reason(forged) == (hasLinks ? .signature : .claim))
            // By another secret of links.
            let foreign = try await LinkSecret().token(for: Self.link(stage.clock))
            #expect(await stage.reason(foreign) == (hasLinks ? .signature : .claim))
            let issuer: JSONValue = issuers[0].map { .string($0) } ?? .null
            let other = try TokenMaker(links.key).sign(.object(stage.object(["aud": .null, "iss": issuer])))
            #expect(await stage.reason(other) == .signature)
        }
    }

    @Test func noIssuerHasTheNameOfTheService() async throws {
        for issuers in [[ShareLink.issuer], ["i_1", ShareLink.issuer]] {
            let error = await #expect(throws: TokenKeyError.self) {
                try await Self.with(issuers: issuers, links: nil) { _, _ in }
            }
            #expect(error?.message.contains("agent-events") == true)
        }
    }

    @Test func aSecretIsMadeOnceAndForItsOwner() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/agent-events-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/link-secret"
        await #expect(throws: TokenKeyError.self) { try await LinkSecret(file: path) }
        // All that begin at once have one secret.
        let keys = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<8 { group.addTask { try await LinkSecret(madeAt: path).key.fingerprint } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(keys.count == 1)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["link-secret"])
        #expect(try await LinkSecret(file: path).key.fingerprint == keys.first)
        #expect(try await LinkSecret().key.fingerprint != keys.first)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        await #expect(throws: TokenKeyError.self) { try await LinkSecret(madeAt: path) }
        try Data("short".utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        await #expect(throws: TokenKeyError.self) { try await LinkSecret(madeAt: path) }
        await #expect(throws: TokenKeyError.self) { try await LinkSecret(madeAt: "\(folder)/none/link-secret") }
    }
}

extension TokenStage {
    /// The usual claims with others, as an object.
    fileprivate func object(_ more: JSONObject) -> JSONObject { claims(more).objectValue ?? [:] }
}
