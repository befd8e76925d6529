internal import AgentEvents
internal import AgentEventsHub
internal import AgentEventsTokens
internal import ArgumentParser
internal import Foundation
internal import Logging

struct TokenCheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say whether a token counts, why it does not, and what it allows.",
        discussion: """
            Takes the same options, variables and file of settings as serve --auth jwt, and decides as that does. Share links count \
            by the secret in the data folder that is set, or by --link-secret-file. Ends with 1 when the token does not count, with 69 \
            when the keys cannot be obtained.

            Example:
              agent-events token check --jwt-secret-file secret < token
              agent-events token check --jwks keys.json --jwt-issuer https://login.example.com --jwt-audience chat < token
              agent-events token check --config agent-events.yaml < token
            """)

    @Argument(
        help: ArgumentHelp(
            "The token; - for standard input, where no list of processes shows it.", valueName: "token"))
    var token = "-"

    @OptionGroup
    var options: TokenOptions

    @OptionGroup
    var configurationFile: ConfigurationOptions

    func validate() throws { try options.check() }

    @concurrent
    func run() async throws {
        let text = token == "-" ? try Self.line() : token
        let logger = Logger(label: "agent-events") { label in StreamLogHandler.standardError(label: label) }
        let links = try await linkSecret()
        let authenticator = try await options.authenticator(links: links, logger: logger)
        let principal: Principal
        do throws(AuthenticationError) {
            principal = try await Self.principal(of: text, by: authenticator).get()
        } catch {
            let text = "\(error.code): \(error.message)"
            throw error.code == .unavailable ? ProgramExit.unavailable(text) : ProgramExit.wrong(text)
        }
        do {
            for line in Self.description(of: principal) { try StandardOutput.write(line) }
        } catch is OutputClosedError {
            // The exit code still tells.
        }
    }

    /// The secret of the share links of the service with these settings; `nil` when it has none, or has not made it yet.
    private func linkSecret() async throws -> LinkSecret? {
        if options.linkSecretFile != nil { return try await options.linkSecret(in: nil) }
        guard let settings = try ProgramArguments.settings(of: ProgramArguments.given),
            settings.values["in-memory"]?.texts != ["true"]
        else { return nil }
        // Without a file or a variable that sets it, no service is meant.
        guard let folder = settings.values["data"]?.texts.last ?? settings.path.map({ _ in "data" }) else { return nil }
        let path = "\(folder)/\(TokenOptions.linkSecretName)"
        guard access(path, F_OK) == 0 || errno != ENOENT else { return nil }
        do {
            return try await LinkSecret(file: path)
        } catch let error as TokenKeyError {
            // Other tokens count without it.
            StandardError.write("note: share links are not checked: \(error.message)")
            return nil
        }
    }

    /// Keys at an address are fetched meanwhile, as by a service that runs.
    private static func principal(
        of token: String,
        by authenticator: TokenAuthenticator
    ) async -> Result<Principal, AuthenticationError> {
        await withTaskGroup { group in
            group.addTask { try? await authenticator.run() }
            defer { group.cancelAll() }
            do throws(AuthenticationError) {
                return .success(try await authenticator.authenticate(Credentials(token: token, path: "/")))
            } catch {
                return .failure(error)
            }
        }
    }

    private static func line() throws -> String {
        do {
            let reader = try LineReader(path: "-")
            guard let line = try reader.next() else { throw ProgramExit.usage("there is no token on standard input") }
            let text = String(decoding: line.bytes, as: UTF8.self)
            return text.hasPrefix("Bearer ") ? String(text.dropFirst("Bearer ".count)) : text
        } catch let error as InputError {
            throw ProgramExit.usage(error.message)
        }
    }

    private static func description(of principal: Principal) -> [String] {
        var lines = ["ok", "user     \(principal.user)"]
        lines.append("scopes   " + list(Scope.allCases.filter(principal.scopes.contains).map(\.rawValue)))
        let own = principal.isLimitedToThreads ? "" : "the user's own"
        switch principal.threads {
        case .own: lines.append("threads  \(own)")
        case .all: lines.append("threads  all")
        case .listed(let allowances):
            let named = allowances.map { allowance in
                guard let scopes = allowance.scopes else { return "\(allowance.pattern)" }
                return "\(allowance.pattern) (\(list(scopes.map(\.rawValue).sorted())))"
            }
            lines.append("threads  " + (own.isEmpty ? named : [own] + named).joined(separator: ", "))
        }
        switch principal.actsAs {
        case .nobody: break
        case .listed(let users): lines.append("acts as  " + list(users.map(\.rawValue).sorted()))
        case .everybody: lines.append("acts as  all users")
        }
        lines.append("expires  " + (principal.expiresAt?.rfc3339 ?? "never"))
        for (name, value) in [
            ("issuer", principal.token?.issuer), ("key", principal.token?.key), ("id", principal.token?.id),
            ("issued", principal.token?.issuedAt?.rfc3339),
        ] {
            if let value { lines.append(name.padding(to: 9) + value) }
        }
        return lines
    }

    private static func list(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: ", ") }
}

extension String {
    fileprivate func padding(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
