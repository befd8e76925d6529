internal import AgentEvents
internal import ArgumentParser

/// A setting of `serve`: one of its options, which may also be set in the environment and in a file.
struct Setting: Hashable {
    enum Kind: Hashable {
        /// On or off.
        case flag
        /// One value.
        case option
        /// Any number of values.
        case list
    }

    /// The name on the command line without the hyphens, and in the file.
    let name: String
    let kind: Kind
    /// One sentence or more.
    let help: String
    let defaultValue: String?

    /// The name in the environment.
    var variable: String { SettingTable.prefix + name.uppercased().map { $0 == "-" ? "_" : String($0) }.joined() }
}

/// All settings. They are the options of `serve` as it declares them, so that none can be forgotten.
struct SettingTable {
    /// What the names in the environment begin with.
    static let prefix = "AGENT_EVENTS_"
    /// Names the file, and is not in it.
    static let fileName = "config"
    static let serve = SettingTable(of: ServeCommand.self)
    /// Variables that programs of all makers read, by the settings that they stand for. Those with the prefix stand over them.
    static let standardVariables = [
        "otlp-endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT", "otlp-service-name": "OTEL_SERVICE_NAME",
    ]

    let settings: [Setting]

    init(of command: any ParsableCommand.Type) {
        guard let dump = try? JSONValue(parsing: Array(command._dumpHelp().utf8)),
            let arguments = dump["command"]?["arguments"]?.arrayValue
        else { preconditionFailure("the options of a command are described in JSON") }
        settings = arguments.compactMap(Self.setting)
    }

    private static func setting(_ argument: JSONValue) -> Setting? {
        guard let name = argument["preferredName"]?["name"]?.stringValue, !["help", "version"].contains(name),
            argument["preferredName"]?["kind"]?.stringValue == "long"
        else { return nil }
        let kind: Setting.Kind =
            switch (argument["kind"]?.stringValue, argument["isRepeating"]?.boolValue) {
            case ("flag", _): .flag
            case (_, true): .list
            default: .option
            }
        return Setting(
            name: name, kind: kind, help: argument["abstract"]?.stringValue ?? "",
            defaultValue: argument["defaultValue"]?.stringValue)
    }

    func find(_ name: String) -> Setting? { settings.first { $0.name == name } }

    /// Those that may be in a file.
    var inFile: [Setting] { settings.filter { $0.name != Self.fileName } }
}
