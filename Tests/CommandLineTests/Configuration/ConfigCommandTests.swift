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

    /// SIGHUP: the level of the log is another at once, the port is not; and a bad file changes nothing.
    @Test func settingsAreReadAgain() async throws {
        try await TemporaryFolder.with { folder in
            let path = "\(folder.path)/settings.yaml"
            try folder.write("settings.yaml", "log-level: info\nin-memory: true\n")
            try await RunningService.with(["--config", path]) { service in
                _ = try await service.program.error(containing: "service listening")
                try folder.write("settings.yaml", "log-level: error\nin-memory: true\nmax-stall: many\n")
                service.program.send(signal: SIGHUP)
                let refused = try await service.program.error(containing: "settings not read again")
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
