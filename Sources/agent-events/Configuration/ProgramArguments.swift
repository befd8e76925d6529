internal import AgentEvents
internal import AgentEventsFiles
internal import ArgumentParser
internal import Foundation

/// The words with which the program was started, with what is set elsewhere put among them.
enum ProgramArguments {
    /// The words after the name of the program.
    static var given: [String] { Array(CommandLine.arguments.dropFirst()) }

    /// The number of words that name a command with settings; `nil` for one without.
    private static func commandWordCount(_ words: [String]) -> Int? {
        switch words.first {
        case "serve", "doctor": 1
        case "config" where words.count > 1 && ["check", "show"].contains(words[1]): 2
        case "token" where words.count > 1 && words[1] == "check": 2
        default: nil
        }
    }

    /// The settings of a command that has some, from all places.
    ///
    /// - Returns: `nil` for a command without settings, and where help is asked for.
    static func settings(of words: [String]) throws(SettingError) -> LayeredSettings? {
        guard let count = commandWordCount(words), !words.contains("--help"), !words.contains("-h") else { return nil }
        return try LayeredSettings(
            commandLine: Array(words.dropFirst(count)), environment: ProcessInfo.processInfo.environment,
            read: { path in
                do throws(ConfiguredFile.ReadingError) {
                    return try ConfiguredFile.settings(at: path)
                } catch {
                    throw SettingError("--config: \(error.message)")
                }
            })
    }

    /// The words with the settings in them.
    static func layered(_ words: [String], _ settings: LayeredSettings) -> [String] {
        guard let count = commandWordCount(words) else { return words }
        let isForTokens = words.first == "token"
        let arguments = isForTokens ? settings.arguments(of: Self.tokenSettings) : settings.arguments
        return words.prefix(count) + arguments + words.dropFirst(count)
    }

    /// Those of the settings of `serve` that say which tokens count.
    private static let tokenSettings = Set(SettingTable(of: TokenCheckCommand.self).settings.map(\.name))

    /// Reads the settings of `serve` anew, as the program would at a start with the same words.
    ///
    /// - Throws: ``SettingError``.
    static func reload() throws(SettingError) -> (command: ServeCommand, settings: LayeredSettings) {
        guard let settings = try settings(of: given) else { throw SettingError("only serve has settings") }
        do {
            let words = layered(given, settings).dropFirst(commandWordCount(given) ?? 0)
            return (try ServeCommand.parse(Array(words)), settings)
        } catch {
            throw SettingError(ServeCommand.problem(in: error, settings))
        }
    }
}

extension ParsableArguments {
    /// An error of parsing in words, with the place of the setting that it is about.
    static func problem(in error: any Error, _ settings: LayeredSettings) -> String {
        let message = message(for: error)
        guard let (setting, origin) = settings.origin(ofProblem: message) else { return message }
        return "\(message) (\(setting) is set in \(origin))"
    }
}

/// The options that say where further settings are.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A YAML file with settings: the names of these options as keys. The environment (AGENT_EVENTS_PORT for --port) stands "
                + "over it, the command line over both.",
            valueName: "file"))
    var config: String?
}
