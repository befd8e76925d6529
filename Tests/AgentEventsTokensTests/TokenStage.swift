import AgentEvents
import AgentEventsHub
import AgentEventsTestSupport
import AgentEventsTesting
import Foundation
import Logging
import Synchronization
import Testing

@testable import AgentEventsTokens

/// An authenticator whose issuer publishes what a test says, on a clock that the test moves.
struct TokenStage: Sendable {
    static let url = "https://login.example.com/keys"

    let clock: ManualClock
    let tokens: TokenAuthenticator
    let issuer: PublishedKeys
    let removed: LineRecord<String>

    /// The time of the stage, in seconds.
    var now: Int64 { clock.wallClock.now().milliseconds / 1000 }

    /// With keys of one issuer, at an address.
    static func published(
        _ keys: [TestKey],
        name: String? = nil,
        _ body: @Sendable (TokenStage) async throws -> Void
    ) async throws {
        try await with(
            TokenConfiguration(issuers: [TokenIssuer(name: name, audiences: ["here"], keys: .keySetURL(url))]), keys,
            body)
    }

    static func with(
        _ configuration: TokenConfiguration,
        _ keys: [TestKey] = [],
        isHeld: Bool = false,
        logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
        _ body: @Sendable (TokenStage) async throws -> Void
    ) async throws {
        let clock = ManualClock()
        let issuer = PublishedKeys(keySet(keys))
        if isHeld { issuer.hold() }
        let removed = LineRecord<String>()
        let tokens = try await TokenAuthenticator(
            configuration, environment: .manual(clock), logger: logger, fetch: { try await issuer.fetch($0) },
            onRemovedKey: { removed.append("\($0 ?? "-") \($1 ?? "-")") })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await tokens.run() }
            defer {
                issuer.release()
                group.cancelAll()
            }
            try await body(TokenStage(clock: clock, tokens: tokens, issuer: issuer, removed: removed))
        }
    }

    /// The usual claims, and others in addition or in place of them.
    func claims(_ more: JSONObject = [:]) -> JSONValue {
        let claims: JSONObject = [
            "sub": "u_1", "aud": "here", "jti": "j_1", "iat": .integer(now), "exp": .integer(now + 3600),
        ]
        return .object(claims.replacing(more))
    }

    /// The code of the refusal; `nil` for a token that counts. No refusal repeats anything of a token.
    func code(_ token: String) async -> String? {
        do throws(AuthenticationError) {
            _ = try await tokens.authenticate(Credentials(token: token, path: "/"))
            return nil
        } catch {
            for part in token.split(separator: ".") where part.utf8.count > 8 {
                #expect(!error.message.contains(part))
            }
            return error.code.description
        }
    }

    /// The part of the policy that a token fails; `nil` for one that counts.
    func reason(_ token: String) async -> TokenError.Reason? {
        do throws(TokenError) {
            _ = try await tokens.principal(of: token)
            return nil
        } catch {
            return error.reason
        }
    }

    func principal(_ token: String) async throws -> Principal {
        try await tokens.authenticate(Credentials(token: token, path: "/"))
    }
}

/// What an issuer publishes, and who asks for it.
final class PublishedKeys: Sendable {
    struct Unreachable: Error {}

    private struct State {
        var bytes: [UInt8]?
        var urls: [String] = []
        var isHeld = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(_ bytes: [UInt8]) { state = Mutex(State(bytes: bytes)) }

    /// The addresses that were asked, one for each time.
    var urls: [String] { state.withLock { $0.urls } }

    /// - Parameter bytes: `nil` for no answer.
    func publish(_ bytes: [UInt8]?) { state.withLock { $0.bytes = bytes } }

    /// Answers come when ``release()`` is called.
    func hold() { state.withLock { $0.isHeld = true } }

    func release() {
        let waiters = state.withLock { state in
            state.isHeld = false
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func fetch(_ url: String) async throws -> [UInt8] {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                state.urls.append(url)
                if state.isHeld { state.waiters.append(continuation) }
                return !state.isHeld
            }
            if isFree { continuation.resume() }
        }
        guard let bytes = state.withLock({ $0.bytes }) else { throw Unreachable() }
        return bytes
    }
}

/// A file for the length of a scope.
func withFile(_ bytes: [UInt8], mode: Int = 0o600, _ body: (String) async throws -> Void) async throws {
    let path = FileManager.default.temporaryDirectory.path + "/agent-events-\(UUID().uuidString)"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    try await body(path)
}

extension Range<Int> {
    /// The number of elements for which something holds that is done for all of them at the same time.
    func concurrentCount(_ body: @escaping @Sendable (Int) async -> Bool) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for element in self { group.addTask { await body(element) } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }
}
