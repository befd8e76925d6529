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
        /// Reads the keys from their file; `nil` for those that are fetched, or never change.
        let read: (@Sendable () async throws -> KeyTable)?
    }

    private let issuers: [Issuer]
    /// The place of the service itself among them, which makes share links; `nil` when it makes none.
    private let linkIndex: Int?
    private let linkSecret: LinkSecret?
    private let environment: Environment
    private let logger: Logger
    /// Fetches the keys of issuers that have an address for them.
    private let client: HTTPClient?
    private let present: PresentKeys
    private let hasWarned = Atomic<Bool>(false)
    /// The longest life of a token, leeway included.
    public let longestLife: Duration?

    /// - Parameters:
    ///   - onRemovedKey: is called, from any task, when an issuer has a key no longer, with the names of both. Tokens that the
    ///     key has signed count no longer by then, also on the connections of a hub, until it is back.
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
        let present = PresentKeys(onRemovedKey)
        self.present = present
        let isFetched = configuration.issuers.contains { issuer in
            if case .keySetURL = issuer.keys { true } else { false }
        }
        let client = isFetched && fetch == nil ? KeySetFetch.makeClient() : nil
        self.client = client
        var issuers: [Issuer] = []
        for (index, issuer) in configuration.issuers.enumerated() {
            let read: (@Sendable () async throws -> KeyTable)?
            let keys: IssuerKeys
            switch issuer.keys {
            case .secretFile, .keySetFile:
                read = { try await Self.table(of: issuer, logger) }
                let table = try await Self.table(of: issuer, logger)
                present.begin(table)
                keys = IssuerKeys(issuer: issuer.name, table, environment: environment, logger: logger)
            case .keySetURL(let url):
                read = nil
                present.begin(KeyTable([]))
                keys = IssuerKeys(
                    issuer: issuer.name, environment: environment, logger: logger,
                    fetch: {
                        if let fetch { return try await fetch(url) }
                        guard let client else { preconditionFailure("there is a client where keys are fetched") }
                        return try await KeySetFetch(url: url, client: client, environment: environment).bytes()
                    },
                    onFetched: { present.change([(index, $0)], removed: $1) })
            }
            issuers.append(
                Issuer(name: issuer.name, policy: TokenPolicy(issuer, configuration), keys: keys, read: read))
        }
        linkSecret = configuration.linkSecret
        linkIndex = configuration.linkSecret.map { _ in issuers.count }
        if let secret = configuration.linkSecret {
            let table = KeyTable([secret.key])
            present.begin(table)
            issuers.append(
                Issuer(
                    name: ShareLink.issuer, policy: TokenPolicy(ofLinksWith: configuration),
                    keys: IssuerKeys(issuer: ShareLink.issuer, table, environment: environment, logger: logger),
                    read: nil))
        }
        self.issuers = issuers
        let lives = [configuration.maximumLifetime] + (linkSecret == nil ? [] : [ShareLink.maximumLife])
        longestLife =
            configuration.allowsTokensWithoutExpiry ? nil : (lives.max() ?? .zero) + configuration.leeway
    }

    /// The keys in an issuer's file.
    private static func table(of issuer: TokenIssuer, _ logger: Logger) async throws -> KeyTable {
        switch issuer.keys {
        case .secretFile(let path, let algorithm):
            let name = TokenKey.Name(issuer: issuer.name, id: nil)
            return KeyTable([
                try await TokenKey.secret(try KeyFile.secret(at: path), algorithm: algorithm, name: name)
            ])
        case .keySetFile(let path):
            let set: KeySet
            do {
                set = try await KeySet(try KeyFile.keySet(at: path), issuer: issuer.name)
            } catch let error as TokenKeyError where !error.message.contains(path) {
                throw TokenKeyError("the file \(path): \(error.message)")
            }
            guard !set.keys.isEmpty else {
                throw TokenKeyError(
                    "there is no key in \(path) that can be used: "
                        + (set.problems.isEmpty ? "the list is empty" : set.problems.joined(separator: "; ")))
            }
            for problem in set.problems {
                logger.warning("key not used", metadata: ["file.path": "\(path)", "error.message": "\(problem)"])
            }
            return set.table
        case .keySetURL:
            preconditionFailure("these keys are fetched")
        }
    }

    private static func check(_ configuration: TokenConfiguration) throws(TokenKeyError) {
        let names = configuration.issuers.map(\.name)
        guard !names.isEmpty else { throw TokenKeyError("there is no issuer, so that no token could count") }
        guard names.count == 1 || !names.contains(nil) && Set(names).count == names.count else {
            throw TokenKeyError("with several issuers each has a name of its own")
        }
        guard !names.contains(ShareLink.issuer) else {
            throw TokenKeyError(
                "\(ShareLink.issuer) is the issuer of share links, which the service signs itself: no other one has that name"
            )
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
        if let principal = try knownPrincipal(of: bytes) { return principal }
        let epoch = present.cache.withLock { $0.epoch }
        let unverified = try TokenParser.parse(token)
        let index = try issuerIndex(of: unverified)
        let issuer = issuers[index]
        let key = try await issuer.keys.key(unverified.keyID)
        let verified = try VerifiedToken(unverified, signedBy: key)
        let claims = try TokenClaims(verified)
        try issuer.policy.checkAddress(claims)
        let entry = VerifiedTokenCache.Entry(
            claims: claims, key: verified.key, keyFingerprint: verified.keyFingerprint, issuer: index)
        let principal = try admit(entry, nil)
        warnOfIncompleteTokens(claims)
        present.cache.withLock { $0.keep(entry, for: bytes, epoch: epoch) }
        return principal
    }

    /// The caller that a token stands for which was checked before; `nil` for another one.
    fileprivate func knownPrincipal(of token: [UInt8]) throws(TokenError) -> Principal? {
        // A text that is too long is not worth its hash.
        guard token.count <= TokenParser.maximumByteCount, let entry = present.cache.withLock({ $0.find(token) })
        else { return nil }
        return try admit(entry, token)
    }

    /// - Parameter kept: the token, when it was checked before.
    private func admit(_ entry: VerifiedTokenCache.Entry, _ kept: [UInt8]?) throws(TokenError) -> Principal {
        let (policy, now) = (issuers[entry.issuer].policy, environment.wallClock.now())
        do throws(TokenError) {
            try policy.check(entry.claims, at: now)
        } catch {
            if let kept { present.cache.withLock { $0.drop(kept) } }
            throw error
        }
        var principal = policy.principal(entry.claims, key: entry.key, at: now)
        principal.keyFingerprint = entry.keyFingerprint
        return principal
    }

    /// Where there are several issuers the token says of which it is, before anything of it is checked: that chooses the keys,
    /// and nothing else.
    private func issuerIndex(of token: UnverifiedToken) throws(TokenError) -> Int {
        let hint = token.issuerHint
        if let hint, hint.utf8.elementsEqual(ShareLink.issuer.utf8) {
            // Whoever else names itself so cannot make a share link.
            guard let linkIndex else { throw TokenError(.claim, "this service makes no share links, and takes none") }
            return linkIndex
        }
        guard (linkIndex ?? issuers.count) > 1 else { return 0 }
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

    /// Forgets which tokens were checked, so that the signature of each is checked once more: for measurements.
    package func forgetTokens() { present.cache.withLock { $0.removeAll() } }

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

// MARK: Keys that change

extension TokenAuthenticator: ExpiringAuthenticator {}

extension TokenAuthenticator: KeyedAuthenticator {
    package func hasKey(of principal: Principal) -> Bool { present.contains(principal.keyFingerprint) }

    package func observeKeys(_ body: @escaping @Sendable () -> Void) { present.observe(body) }
}

extension TokenAuthenticator: Reloadable {
    public var name: String { "keys of tokens" }

    /// Reads the files of keys again: secrets, JWK sets, and the secret of share links. Those of an address are fetched once the reload
    /// is taken, and it does not wait for them: an issuer that does not answer keeps nothing else from being taken. Their old keys
    /// count until then, and also when the fetch fails, which the log says.
    ///
    /// - Throws: ``TokenKeyError``.
    public func prepareReload() async throws -> @Sendable () -> Void {
        var tables: [(index: Int, table: KeyTable)] = []
        for (index, issuer) in issuers.enumerated() {
            if let read = issuer.read { tables.append((index, try await read())) }
        }
        let linkKey = try await linkSecret?.readAgain()
        if let linkIndex, let linkKey { tables.append((linkIndex, KeyTable([linkKey]))) }
        return { [self, tables] in
            var removed: Set<TokenKey.Name> = []
            for (index, table) in tables { removed.formUnion(issuers[index].keys.replace(by: table)) }
            if let linkKey { linkSecret?.use(linkKey) }
            present.change(tables, removed: removed)
            for issuer in issuers { issuer.keys.fetchAgain() }
        }
    }
}

extension TokenAuthenticator: ImmediateAuthenticator {
    /// A token that was checked before is known again.
    package func authenticateAtOnce(_ credentials: Credentials) -> Result<Principal, AuthenticationError>? {
        guard let token = credentials.token else { return nil }
        do throws(TokenError) {
            return try knownPrincipal(of: Array(token.utf8)).map { .success($0) }
        } catch {
            return .failure(AuthenticationError(error))
        }
    }
}
