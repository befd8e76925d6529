internal import ArgumentParser

/// The command-line program.
@main
struct AgentEventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agent-events",
        abstract: "Ordered, durable events of AI agents, for the people who watch them.",
        discussion: """
            Exit codes: 0 ok, 1 found something wrong, 64 wrong usage, 69 unavailable (no service at the address, port in \
            use, data folder not usable).

            Example, in two terminals:
              agent-events serve --demo
              agent-events tail t_1 --after start
            """,
        subcommands: [
            ServeCommand.self, TailCommand.self, EmitCommand.self, CommandCommand.self, ValidateCommand.self,
            ReplayCommand.self, TokenCommand.self,
            BenchCommand.self,
        ])
}
