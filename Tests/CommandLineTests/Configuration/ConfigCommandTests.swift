import Foundation
import Testing

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

    /// What is printed is a file that is taken.
    @Test func whatIsShownIsAFile() async throws {
        try await TemporaryFolder.with { folder in
            let shown = try await Program.run(["config", "show", "--limits-dry-run"])
            try folder.write("settings.yaml", shown.output)
            let again = try await Program.run(["config", "show", "--config", "\(folder.path)/settings.yaml"])
            #expect(again.status == 0 && again.output == shown.output, "\(again)")
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
