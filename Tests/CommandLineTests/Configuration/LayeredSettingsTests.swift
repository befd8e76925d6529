import Foundation
import Testing

@testable import agent_events

struct LayeredSettingsTests {
    private func layered(
        _ commandLine: [String] = [],
        environment: [String: String] = [:],
        file: String? = nil
    ) throws -> LayeredSettings {
        try LayeredSettings(
            commandLine: commandLine + (file == nil ? [] : ["--config", "f.yaml"]), environment: environment,
            read: { path in
                guard let file, path == "f.yaml" else { throw CocoaError(.fileNoSuchFile) }
                return file
            })
    }

    /// Whatever `serve` has as an option can be set in all places, without anything else being written for it.
    @Test func everyOptionOfServeIsASettingInAllPlaces() async throws {
        let table = SettingTable.serve
        let names = Set(table.settings.map(\.name))
        let help = try await Program.run(["serve", "--help"]).output
        for line in help.split(separator: "\n").map({ $0.drop { $0 == " " } }) where line.hasPrefix("--") {
            let name = String(line.dropFirst(2).prefix { $0.isLetter || $0 == "-" })
            #expect(names.contains(name), "\(name) is no setting")
        }
        #expect(names.count >= 30)
        for setting in table.settings {
            let value = setting.kind == .flag ? "true" : "v"
            let inEnvironment = try? layered(environment: [setting.variable: value])
            // The file itself is not there.
            #expect((inEnvironment == nil) == (setting.name == "config"), "\(setting.name)")
            let expected = setting.kind == .flag ? "--\(setting.name)" : "--\(setting.name)=v"
            if let inEnvironment { #expect(inEnvironment.arguments == [expected]) }
            if setting.name == "config" { continue }
            #expect(try layered(file: "\(setting.name): \(value)").arguments == [expected])
        }
    }

    @Test func theUpperLayerStands() throws {
        let file = "port: 1\nhost: ::1\ndata: /var/x\nallowed-origin: [https://a.example, https://b.example]\n"
        let settings = try layered(
            ["--port=3"], environment: ["AGENT_EVENTS_PORT": "2", "AGENT_EVENTS_HOST": "localhost", "HOME": "/"],
            file: file)
        #expect(
            settings.arguments == [
                "--host=localhost", "--data=/var/x", "--allowed-origin=https://a.example",
                "--allowed-origin=https://b.example",
            ])
        #expect(settings.values["port"]?.origin == .commandLine)
        #expect(settings.values["host"]?.origin == .environment(variable: "AGENT_EVENTS_HOST"))
        #expect(settings.values["data"]?.origin == .file(path: "f.yaml", line: 3))
        #expect(settings.path == "f.yaml")
    }

    @Test func flagsCanBeSwitchedOffAbove() throws {
        let settings = try layered(
            environment: ["AGENT_EVENTS_IN_MEMORY": "false"], file: "in-memory: true\ndemo: true")
        #expect(settings.arguments == ["--demo"])
    }

    @Test func whatKubernetesSetsIsNoSetting() throws {
        let environment = [
            "AGENT_EVENTS_PORT": "tcp://10.0.0.1:80", "AGENT_EVENTS_PORT_80_TCP": "tcp://10.0.0.1:80",
            "AGENT_EVENTS_PORT_80_TCP_ADDR": "10.0.0.1", "AGENT_EVENTS_SERVICE_HOST": "10.0.0.1",
            "AGENT_EVENTS_SERVICE_PORT": "80", "AGENT_EVENTS_SERVICE_PORT_HTTP": "80", "AGENT_EVENTS_HOST": "::1",
        ]
        #expect(try layered(environment: environment).arguments == ["--host=::1"])
    }

    @Test func listsInTheEnvironmentHaveCommas() throws {
        let settings = try layered(environment: ["AGENT_EVENTS_ALLOWED_ORIGIN": "https://a.example, https://b.example"])
        #expect(settings.arguments == ["--allowed-origin=https://a.example", "--allowed-origin=https://b.example"])
    }

