internal import AgentEvents
internal import AgentEventsServer
internal import ArgumentParser

/// Checks and shows the settings of `serve`.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Check or show the settings of serve.",
        discussion: """
            Settings come from the options of serve, from variables named AGENT_EVENTS_ and the option in capitals \
            (AGENT_EVENTS_PORT), and from a YAML file with the options as keys; in this order.

            Example:
              agent-events config check --config agent-events.yaml
              agent-events config show --origin --config agent-events.yaml
            """,
        subcommands: [Check.self, Show.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Say if serve would take these settings.",
            // Without this, the options of serve bring its name with them.
            usage: "agent-events config check [<options>]",
            discussion: """
                Example:
                  agent-events config check --config agent-events.yaml
                """)

        @OptionGroup
        var serve: ServeCommand

        func run() throws {
            // All else that is wrong was said while they were read.
            do throws(ServiceError) { try serve.checkAccess() } catch { throw ProgramExit.usage(error.message) }
            try serve.sinks.checkFile()
            try StandardOutput.write("the settings are as they should be")
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Print all settings as a file that serve takes.",
            usage: "agent-events config show [--origin] [<options>]",
            discussion: """
                A comment has the value that counts where none is set, if that follows from others or is none, and what they all add up \
                to: who may use the service, and how much of it. Passwords and keys in addresses are shown as ***, in a comment, since what \
                is hidden has to be filled in.

                Example:
                  agent-events config show --origin
                """)

        @Flag(help: "Say where each setting comes from.")
        var origin = false

        @OptionGroup
        var serve: ServeCommand

        func run() throws {
            let words = ProgramArguments.given
            guard let settings = try ProgramArguments.settings(of: words) else { return }
            let shown = ShownSettings(settings, commandLine: words, unset: serve.unsetValues)
            for line in shown.lines(withOrigins: origin) + serve.accessSummary {
                try StandardOutput.write(line)
            }
        }
    }
}

/// Settings as `config show` prints them.
struct ShownSettings {
    private let settings: LayeredSettings
    private let commandLine: [String]
    /// The values that count for settings that are not set, and have none of their own.
    private let unset: [String: UnsetValue]
    private let table: SettingTable

    init(
        _ settings: LayeredSettings,
        commandLine: [String],
        unset: [String: UnsetValue] = [:],
        table: SettingTable = .serve
    ) {
        self.settings = settings
        self.commandLine = commandLine
        self.unset = unset
        self.table = table
    }

    func lines(withOrigins: Bool) -> [String] {
        table.inFile.map { setting in
            let value = settings.values[setting.name]
            var origin = "\(value?.origin ?? .builtIn)"
            let line: String
            if value == nil, let other = unset[setting.name] {
                line = "# \(setting.name): \(other.text)"
                if let source = other.source { origin = source }
            } else if let text = text(of: setting) {
                // What is hidden in part would count as it is shown.
                line =
                    isHidden(setting)
                    ? "# \(setting.name): \(text), hidden in part: fill it in" : "\(setting.name): \(text)"
            } else {
                line = "# \(setting.name): none"
            }
            return withOrigins ? "\(line)  # \(origin)" : line
        }
    }

    /// The values of a setting, wherever they are set.
    func texts(of setting: Setting) -> [String] {
        let value = settings.values[setting.name]
        if value?.origin == .commandLine { return Self.values(of: setting, in: commandLine) }
        return value?.texts ?? setting.defaultValue.map { [$0] } ?? []
    }

    /// - Returns: `nil` without a value.
    private func text(of setting: Setting) -> String? {
        let values = texts(of: setting)
        if setting.kind == .flag { return values.first ?? "false" }
        let shown = values.map { Self.quoted(Self.withoutSecrets($0, of: setting)) }
        if setting.kind == .list { return shown.isEmpty ? nil : "[\(shown.joined(separator: ", "))]" }
        return shown.last
    }

    /// Whether something of the values is not shown.
    private func isHidden(_ setting: Setting) -> Bool {
        setting.kind != .flag && texts(of: setting).contains { Self.withoutSecrets($0, of: setting) != $0 }
    }

    private static func values(of setting: Setting, in commandLine: [String]) -> [String] {
        let option = "--\(setting.name)"
        if setting.kind == .flag { return ["true"] }
        return commandLine.enumerated().compactMap { place, word in
            if word.hasPrefix("\(option)=") { return String(word.dropFirst(option.count + 1)) }
            return word == option && place + 1 < commandLine.count ? commandLine[place + 1] : nil
        }
    }

    /// Names of files are no secrets, nor are those of issuers, audiences and algorithms of tokens; what an address has for its receiver
    /// alone is.
    static func withoutSecrets(_ text: String, of setting: Setting) -> String {
        if !setting.name.hasSuffix("-file"), !setting.name.hasPrefix("jwt-"), LogRedaction.isCredential(setting.name) {
            return "***"
        }
        return LogRedaction.address(text)
    }

    private static func quoted(_ text: String) -> String {
        let plain = text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-/".contains($0)) }
        // Without quotes the word null is no value.
        return plain && !text.isEmpty && !text.hasPrefix("-") && text.lowercased() != "null"
            ? text : String(decoding: JSONValue.string(text).encoded(), as: UTF8.self)
    }
}
