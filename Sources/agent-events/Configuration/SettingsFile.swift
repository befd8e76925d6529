internal import AgentEvents
internal import Yams

/// A configuration file: YAML, with the names of options as keys.
///
/// ```yaml
/// port: 9000
/// allowed-origin: [https://chat.example.com, https://example.com]
/// in-memory: true
/// ```
enum SettingsFile {
    /// - Parameter path: for errors.
    /// - Returns: the values by the names of settings.
    static func values(in text: String, path: String, _ table: SettingTable) throws(SettingError) -> [String:
        SettingValue]
    {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            throw SettingError("\(path) is not YAML: \(error)")
        }
        guard let root else { return [:] }
        // A file with comments only.
        if isNull(root) { return [:] }
        guard let mapping = root.mapping else {
            throw SettingError("\(path) is to be lines such as \"port: 9000\", with the names of the options of serve")
        }
        var values: [String: SettingValue] = [:]
        for (key, node) in mapping {
            let place = "\(path), line \(key.mark?.line ?? 1)"
            guard let name = key.scalar?.string, let setting = table.find(name), name != SettingTable.fileName else {
                let problem = NearestName.problem(
                    key.scalar?.string ?? "?", kind: "setting", of: "the file", known: table.inFile.map(\.name))
                throw SettingError("\(place): \(problem)")
            }
            guard values[name] == nil else { throw SettingError("\(place): \(name) is set twice") }
            values[name] = SettingValue(
                texts: try texts(of: node, setting, place), origin: .file(path: path, line: key.mark?.line ?? 1))
        }
        return values
    }

    private static func texts(of node: Node, _ setting: Setting, _ place: String) throws(SettingError) -> [String] {
        if isNull(node) {
            throw SettingError("\(place): \(setting.name) has no value; give it one, or remove the line")
        }
        if let scalar = node.scalar {
            return [try SettingValue.checked(scalar.string, setting, place)]
        }
        guard let elements = node.sequence, setting.kind == .list else {
            throw SettingError(
                "\(place): \(setting.name) is one value, such as \"\(setting.name): \(setting.defaultValue ?? "…")\"")
        }
        var texts: [String] = []
        for element in elements {
            guard let scalar = element.scalar, !isNull(element) else {
                throw SettingError("\(place): \(setting.name) is a list of single values")
            }
            texts.append(scalar.string)
        }
        return texts
    }

    private static func isNull(_ node: Node) -> Bool {
        guard let scalar = node.scalar, scalar.style == .plain || scalar.style == .any else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }
}

/// What is wrong with a configuration, in one sentence for people.
struct SettingError: Error, CustomStringConvertible {
    let message: String

    init(_ message: String) { self.message = message }

    var description: String { message }
}

/// A value that a setting was given, and where.
struct SettingValue: Hashable {
    enum Origin: Hashable, CustomStringConvertible {
        case commandLine
        case environment(variable: String)
        case file(path: String, line: Int)
        /// Not set anywhere.
        case builtIn

        var description: String {
            switch self {
            case .commandLine: "command line"
            case .environment(let variable): variable
            case .file(let path, let line): "\(path), line \(line)"
            case .builtIn: "default"
            }
        }
    }

    /// One, or any number for a list.
    var texts: [String]
    var origin: Origin

    /// A flag is `true` or `false`.
    static func checked(_ text: String, _ setting: Setting, _ place: String) throws(SettingError) -> String {
        guard setting.kind == .flag else { return text }
        switch text {
        case "true", "1": return "true"
        case "false", "0": return "false"
        default: throw SettingError("\(place): \(setting.name) is true or false, and not \(text)")
        }
    }
}
