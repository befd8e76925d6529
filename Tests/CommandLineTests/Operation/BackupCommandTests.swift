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
}
