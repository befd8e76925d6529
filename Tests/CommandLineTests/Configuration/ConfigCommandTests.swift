import AgentEventsHub
import Foundation
import Testing

@testable import agent_events

/// `config`, and `serve` with a file.
struct ConfigCommandTests {
    @Test func aGoodFileIsToldFromABadOne() async throws {
        try await TemporaryFolder.with { folder in
            let path = "\(folder.path)/settings.yaml"
            try folder.write("settings.yaml", "port: 9000\nlog-level: info\n")
            let good = try await Program.run(["config", "check", "--config", path])
            #expect(good.status == 0, "\(good)")
            for (text, word) in [
                ("prot: 9000", "port is probably meant"), ("port: many", "\(path), line 1"),
                ("port: 70000", "\(path), line 1"), ("data: x\nin-memory: true", "--in-memory"),
                ("in-memory: true\nhost: 0.0.0.0", "127.0.0.1"),
                ("in-memory: true\ninternal-listen: 0.0.0.0:1", "127.0.0.1"),
                ("internal-listen: 8081", "a host and a port"),
                ("interop: [ag-ui, none]", "none stands alone"),
                ("interop: [socketio]", "socket.io, ag-ui, ai-sdk, none"),
            ] {
                try folder.write("settings.yaml", text)
                for command in [["config", "check"], ["serve"]] {
                    let bad = try await Program.run(command + ["--config", path])
                    #expect(bad.status == 64, "\(text): \(bad)")
                    #expect(bad.error.contains(word), "\(text): \(bad)")
                }
            }
            try folder.write(
                "settings.yaml", "host: 0.0.0.0\nauth: jwt\njwt-secret-file: s\nin-memory: true\n")
            let open = try await Program.run(["config", "check", "--config", path])
            #expect(open.status == 0, "\(open)")
            let missing = try await Program.run(["config", "check", "--config", "\(folder.path)/none"])
            #expect(missing.status == 64)
            #expect(missing.error.contains("/none"))
        }
    }

    /// Who may write to the file chooses the keys and the listeners.
    @Test(arguments: [(0o664, false), (0o646, false), (0o622, false), (0o644, true), (0o600, true)])
    func aFileThatOthersMayWriteToIsRefused(mode: Int, isTaken: Bool) async throws {
        try await TemporaryFolder.with { folder in
            let path = try folder.write("settings.yaml", "in-memory: true\nport: 0\n")
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            for command in [["config", "check"], ["config", "show"], ["doctor"]] {
                let outcome = try await Program.run(command + ["--config", path])
                #expect(outcome.status == (isTaken ? 0 : 64), "\(command): \(outcome)")
                let words =
                    "--config: others than its owner may write to the file of settings \(path), and so choose keys and "
                    + "listeners: chmod go-w \(path)"
                #expect(outcome.error.contains(words) == !isTaken, "\(command): \(outcome)")
            }
            guard !isTaken else { return }
            let serve = try await Program.run(["serve", "--config", path])
            #expect(serve.status == 64 && serve.error.contains("chmod go-w"), "\(serve)")
        }
    }

