package import AgentEvents
public import AgentEventsHub
import AsyncHTTPClient
public import Logging
public import ServiceLifecycle
import Synchronization

/// Authenticates callers by JSON Web Tokens.
///
/// ```swift
/// let tokens = try await TokenAuthenticator(
///     TokenConfiguration(issuers: [TokenIssuer(keys: .secretFile("/run/secrets/tokens", .hs256))]), logger: logger)
/// let service = AgentEventsService(runtime: runtime, authenticator: tokens, logger: logger)
/// try await ServiceGroup(services: [tokens, service], logger: logger).run()
/// ```
///
/// It is run as a service: it fetches the keys of issuers that have an address for them.
public final class TokenAuthenticator: FirstMessageAuthenticator, Service {
    private struct Issuer: Sendable {
        let name: String?
        let policy: TokenPolicy
        let keys: IssuerKeys
    }

    private let issuers: [Issuer]
    private let environment: Environment
    private let logger: Logger
    /// Fetches the keys of issuers that have an address for them.
    private let client: HTTPClient?
    private let cache: Cache
    private let hasWarned = Atomic<Bool>(false)

    /// Shared with what tells of keys that are gone.
    private final class Cache: Sendable {
        let entries = Mutex(VerifiedTokenCache())
    }

    /// - Parameters:
    ///   - onRemovedKey: is called, from any task, when an issuer has a key no longer, with the names of both: its tokens are
    ///     revoked.
    /// - Throws: ``TokenKeyError`` for keys that cannot be used, or a configuration that is not safe.
    public convenience init(
        _ configuration: TokenConfiguration,
        logger: Logger,
        onRemovedKey: @escaping @Sendable (_ issuer: String?, _ key: String?) -> Void = { _, _ in }
    ) async throws {
        try await self.init(configuration, environment: .system, logger: logger, onRemovedKey: onRemovedKey)
    }

    /// - Parameter fetch: gets the JWK set of an address; `nil` for over the network.
    package init(
        _ configuration: TokenConfiguration,
        environment: Environment,
        logger: Logger,
        fetch: (@Sendable (_ url: String) async throws -> [UInt8])? = nil,
        onRemovedKey: @escaping @Sendable (_ issuer: String?, _ key: String?) -> Void = { _, _ in }
    ) async throws {
        try Self.check(configuration)
        self.environment = environment
        self.logger = logger
        let cache = Cache()
        self.cache = cache
        let isFetched = configuration.issuers.contains { issuer in
            if case .keySetURL = issuer.keys { true } else { false }
        }
        let client = isFetched && fetch == nil ? KeySetFetch.makeClient() : nil
        self.client = client
        var issuers: [Issuer] = []
        for issuer in configuration.issuers {
            let keys: IssuerKeys
            switch issuer.keys {
            case .secretFile(let path, let algorithm):
                let key = try await TokenKey.secret(
                    try KeyFile.secret(at: path), algorithm: algorithm,
                    name: TokenKey.Name(issuer: issuer.name, id: nil))
                keys = IssuerKeys(issuer: issuer.name, KeyTable([key]), environment: environment, logger: logger)
            case .keySetFile(let path):
                let set = try await KeySet(try KeyFile.keySet(at: path), issuer: issuer.name)
                for problem in set.problems {
                    logger.warning("key not used", metadata: ["file.path": "\(path)", "error.message": "\(problem)"])
                }
                guard !set.keys.isEmpty else {
                    throw TokenKeyError(
                        "there is no key in \(path) that can be used: " + set.problems.joined(separator: "; "))
                }
                keys = IssuerKeys(issuer: issuer.name, set.table, environment: environment, logger: logger)
            case .keySetURL(let url):
                keys = IssuerKeys(
                    issuer: issuer.name, environment: environment, logger: logger,
                    fetch: {
                        if let fetch { return try await fetch(url) }
                        guard let client else { preconditionFailure("there is a client where keys are fetched") }
                        return try await KeySetFetch(url: url, client: client, environment: environment).bytes()
                    },
                    onRemoved: { names in
                        cache.entries.withLock { $0.removeAll() }
                        for name in names { onRemovedKey(name.issuer, name.id) }
                    })
            }
            issuers.append(Issuer(name: issuer.name, policy: TokenPolicy(issuer, configuration), keys: keys))
        }
        self.issuers = issuers
    }

