import Testing

/// `backup create`, of a service that runs.
struct BackupCommandTests {
    @Test func aNameThatIsTakenIsToldWithWhatIsNeeded() async throws {
        try await TemporaryFolder.with { folder in
            try await RunningService.with(["--data", "\(folder.path)/data"]) { service in
                let words = ["backup", "create", "--url", "http://\(service.operators)", "--name", "monday"]
                let made = try await Program.run(words)
                #expect(made.status == 0, "\(made)")
                let again = try await Program.run(words)
                #expect(again.status == 1)
                let backup = "\(folder.path)/data/backups/monday"
                #expect(
                    again.error == "error: log.exists: there is \(backup) already; another name is needed\n",
                    "\(again.error)")
            }
        }
    }

    /// In the words of the command line, as tail and command have it.
    @Test func aTokenThatIsMissingAndAWrongListenerAreTold() async throws {
        try await TemporaryFolder.with { folder in
            try await TokenService.with(["--metrics-listen", "127.0.0.1:0"], in: folder) { stage in
                let create = ["backup", "create", "--url"]
                let silent = try await Program.run(create + ["http://\(stage.service.operators)"])
                #expect(silent.status == 1)
                #expect(
                    silent.error == "error: auth.missing: the service asks for a token: give --token-file or --token\n",
                    "\(silent.error)")
                let token = try await stage.token("admin", ["admin"])
                // What is wrong with a token that is given is said by the service.
                let bad = try await Program.run(
                    create + ["http://\(stage.service.operators)", "--token", "\(token.dropLast(4))"])
                #expect(bad.status == 1 && bad.error.contains("auth.invalid"), "\(bad.error)")
                let other = try await Program.run(create + ["http://\(stage.service.authority)", "--token", token])
                #expect(other.status == 1)
                let words = "path.unknown: there is nothing at this path; --url is that of the listener for operators "
                #expect(other.error.contains(words + "(serve --internal-listen)"), "\(other.error)")
                let made = try await Program.run(
                    create + ["http://\(stage.service.operators)", "--token", token])
                #expect(made.status == 0, "\(made)")
            }
        }
    }
}
