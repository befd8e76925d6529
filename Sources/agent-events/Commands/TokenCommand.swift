internal import ArgumentParser

struct TokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Make tokens, and see why one counts or does not.",
        discussion: """
            Example:
              (umask 077; head -c 32 /dev/urandom | base64 > secret)
              agent-events serve --auth jwt --jwt-secret-file secret
              agent-events tail t_1 --token "$(agent-events token --user u_1 --secret-file secret)"
            """,
        subcommands: [TokenMakeCommand.self, TokenCheckCommand.self],
        defaultSubcommand: TokenMakeCommand.self)
}