    @Test func theFileMayBeNamedInTheEnvironment() throws {
        let settings = try LayeredSettings(
            commandLine: [], environment: ["AGENT_EVENTS_CONFIG": "/etc/x"], read: { "# \($0)\nport: 5" })
        #expect(settings.arguments == ["--port=5"])
        #expect(settings.path == "/etc/x")
    }

    @Test(arguments: [
        ("prot: 1", "f.yaml, line 1", "port is probably meant"),
        ("\nretain_age: 1h", "line 2", "retain-age is probably"),
        ("port: [1]", "line 1", "one value"), ("port:", "line 1", "no value"), ("port: {a: 1}", "line 1", "one value"),
        ("in-memory: yes please", "line 1", "true or false"), ("config: x", "line 1", "no setting"),
        ("- port", "f.yaml", "port: 9000"), ("port: 1\nport: 2", "f.yaml", ""), ("a: [", "f.yaml is not YAML", ""),
        ("allowed-origin: [[a]]", "line 1", "single values"),
    ])
    func whatIsWrongInTheFileIsSaid(_ file: String, _ place: String, _ problem: String) throws {
        let error = #expect(throws: SettingError.self) { try layered(file: file) }
        #expect(error?.message.contains(place) == true, "\(error?.message ?? "")")
        #expect(problem.isEmpty || error?.message.contains(problem) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: ["", "\n", "# nothing yet\n", "---\n"])
    func aFileMayBeEmpty(_ file: String) throws { #expect(try layered(file: file).arguments == []) }

    @Test(arguments: [
        (["AGENT_EVENTS_PROT": "1"], "AGENT_EVENTS_PORT is probably meant"),
        (["AGENT_EVENTS_IN_MEMORY": "yes"], "AGENT_EVENTS_IN_MEMORY"), (["AGENT_EVENTS_": "x"], "no variable"),
    ])
    func whatIsWrongInTheEnvironmentIsSaid(_ environment: [String: String], _ problem: String) throws {
        let error = #expect(throws: SettingError.self) { try layered(environment: environment) }
        #expect(error?.message.contains(problem) == true, "\(error?.message ?? "")")
    }

    @Test func aComplaintNamesThePlace() throws {
        let settings = try layered(["--heartbeat", "1"], file: "port: 70000\nheartbeat: 2")
        let found = settings.origin(ofProblem: "Error: --port is a number from 0 to 65535")
        #expect(found?.setting == "port")
        #expect(found?.origin == .file(path: "f.yaml", line: 1))
        #expect(settings.origin(ofProblem: "--heartbeat is above 0")?.setting == nil)
    }

    @Test func whatIsShownIsAFileThatSaysTheSame() throws {
        let commandLine = ["--webhook", "https://me:pass@hooks.example/in?key=abc", "--sink-attempts=7", "--demo"]
        let settings = try layered(commandLine, file: "port: 9\nallowed-origin: [https://a.example]")
        let lines = ShownSettings(settings, commandLine: commandLine).lines(withOrigins: false)
        #expect(lines.contains("port: 9"))
        #expect(lines.contains("demo: true"))
        #expect(lines.contains("in-memory: false"))
        #expect(lines.contains("sink-attempts: 7"))
        #expect(lines.contains("# retain-age: none"))
        #expect(lines.contains("host: 127.0.0.1"))
        // What is hidden does not say the same.
        #expect(lines.contains(##"# webhook: "https://***@hooks.example/in?***", hidden in part: fill it in"##))
        #expect(lines.contains(#"allowed-origin: ["https://a.example"]"#))
        let again = try layered(file: lines.joined(separator: "\n"))
        #expect(again.arguments.contains("--port=9"))
        #expect(again.values["webhook"] == nil)
        let origins = ShownSettings(settings, commandLine: commandLine).lines(withOrigins: true)
        #expect(origins.contains("port: 9  # f.yaml, line 1"))
        #expect(origins.contains("demo: true  # command line"))
        #expect(origins.contains("host: 127.0.0.1  # default"))
    }
}
