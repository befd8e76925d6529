import AgentEvents
public import AgentEventsHub
import Crypto
import Synchronization

/// The secret with which a service signs its share links, and knows them again: one of its own, that no other issuer has.
///
/// ```swift
/// let links = try await LinkSecret(madeAt: "/var/lib/agent-events/link-secret")
/// var configuration = TokenConfiguration(issuers: [login])
/// configuration.linkSecret = links
/// let service = AgentEventsService(
///     runtime: runtime, authenticator: try await TokenAuthenticator(configuration, logger: logger),
///     linkTokenSigner: links, logger: logger)
/// ```
///
/// Several machines that serve the same threads share one file.
public final class LinkSecret: LinkTokenSigner {
    /// `nil` for a secret that ends with the process.
    private let path: String?
    private let current: Mutex<TokenKey>

    private static let byteCount = 32
    private static let name = TokenKey.Name(issuer: ShareLink.issuer, id: nil)

    /// A secret that ends with the process, and all links with it.
    public init() async throws {
        path = nil
        current = Mutex(try await TokenKey.secret(Self.newSecret(), name: Self.name))
    }

    /// The secret in a file: all of it but a line end, at least 32 bytes, of mode 0600.
    ///
    /// - Throws: ``TokenKeyError``.
    public init(file path: String) async throws {
        self.path = path
        current = Mutex(try await Self.key(at: path))
    }

    /// The secret in a file, which is made, with a secret of its own, when there is none.
    ///
    /// - Throws: ``TokenKeyError``.
    public convenience init(madeAt path: String) async throws {
        try KeyFile.makeSecret(Base64URL.encode(Self.newSecret()), at: path)
        try await self.init(file: path)
    }

    private static func key(at path: String) async throws -> TokenKey {
        try await TokenKey.secret(try KeyFile.secret(at: path), name: name)
    }

    private static func newSecret() -> [UInt8] {
        SymmetricKey(size: SymmetricKeySize(bitCount: byteCount * 8)).withUnsafeBytes { Array($0) }
    }

    public func token(for link: ShareLink) async throws -> String {
        var content = TokenMaker.Content(user: link.subject, issuedAt: link.issuedAt, expiresAt: link.expiresAt)
        content.issuer = ShareLink.issuer
        content.scopes = link.scopes.sorted { $0.rawValue < $1.rawValue }
        content.threads = [link.thread.rawValue]
        content.isLimitedToThreads = true
        return try TokenMaker(key).token(content)
    }

    /// The key of now.
    package var key: TokenKey { current.withLock { $0 } }

    /// The key that is in the file now, and is not in use yet; `nil` without a file.
    func readAgain() async throws -> TokenKey? {
        guard let path else { return nil }
        return try await Self.key(at: path)
    }

    func use(_ key: TokenKey) { current.withLock { $0 = key } }
}
