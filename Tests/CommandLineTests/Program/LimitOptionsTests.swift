import AgentEventsHub
import Testing

@testable import agent_events

/// The rates of `--rate`.
struct RateOptionTests {
    @Test(
        arguments: [
            ("messages=200/1s", RateLimit(200, per: .seconds(1), burst: 200)),
            ("messages=200/1s:400", RateLimit(200, per: .seconds(1), burst: 400)),
            ("threads=5/24h:1", RateLimit(5, per: .seconds(86_400), burst: 1)), ("bytes=none", nil),
        ] as [(String, RateLimit?)])
    func aRateIsACountATimeAndABurst(_ text: String, _ rate: RateLimit?) throws {
        let option = try #require(RateOption(argument: text))
        #expect(option.rate == rate)
    }

    @Test(arguments: [
        "", "messages", "messages=", "=1/1s", "message=1/1s", "messages=1", "messages=1/", "messages=/1s",
        "messages=0/1s",
        "messages=-1/1s", "messages=+1/1s", "messages=1/0s", "messages=1/2d", "messages=1/1s:", "messages=1/1s:0",
        "messages=1.5/1s", "messages=1/1s/1s", "messages=99999999999999/1s", "messages=off",
        // A bucket of so many could not be counted.
        "bytes=107374182400/24h", "threads=1000000000/24h",
    ])
    func anythingElseIsNone(_ text: String) {
        #expect(RateOption(argument: text) == nil)
    }

    @Test func theUsualRatesOfANameAreReplaced() throws {
        var limits = LimitConfiguration()
        let words = ["connects=1/1s", "connects=5/1m", "user-messages=none", "emitter-bytes=1/1s", "threads=none"]
        let options = try words.map { try #require(RateOption(argument: $0)) }
        RateOption.apply(options, to: &limits)
        var expected = LimitConfiguration()
        expected.connectsPerAddress = [RateLimit(1, per: .seconds(1)), RateLimit(5, per: .seconds(60))]
        expected.userMessages = nil
        expected.emitterBytes = RateLimit(1, per: .seconds(1))
        expected.openedThreads = []
        #expect(limits == expected)
    }

    /// Each name sets a rate of its own.
    @Test(arguments: RateOption.Name.allCases)
    func noNameIsForgotten(_ name: RateOption.Name) throws {
        var limits = LimitConfiguration()
        RateOption.apply([try #require(RateOption(argument: "\(name.rawValue)=7/7s"))], to: &limits)
        #expect(limits != LimitConfiguration())
        let another = RateOption.Name.allCases.filter { $0 != name }.allSatisfy { other in
            var others = LimitConfiguration()
            if let option = RateOption(argument: "\(other.rawValue)=7/7s") { RateOption.apply([option], to: &others) }
            return others != limits
        }
        #expect(another)
    }
}

/// The limits of `serve`.
struct LimitOptionsTests {
    @Test(arguments: [
        ["--max-connections", "0"], ["--max-connections-per-user", "0"], ["--max-connections-per-address", "-1"],
        ["--limits", "some"], ["--limits-dry-run", "--limits", "none"], ["--limit-loopback", "--limits", "none"],
        ["--max-connections-per-user", "3", "--limits", "none"],
        ["--max-connections-per-address", "3", "--limits", "none"], ["--rate", "messages=1/1s", "--limits", "none"],
        ["--rate", "messages=1"], ["--rate", "messages=1/1s", "--rate", "messages=2/1s"],
    ])
    func whatHasNoMeaningIsRefused(_ arguments: [String]) async throws {
        let outcome = try await Program.run(["serve", "--in-memory"] + arguments)
        #expect(outcome.status == 64)
        #expect(outcome.error.contains(arguments[0]), "\(outcome.error)")
    }

    @Test(arguments: [
        ["--limits", "standard"], ["--limits", "none"], ["--limits-dry-run"], ["--limit-loopback"],
        ["--max-connections", "100"], ["--max-connections-per-address", "50", "--max-connections-per-user", "50"],
        ["--rate", "messages=100/1s:200", "--rate", "threads=none"],
    ])
    func aServiceWithLimitsServes(_ arguments: [String]) async throws {
        try await RunningService.with(["--in-memory"] + arguments) { service in
            let emitted = try await service.emit([#"{"type":"custom","data":{"name":"n","value":1}}"#], thread: "t")
            #expect(emitted.status == 0)
            #expect(try await service.page("t") == [1])
        }
    }
}
