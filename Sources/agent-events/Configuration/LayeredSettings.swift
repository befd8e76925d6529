internal import AgentEvents
internal import Foundation

/// The settings from all places: the command line stands over the environment, that over the file, that over the defaults.
///
/// The upper layers are not read here: what the environment and the file say is put into the words of the command line, for the
/// settings that are not on it, and goes the way of all options. So each setting can be set in all places, is checked once, and
/// means the same everywhere.
struct LayeredSettings {
    /// Those that are set in the environment or in the file, and not on the command line; and those on it, without their values.
    let values: [String: SettingValue]
    private let table: SettingTable
    /// The file that was read.
    let path: String?

    /// - Parameters:
    ///   - commandLine: the words after `serve`.
    ///   - read: reads a file.
    init(
        commandLine: [String],
        environment: [String: String],
        table: SettingTable = .serve,
        read: (_ path: String) throws -> String
    ) throws(SettingError) {
        var values = try Self.values(in: environment, table)
        var path = values.removeValue(forKey: SettingTable.fileName)?.texts.last
        path = try Self.path(in: commandLine) ?? path
        if let path {
            let text: String
            do { text = try read(path) } catch {
                if let error = error as? SettingError { throw error }
                throw SettingError("the configuration file \(path) cannot be read: \(error.localizedDescription)")
            }
            values.merge(try SettingsFile.values(in: text, path: path, table)) { upper, _ in upper }
        }
        self.path = path
        for setting in table.settings where Self.isSet(setting, in: commandLine) {
            values[setting.name] = SettingValue(texts: [], origin: .commandLine)
        }
        self.values = values
        self.table = table
    }

    /// The words to be put before those of the command line.
    var arguments: [String] { table.settings.flatMap(arguments) }

    /// Those of them for a command that has some of the settings.
    func arguments(of names: Set<String>) -> [String] {
        table.settings.filter { names.contains($0.name) }.flatMap(arguments)
    }

    private func arguments(of setting: Setting) -> [String] {
        guard let value = values[setting.name], value.origin != .commandLine else { return [] }
        if setting.kind == .flag { return value.texts == ["true"] ? ["--\(setting.name)"] : [] }
        return value.texts.map { "--\(setting.name)=\($0)" }
    }

    private static func values(
        in environment: [String: String],
        _ table: SettingTable
    ) throws(SettingError) -> [String: SettingValue] {
        var values: [String: SettingValue] = [:]
        for (variable, text) in environment.sorted(by: { $0.key < $1.key })
        where variable.hasPrefix(SettingTable.prefix) && !isOfKubernetes(variable, text) {
            guard let setting = table.settings.first(where: { $0.variable == variable }) else {
                let problem = NearestName.problem(
                    variable, kind: "variable", of: "the environment of serve", known: table.settings.map(\.variable))
                throw SettingError(problem)
            }
            let texts =
                setting.kind == .list
                ? text.split(separator: ",").map { String($0.drop { $0 == " " }) }
                : [try SettingValue.checked(text, setting, variable)]
            values[setting.name] = SettingValue(texts: texts, origin: .environment(variable: variable))
        }
        for (name, variable) in SettingTable.standardVariables where values[name] == nil && table.find(name) != nil {
            // An empty one counts as none, by the standard.
            guard let text = environment[variable], !text.isEmpty else { continue }
            values[name] = SettingValue(texts: [text], origin: .environment(variable: variable))
        }
        return values
    }

    /// Says if Kubernetes has set a variable: in the pods of a service that is named `agent-events` it sets
    /// `AGENT_EVENTS_PORT=tcp://10.0.0.1:80`, `AGENT_EVENTS_SERVICE_HOST` and others, which are nobody's settings.
    private static func isOfKubernetes(_ variable: String, _ text: String) -> Bool {
        let name = variable.dropFirst(SettingTable.prefix.count)
        if name == "PORT" { return text.contains("://") }
        if name == "SERVICE_HOST" || name == "SERVICE_PORT" || name.hasPrefix("SERVICE_PORT_") { return true }
        let words = name.split(separator: "_")
        return words.count >= 3 && words[0] == "PORT" && Int(words[1]) != nil
            && ["TCP", "UDP", "SCTP"].contains(words[2])
    }

    private static func path(in commandLine: [String]) throws(SettingError) -> String? {
        let option = "--\(SettingTable.fileName)"
        guard let place = commandLine.lastIndex(where: { $0 == option || $0.hasPrefix("\(option)=") }) else {
            return nil
        }
        if commandLine[place] != option { return String(commandLine[place].dropFirst(option.count + 1)) }
        guard place + 1 < commandLine.count else { throw SettingError("\(option) needs the name of a file") }
        return commandLine[place + 1]
    }

    private static func isSet(_ setting: Setting, in commandLine: [String]) -> Bool {
        let option = "--\(setting.name)"
        return commandLine.contains { $0 == option || $0.hasPrefix("\(option)=") }
    }

    /// Where the setting is set that a complaint is about; `nil` when it is on the command line, or is not found.
    func origin(ofProblem message: String) -> (setting: String, origin: SettingValue.Origin)? {
        let named = values.filter { name, value in
            value.origin != .commandLine && Self.words(in: message).contains("--\(name)")
        }
        return named.min { $0.key < $1.key }.map { ($0.key, $0.value.origin) }
    }

    private static func words(in message: String) -> Set<Substring> {
        Set(message.split { !($0.isLetter || $0.isNumber || $0 == "-") })
    }
}
