import Testing

/// The limits of `serve`.
struct LimitOptionsTests {
    @Test(arguments: [
        ["--max-connections", "0"], ["--max-connections-per-user", "0"], ["--max-connections-per-address", "-1"],
        ["--limits", "some"], ["--limits-dry-run", "--limits", "none"], ["--limit-loopback", "--limits", "none"],
        ["--max-connections-per-user", "3", "--limits", "none"],
        ["--max-connections-per-address", "3", "--limits", "none"],
    ])
    func whatHasNoMeaningIsRefused(_ arguments: [String]) async throws {
        let outcome = try await Program.run(["serve", "--in-memory"] + arguments)
        #expect(outcome.status == 64)
        #expect(outcome.error.contains(arguments[0]), "\(outcome.error)")
    }

    @Test(arguments: [
        ["--limits", "standard"], ["--limits", "none"], ["--limits-dry-run"], ["--limit-loopback"],
        ["--max-connections", "100"], ["--max-connections-per-address", "50", "--max-connections-per-user", "50"],
    ])
    func aServiceWithLimitsServes(_ arguments: [String]) async throws {
        let event = #"{"type":"custom","data":{"name":"n","value":1}}"#
        try await RunningService.with(["--in-memory"] + arguments) { service in
            let outcome = try await service.emit([event], thread: "t")
            let page = try await service.page("t")
            #expect(outcome.status == 0)
            #expect(page == [1])
        }
    }
}
