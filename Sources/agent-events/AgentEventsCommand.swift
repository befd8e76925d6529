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
            ReplayCommand.self, TokenCommand.self, ConfigCommand.self, DoctorCommand.self, AuditCommand.self,
            BackupCommand.self, BenchCommand.self, CountCommand.self, ConformanceCommand.self,
        ])

    /// Puts the settings of the environment and of a file among the words of the command line, for the commands that have
    /// settings, and runs the command.
    static func main() async {
        let words = ProgramArguments.given
        let settings: LayeredSettings?
        do throws(SettingError) {
            settings = try ProgramArguments.settings(of: words)
        } catch {
            exit(withError: ProgramExit.usage(error.message))
        }
        guard let settings else { return await main(words) }
        do {
            var command = try parseAsRoot(ProgramArguments.layered(words, settings))
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            if let (setting, origin) = settings.origin(ofProblem: message(for: error)) {
                StandardError.write("note: \(setting) is set in \(origin)")
            }
            exit(withError: error)
        }
    }
}