    /// A file that became writable by others is refused when it is read again, too.
    @Test func aFileThatOthersMayWriteToIsNotReadAgain() async throws {
        try await TemporaryFolder.with { folder in
            let path = try folder.write("settings.yaml", "in-memory: true\n")
            try await RunningService.with(["--config", path]) { service in
                try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: path)
                service.program.send(signal: SIGHUP)
                let refused = try await service.program.error(containing: "not reloaded")
                #expect(refused.contains("chmod go-w"), "\(refused)")
                service.program.send(signal: SIGTERM)
                #expect(try await service.program.outcome().status == 0)
            }
        }
    }

    /// The lines of `config show --origin`.
    private static func shown(_ arguments: [String]) async throws -> [String] {
        let shown = try await Program.run(["config", "show", "--origin"] + arguments)
        #expect(shown.status == 0, "\(shown)")
        return shown.lines
    }

    /// Also those that have no value of their own in the declaration of the option.
    @Test(
        arguments: [
            [], ["--in-memory", "--demo"], ["--listen", "unix:/x"],
            [
                "--auth", "jwt", "--jwt-secret-file", "s", "--webhook", "http://127.0.0.1/", "--webhook-secret-file",
                "s",
            ],
        ])
    func eachSettingIsShownWithTheValueThatCounts(arguments: [String]) async throws {
        // Without what they add up to.
        let lines = try await Self.shown(arguments).filter { $0.contains("  # ") }
        for setting in SettingTable.serve.inFile {
            let shown = lines.filter { $0.hasPrefix("\(setting.name): ") || $0.hasPrefix("# \(setting.name): ") }
            #expect(shown.count == 1, "\(setting.name)")
            let line = try #require(shown.first)
            #expect(!line.contains(":  # "), "\(line)")
        }
    }

    /// A setting whose help names its default is not shown as having none.
    @Test func theDefaultsAreThoseOfTheHelp() async throws {
        let lines = try await Self.shown(["--demo", "--auth", "jwt", "--jwt-secret-file", "s", "--listen", "unix:/x"])
        var count = 0
        for setting in SettingTable.serve.inFile {
            guard let text = setting.help.firstMatch(of: /Default: ([^.,: ]+)/)?.1 else { continue }
            let line = try #require(
                lines.first { $0.hasPrefix("# \(setting.name): ") || $0.hasPrefix("\(setting.name): ") })
            let hasNone = ["none", "keep", "all", "no", "that", "those", "what"].contains(String(text))
            if !hasNone {
                count += 1
                #expect(!line.hasPrefix("# \(setting.name): none"), "\(line); by the help \(text)")
            }
        }
        #expect(count > 10)
    }

    @Test(
        arguments: [
            ([], "# listen: 127.0.0.1:8080  # host, port"), ([], "# data: data  # default"),
            ([], "# durability: process  # default"), ([], "# retain-age: none  # default"),
            ([], "# emitted-run-timeout: 15m  # default"), ([], "# log-level: notice  # default"),
            ([], "# log-format: text  # default"), ([], "# forwarded-header: x-forwarded-for  # default"),
            ([], "# limits: none  # default"), ([], "# max-connections-per-user: none  # default"),
            ([], "# sink-pause: 1h  # default"), ([], "# sink-patience: 1d  # default"),
            ([], "# backup-folder: data/backups  # default"), ([], "# link-secret-file: none  # default"),
            ([], "# tls-certificate: none  # default"), ([], "# demo-pace: none  # default"),
            (["--data", "/d/"], "# backup-folder: /d/backups  # default"),
            (["--in-memory"], "# data: none  # default"), (["--in-memory"], "# durability: none  # default"),
            (["--demo"], "# demo-pace: 8.0  # default"), (["--demo"], "# demo-restart: resume  # default"),
            (["--limits-dry-run"], "# limits: standard  # default"),
            (["--limits-dry-run"], "# max-connections-per-address: 64  # default"),
            (["--listen", "[::1]:9000"], "# host: ::1  # listen"),
            (["--listen", "[::1]:9000"], "# port: 9000  # listen"),
            (["--listen", "unix:/x"], "# socket-mode: 0660  # default"),
            (["--auth", "jwt", "--jwt-secret-file", "s"], "# jwt-algorithm: HS256  # default"),
            (["--auth", "jwt", "--jwt-secret-file", "s"], "# link-secret-file: data/link-secret  # default"),
            (["--max-connections", "9"], "max-connections: 9  # command line"),
        ] as [([String], String)])
    func valuesThatNobodySetAreShown(_ arguments: [String], _ line: String) async throws {
        let lines = try await Self.shown(arguments)
        #expect(lines.contains(line), "\(lines)")
    }

    /// The rates of the limits in the words in which they are set, so that they can be copied.
    @Test func ratesAreShownAsTheyAreSet() async throws {
        let lines = try await Self.shown(["--limits", "standard"])
        let line = try #require(lines.first { $0.hasPrefix("# rate: [") })
        let texts = line.dropFirst("# rate: [".count).prefix { $0 != "]" }.split(separator: ",")
        let rates = texts.map { RateOption(argument: String($0.drop { $0 == " " })) }
        #expect(rates.count == 13 && !rates.contains(nil), "\(line)")
        var limits = LimitConfiguration.none
        RateOption.apply(rates.compactMap { $0 }, to: &limits)
        let standard = LimitConfiguration()
        #expect(limits.connectsPerAddress == standard.connectsPerAddress && limits.bytes == standard.bytes)
        #expect(limits.openedThreads == standard.openedThreads && limits.subscriptions == standard.subscriptions)
    }

    @Test func allSettingsAreShown() async throws {
        try await TemporaryFolder.with { folder in
            try folder.write("settings.yaml", "port: 9000\n")
            let shown = try await Program.run([
                "config", "show", "--origin", "--config", "\(folder.path)/settings.yaml", "--heartbeat", "5",
            ])
            #expect(shown.status == 0, "\(shown)")
            #expect(shown.lines.contains("port: 9000  # \(folder.path)/settings.yaml, line 1"))
            #expect(shown.lines.contains("heartbeat: 5  # command line"))
            #expect(shown.lines.contains("host: 127.0.0.1  # default"))
        }
    }

    /// Who may use the service, and how much of it, follows from several settings.
    @Test(
        arguments: [
            ([], "# access: everybody who reaches 127.0.0.1:8080, as one user and without a token (auth: none)"),
            (
                [],
                "# limits: none, since there is one user, on this machine; limits: standard is for a service that others reach"
            ),
            (["--limits", "none"], "# limits: none; limits: standard is for a service that others reach"),
            (["--limits-dry-run"], "# limits: counted and logged, and not applied (limits-dry-run)"),
            (
                ["--auth", "jwt", "--jwt-secret-file", "s", "--host", "0.0.0.0"],
                "# access: by token, at 0.0.0.0:8080; others are refused"
            ),
            (["--auth", "jwt", "--jwt-secret-file", "s"], "# limits: applied"),
            (["--max-connections-per-user", "7"], "#   a user: 7 connections, messages to agents 10 in 60 s"),
            (["--max-connections", "99"], "# connections: 99 at most"),
        ] as [([String], String)])
    func whatTheSettingsAddUpToIsShown(_ arguments: [String], _ line: String) async throws {
        let shown = try await Program.run(["config", "show"] + arguments)
        #expect(shown.lines.contains(line), "\(shown.output)")
    }

    private static let tokens = ["--auth", "jwt", "--jwt-secret-file", "s"]

    /// What is printed is a file that is taken.
    @Test(
        arguments: [
            ["--limits-dry-run"], tokens + ["--jwt-issuer", "null"], tokens + ["--jwt-issuer", "Null"],
            tokens + ["--jwt-audience", "NULL", "--jwt-audience", "~"],
            ["--webhook", "https://example.com/***", "--webhook-secret-file", "s"],
        ])
    func whatIsShownIsAFile(_ arguments: [String]) async throws {
        try await TemporaryFolder.with { folder in
            let shown = try await Program.run(["config", "show"] + arguments)
            #expect(shown.status == 0, "\(shown)")
            try folder.write("settings.yaml", shown.output)
            let again = try await Program.run(["config", "show", "--config", "\(folder.path)/settings.yaml"])
            #expect(again.status == 0 && again.output == shown.output, "\(again)")
        }
    }

    /// It would count as it is shown: events would go to an address that there is not.
    @Test func whatIsHiddenIsAComment() async throws {
        try await TemporaryFolder.with { folder in
            let settings = "in-memory: true\nwebhook: https://user:pass@example.com/h?key=abc\nwebhook-secret-file: s\n"
            let path = try folder.write("settings.yaml", settings)
            let shown = try await Program.run(["config", "show", "--config", path])
            let line = ##"# webhook: "https://***@example.com/h?***", hidden in part: fill it in"##
            #expect(shown.lines.contains(line), "\(shown)")
            #expect(!shown.output.contains("pass") && !shown.output.contains("abc"))
            let origins = try await Program.run(["config", "show", "--origin", "--config", path])
            #expect(origins.lines.contains("\(line)  # \(path), line 2"), "\(origins)")
            // As it is, it is no file of settings.
            let copy = try folder.write("copy.yaml", shown.output)
            let refused = try await Program.run(["config", "check", "--config", copy])
            #expect(refused.status == 64, "\(refused)")
            #expect(refused.error.contains("--webhook and --webhook-secret-file go together"), "\(refused)")
        }
    }

    /// Two listeners of one service. That another process listens there would be no help.
    @Test(
        arguments: [
            (["--port", "19433", "--metrics-listen", "127.0.0.1:19433"], "--port and --metrics-listen"),
            (["--port", "19433", "--internal-listen", "127.0.0.1:19433"], "--port and --internal-listen"),
            (["--listen", "[::1]:19433", "--internal-listen", "[::1]:19433"], "--listen and --internal-listen"),
            (
                ["--internal-listen", "localhost:19433", "--metrics-listen", "LOCALHOST:19433"],
                "--internal-listen and --metrics-listen"
            ),
            (
                ["--internal-listen", "127.0.0.1:19433", "--metrics-listen", "0.0.0.0:19433"],
                "--internal-listen and --metrics-listen"
            ),
            (["--internal-listen", "[::1]:19433", "--metrics-listen", "[::]:19433"], "--internal-listen and"),
            (["--internal-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"], nil),
            (["--internal-listen", "127.0.0.1:19433", "--metrics-listen", "127.0.0.2:19433"], nil),
            (["--internal-listen", "127.0.0.1:19433", "--metrics-listen", "[::1]:19433"], nil),
            (["--internal-listen", "[::1]:19433", "--metrics-listen", "0.0.0.0:19433"], nil),
            (["--listen", "unix:/x", "--internal-listen", "127.0.0.1:19433"], nil),
        ] as [([String], String?)])
    func listenersHaveAddressesOfTheirOwn(_ arguments: [String], _ words: String?) async throws {
        let checked = try await Program.run(["config", "check", "--in-memory"] + arguments)
        #expect(checked.status == (words == nil ? 0 : 64), "\(checked)")
        guard let words else { return }
        #expect(checked.error.contains("\(words)"), "\(checked)")
        for command in ["doctor", "serve"] {
            let refused = try await Program.run([command, "--in-memory"] + arguments)
            #expect(refused.status == 64 && refused.error.contains(words), "\(command): \(refused)")
        }
    }

    /// The listener that others may reach is named to those who want to have others reach one.
    @Test func whoWantsOthersToReachTheMetricsIsToldHow() async throws {
        let arguments = ["--in-memory", "--port", "0", "--internal-listen", "0.0.0.0:9464"]
        for command in [["serve"], ["config", "check"], ["doctor"]] {
            let refused = try await Program.run(command + arguments)
            #expect((refused.output + refused.error).contains("--metrics-listen"), "\(command): \(refused)")
            // It has to do with neither.
            #expect(!(refused.output + refused.error).contains("--auth jwt"), "\(command): \(refused)")
        }
        let address = try await Program.run(["config", "check", "--metrics-listen", ":9464"])
        #expect(address.status == 64 && address.error.contains("has no host: 0.0.0.0:9464"), "\(address)")
        let other = try await Program.run(["config", "check", "--internal-listen", ":9464"])
        #expect(other.status == 64 && other.error.contains("has no host: 127.0.0.1:9464"), "\(other)")
    }

    /// Whose it is may write to it, whatever its mode is. Only root can make such a file.
    @Test func aFileOfAnotherUserIsRefused() async throws {
        try await TemporaryFolder.with { folder in
            let path = try folder.write("settings.yaml", "in-memory: true\nport: 0\n")
            guard chown(path, 65_534, 65_534) == 0 else { return }
            for command in [["config", "check"], ["config", "show"], ["doctor"], ["serve"]] {
                let refused = try await Program.run(command + ["--config", path])
                #expect(refused.status == 64, "\(command): \(refused)")
                let words = "--config: the file of settings \(path) is of another user"
                #expect(refused.error.contains(words), "\(command): \(refused)")
            }
        }
    }

    /// SIGHUP: the level of the log is another at once, the port is not; and a bad file changes nothing.
    @Test func settingsAreReadAgain() async throws {
        try await TemporaryFolder.with { folder in
            let path = "\(folder.path)/settings.yaml"
            try folder.write("settings.yaml", "log-level: info\nin-memory: true\n")
            try await RunningService.with(["--config", path]) { service in
                _ = try await service.program.error(containing: "service listening")
                try folder.write("settings.yaml", "log-level: error\nin-memory: true\nmax-stall: many\n")
                service.program.send(signal: SIGHUP)
                let refused = try await service.program.error(containing: "not reloaded")
                #expect(refused.contains("max-stall"), "\(refused)")
                try folder.write("settings.yaml", "log-level: notice\nin-memory: true\nmax-stall: 7\n")
                service.program.send(signal: SIGHUP)
                let taken = try await service.program.error(containing: "at the next start only")
                #expect(taken.contains("settings=max-stall"), "\(taken)")
                let metrics = try await service.asOperator("/metrics")
                #expect(metrics.contains("agent_events_reload_failures_total 1\n"), "\(metrics)")
                #expect(metrics.contains("agent_events_reloads_total 1\n"))
                service.program.send(signal: SIGTERM)
                let outcome = try await service.program.outcome()
                #expect(outcome.status == 0)
                // It is below the level now.
                #expect(!outcome.error.contains("service stopped"), "\(outcome.error)")
            }
        }
    }
}