    private static func check(_ configuration: TokenConfiguration) throws(TokenKeyError) {
        let names = configuration.issuers.map(\.name)
        guard !names.isEmpty else { throw TokenKeyError("there is no issuer, so that no token could count") }
        guard names.count == 1 || !names.contains(nil) && Set(names).count == names.count else {
            throw TokenKeyError("with several issuers each has a name of its own")
        }
        for issuer in configuration.issuers {
            switch issuer.keys {
            case .secretFile: break
            case .keySetFile: try checkExpiry(configuration)
            case .keySetURL(let url):
                try checkExpiry(configuration)
                try KeySetFetch.check(url)
                guard !issuer.audiences.isEmpty else {
                    throw TokenKeyError(
                        "an issuer at an address makes tokens for many services: name the audience (aud) of this one")
                }
            }
        }
    }

    private static func checkExpiry(_ configuration: TokenConfiguration) throws(TokenKeyError) {
        guard configuration.allowsTokensWithoutExpiry else { return }
        throw TokenKeyError(
            "tokens without expiry are for a shared secret alone, since they can be ended by a new one only")
    }

    // MARK: Authenticating

    public var needsCredentials: Bool { true }

    public func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        guard let token = credentials.token else {
            throw AuthenticationError(
                .missing,
                "this service asks for a token: Authorization: Bearer <token>; on a WebSocket also the subprotocols "
                    + "agent-events.v1, bearer.<token>, or the first message {\"op\":\"auth\",\"token\":\"…\"}")
        }
        do throws(TokenError) {
            return try await principal(of: token)
        } catch {
            throw AuthenticationError(error)
        }
    }

    /// The caller that a token stands for.
    package func principal(of token: String) async throws(TokenError) -> Principal {
        let bytes = Array(token.utf8)
        // A text that is too long is not worth its hash.
        if bytes.count <= TokenParser.maximumByteCount, let entry = cache.entries.withLock({ $0.find(bytes) }) {
            return try admit(entry, bytes)
        }
        let epoch = cache.entries.withLock { $0.epoch }
        let unverified = try TokenParser.parse(token)
        let index = try issuerIndex(of: unverified)
        let issuer = issuers[index]
        let key = try await issuer.keys.key(unverified.keyID)
        let verified = try VerifiedToken(unverified, signedBy: key)
        let claims = try TokenClaims(verified)
        try issuer.policy.checkAddress(claims)
        let entry = VerifiedTokenCache.Entry(claims: claims, key: verified.key, issuer: index)
        let principal = try admit(entry, nil)
        warnOfIncompleteTokens(claims)
        cache.entries.withLock { $0.keep(entry, for: bytes, epoch: epoch) }
        return principal
    }

    /// - Parameter kept: the token, when it was checked before.
    private func admit(_ entry: VerifiedTokenCache.Entry, _ kept: [UInt8]?) throws(TokenError) -> Principal {
        let (policy, now) = (issuers[entry.issuer].policy, environment.wallClock.now())
        do throws(TokenError) {
            try policy.check(entry.claims, at: now)
        } catch {
            if let kept { cache.entries.withLock { $0.drop(kept) } }
            throw error
        }
        return policy.principal(entry.claims, key: entry.key, at: now)
    }

    /// Where there are several issuers the token says of which it is, before anything of it is checked: that chooses the keys,
    /// and nothing else.
    private func issuerIndex(of token: UnverifiedToken) throws(TokenError) -> Int {
        guard issuers.count > 1 else { return 0 }
        let hint = token.issuerHint
        let index = issuers.firstIndex { issuer in
            issuer.name.flatMap { name in hint.map { $0.utf8.elementsEqual(name.utf8) } } ?? false
        }
        guard let index else {
            throw TokenError(.claim, "the token is of no issuer (iss) whose tokens count here")
        }
        return index
    }

    private func warnOfIncompleteTokens(_ claims: TokenClaims) {
        guard claims.id == nil || claims.issuedAt == nil, !hasWarned.exchange(true, ordering: .relaxed) else { return }
        logger.warning(
            "tokens have no jti or no iat: a single one cannot be revoked, only all of a user, or of a key")
    }

    /// The longest time since the keys of an issuer were fetched; `nil` where none are.
    package var keyAge: Duration? { issuers.compactMap(\.keys.age).max() }

    // MARK: Running

    /// Fetches keys until the service is shut down gracefully, or its task is cancelled.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                for issuer in self.issuers { group.addTask { await issuer.keys.run() } }
                // A service that returns would end the others.
                group.addTask { await Self.waitForCancellation() }
            }
        }
        try await client?.shutdown()
    }

    private static func waitForCancellation() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingOldest(1))
        await withTaskCancellationHandler {
            for await _ in stream {}
        } onCancel: {
            continuation.finish()
        }
    }
}
