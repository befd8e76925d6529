internal import AgentEvents
internal import AgentEventsHub
internal import AgentEventsTokens
internal import ArgumentParser

struct TokenMakeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "make",
        abstract: "Print a token that is signed with a shared secret.",
        discussion: """
            The token counts at a service that is started with --auth jwt and the same secret.

            Example:
              agent-events token make --user u_1 --secret-file secret --ttl 8h
              agent-events token make --user backend --secret-file secret --scope read --scope emit --act-as '*'
              agent-events token make --user workers --secret-file secret --scope serve --scope read --scope emit \\
                --thread '*' --act-as '*'
            """)

    @Option(help: ArgumentHelp("The user that the token stands for (sub).", valueName: "user"))
    var user: String

    @Option(help: ArgumentHelp("The file with the secret, as for serve --jwt-secret-file.", valueName: "file"))
    var secretFile: String

    @Option(
        help: ArgumentHelp("The algorithm.", valueName: "HS256|HS384|HS512"),
        transform: { text throws in try SecretAlgorithm.read(text) })
    var algorithm = TokenAlgorithm.hs256

    @Option(
        help: ArgumentHelp(
            "How long the token is valid: a number with s, m, h or d, at most 24h. Default: 1h", valueName: "time"),
        transform: { text throws in try TokenLifetime.read(text) })
    var ttl: Duration = .seconds(3600)

    @Option(
        name: .customLong("scope"),
        help: ArgumentHelp(
            "A use that the token allows: read, emit, command, open, share, approve, serve or admin. May be repeated. "
                + "Default: read, command and open", valueName: "scope"),
        transform: { text throws in try Choice.read(text) })
    var scopes: [Scope] = []

    @Option(
        name: .customLong("thread"),
        help: ArgumentHelp(
            "A thread that the user may use besides their own: an id, or the beginning of ids and *. May be repeated.",
            valueName: "thread"))
    var threads: [String] = []

    @Flag(help: "The token reaches no other threads than those, not even the user's own.")
    var threadsOnly = false

    @Option(
        name: .customLong("act-as"),
        help: ArgumentHelp(
            "A user that may be emitted for, or * for all. May be repeated. Default: none but the token's own",
            valueName: "user"))
    var actsAs: [String] = []

    @Option(
        name: .customLong("group"),
        help: ArgumentHelp("A group that the user is in. May be repeated.", valueName: "group"))
    var groups: [String] = []

    @Option(help: ArgumentHelp("The issuer (iss), as for serve --jwt-issuer.", valueName: "name"))
    var issuer: String?

    @Option(help: ArgumentHelp("The audience (aud), as for serve --jwt-audience.", valueName: "name"))
    var audience: String?

    func validate() throws {
        if threadsOnly, threads.isEmpty {
            throw ValidationError("--threads-only takes --thread: otherwise the token reaches nothing")
        }
        if actsAs.contains("*"), actsAs.count > 1 {
            throw ValidationError("--act-as '*' stands alone: it is all users")
        }
    }

    @concurrent
    func run() async throws {
        do {
            let maker = try await TokenMaker(secretFile: secretFile, algorithm: algorithm)
            try StandardOutput.write(try maker.token(try content()))
        } catch let error as TokenKeyError {
            throw ProgramExit.usage(error.message)
        } catch let error as IdentifierError {
            throw ProgramExit.usage(error.message)
        } catch is OutputClosedError {
            // Nobody wants the token any longer.
        }
    }

    private func content() throws -> TokenMaker.Content {
        let now = WallClock.system.now()
        let expiry = Timestamp(milliseconds: now.milliseconds + ttl.components.seconds * 1000)
        var content = TokenMaker.Content(user: try UserID(user), issuedAt: now, expiresAt: expiry)
        content.issuer = issuer
        content.audience = audience
        content.scopes = scopes.isEmpty ? nil : scopes
        for thread in threads where thread != "*" {
            _ = try IdentifierText(thread.hasSuffix("*") ? thread.dropLast() : thread[...], kind: "thread id")
        }
        content.threads = threads.isEmpty ? nil : threads
        content.isLimitedToThreads = threadsOnly
        content.groups = Set(try groups.map { try GroupID($0) })
        if actsAs == ["*"] {
            content.actsAs = .everybody
        } else if !actsAs.isEmpty {
            content.actsAs = .listed(Set(try actsAs.map { try UserID($0) }))
        }
        return content
    }
}

/// Reads how long a token is valid.
enum TokenLifetime {
    static func read(_ text: String) throws -> Duration {
        guard let seconds = TimeSpan.seconds(text), (1...86_400).contains(seconds) else {
            throw ValidationError("the time is a number with s, m, h or d, from 1s to 24h: 90s, 15m, 8h; not \(text)")
        }
        return .seconds(seconds)
    }
}
