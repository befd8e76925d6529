internal import AgentEvents
internal import AgentEventsHub
internal import AgentEventsTokens
internal import ArgumentParser
internal import Logging

/// The keys that tokens are signed with, and what is asked of tokens.
struct TokenOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            A file with the secret that tokens are signed with: all of it but a line end, at least as long as the hash (32 \
            bytes for HS256), of mode 0600.
            """, valueName: "file"))
    var jwtSecretFile: String?

    @Option(
        help: ArgumentHelp("The algorithm of that secret. Default: HS256", valueName: "HS256|HS384|HS512"),
        transform: { text throws in try SecretAlgorithm.read(text) })
    var jwtAlgorithm: TokenAlgorithm?

    @Option(
        help: ArgumentHelp(
            "A file with the public keys that tokens are signed with (JWKS). Give --jwt-audience too, where their issuer makes "
                + "tokens for other services.",
            valueName: "file"))
    var jwks: String?

    @Option(
        help: ArgumentHelp(
            "An https address with such a set; it is fetched again every ten minutes. Takes --jwt-audience.",
            valueName: "url"))
    var jwksURL: String?

    @Option(help: ArgumentHelp("The issuer (iss) that tokens must be of.", valueName: "name"))
    var jwtIssuer: String?

    @Option(
        name: .customLong("jwt-audience"),
        help: ArgumentHelp("An audience (aud) that tokens may be for. May be repeated.", valueName: "name"))
    var jwtAudiences: [String] = []

    @Flag(help: "Take tokens that never expire; with --jwt-secret-file only.")
    var allowTokensWithoutExpiry = false

    @Option(
        help: ArgumentHelp(
            "A file with the secret that share links are signed with, for several machines: of 32 bytes or more, mode 0600. "
                + "Default: link-secret in the data folder, which is made once.",
            valueName: "file"))
    var linkSecretFile: String?

    /// Whether any of them is given.
    var isUsed: Bool {
        jwtSecretFile != nil || jwtAlgorithm != nil || jwks != nil || jwksURL != nil || jwtIssuer != nil
            || !jwtAudiences.isEmpty || allowTokensWithoutExpiry || linkSecretFile != nil
    }

    /// - Throws: an error of use, for what does not go together, with what to do.
    func check() throws {
        let places = [jwtSecretFile, jwks, jwksURL].compactMap(\.self)
        guard places.count == 1 else {
            throw ValidationError(
                "--auth jwt takes the keys of its tokens: one of --jwt-secret-file, --jwks and --jwks-url")
        }
        if jwtAlgorithm != nil, jwtSecretFile == nil {
            throw ValidationError("--jwt-algorithm is that of --jwt-secret-file; a public key has its own")
        }
        if allowTokensWithoutExpiry, jwtSecretFile == nil {
            throw ValidationError(
                "--allow-tokens-without-expiry goes with --jwt-secret-file only: give the tokens an expiry (exp)")
        }
        if jwksURL != nil, jwtAudiences.isEmpty {
            throw ValidationError(
                "--jwks-url takes --jwt-audience: its issuer makes tokens for other services too, and theirs must not count "
                    + "here")
        }
        if let jwksURL, !jwksURL.lowercased().hasPrefix("https://") {
            throw ValidationError(
                "--jwks-url begins with https://, so that nobody on the way can replace the keys; or use --jwks with a file"
            )
        }
        if jwtIssuer == "" || jwtAudiences.contains("") {
            throw ValidationError("--jwt-issuer and --jwt-audience are not empty; leave them out instead")
        }
        if jwtIssuer == ShareLink.issuer {
            throw ValidationError(
                "--jwt-issuer: \(ShareLink.issuer) is the issuer of share links, which the service signs itself; the issuer of "
                    + "tokens has another name")
        }
    }

    private var configuration: TokenConfiguration? {
        let keys: TokenIssuer.Keys
        if let jwtSecretFile {
            keys = .secretFile(jwtSecretFile, jwtAlgorithm ?? .hs256)
        } else if let jwks {
            keys = .keySetFile(jwks)
        } else if let jwksURL {
            keys = .keySetURL(jwksURL)
        } else {
            return nil
        }
        var configuration = TokenConfiguration(
            issuers: [TokenIssuer(name: jwtIssuer, audiences: Set(jwtAudiences), keys: keys)])
        configuration.allowsTokensWithoutExpiry = allowTokensWithoutExpiry
        return configuration
    }

    /// The secret of share links.
    ///
    /// - Parameter folder: the data folder, where it is made unless a file is named; `nil` for one that ends with the process.
    /// - Throws: an exit for a file that cannot be used.
    func linkSecret(in folder: String?) async throws -> LinkSecret {
        do {
            if let linkSecretFile { return try await LinkSecret(file: linkSecretFile) }
            guard let folder else { return try await LinkSecret() }
            return try await LinkSecret(madeAt: "\(folder)/\(Self.linkSecretName)")
        } catch let error as TokenKeyError {
            throw ProgramExit.usage("share links: \(error.message)")
        }
    }

    /// The name of the file in the data folder.
    static let linkSecretName = "link-secret"

    /// - Parameters:
    ///   - links: the secret of share links; `nil` when there are none.
    ///   - audit: is told of keys that are gone.
    /// - Throws: an exit for keys that cannot be used.
    func authenticator(
        links: LinkSecret?,
        logger: Logger,
        audit: (any AuditTrail)? = nil
    ) async throws -> TokenAuthenticator {
        guard var configuration else { preconditionFailure("there are keys, as was checked") }
        configuration.linkSecret = links
        do {
            return try await TokenAuthenticator(configuration, logger: logger) { issuer, key in
                audit?.record(
                    AuditEntry(
                        who: "agent-events", what: "key.removed",
                        details: [
                            "issuer": issuer.map { .string($0) } ?? .null, "key": key.map { .string($0) } ?? .null,
                        ]))
            }
        } catch let error as TokenKeyError {
            throw ProgramExit.usage("\(keysOption): \(error.message)")
        }
    }

    /// The option that names the keys, with its value, for messages.
    private var keysOption: String {
        if let jwtSecretFile { return "--jwt-secret-file \(jwtSecretFile)" }
        if let jwks { return "--jwks \(jwks)" }
        return "--jwks-url"
    }
}

/// Reads the algorithm of a shared secret.
enum SecretAlgorithm {
    static func read(_ text: String) throws -> TokenAlgorithm {
        guard let algorithm = TokenAlgorithm.ofSecrets.first(where: { $0.rawValue == text }) else {
            throw ValidationError("it is one of \(TokenAlgorithm.ofSecrets.map(\.rawValue).joined(separator: ", "))")
        }
        return algorithm
    }
}
