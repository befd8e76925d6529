import Testing

@Suite struct HelpTests {
    @Test(arguments: [
        [], ["serve"], ["tail"], ["emit"], ["command"], ["validate"], ["replay"], ["token"],
        ["token", "make"], ["token", "check"], ["config"], ["config", "check"], ["config", "show"], ["doctor"],
        ["audit"],
    ])
    func everyHelpHasAnExample(command: [String]) async throws {
        let outcome = try await Program.run(command + ["--help"])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("Example"))
        #expect(outcome.output.contains("agent-events \(command.isEmpty ? "serve" : command.joined(separator: " "))"))
        let usage = (["USAGE: agent-events"] + command).joined(separator: " ")
        #expect(outcome.output.contains(usage), "\(usage)")
        #expect(!outcome.output.contains("\u{1B}"))
    }

    @Test(arguments: [
        ["nonsense"], ["tail"], ["tail", "no id"], ["tail", "t", "--after", "yesterday"],
        ["tail", "t", "--count", "0"],
        ["tail", "t", "--url", "https://x:0"], ["emit", "--thread", "t", "--url", "localhost:8080"],
        ["tail", "t", "--format", "xml"], ["emit"],
        ["emit", "--thread", "t", "--batch", "0"], ["emit", "--thread", "t", "--give-up", "1d"],
        ["emit", "--thread", "t", "--give-up", "soon"], ["emit", "--thread", "t", "--key-prefix", "no key"],
        ["emit", "--thread", "t", "--key-prefix", "k", "--batch", "2"],
        ["validate"], ["validate", "x", "--policy", "strict"], ["validate", "x", "--history", "--as-test"],
        ["validate", "x", "--agents"],
        ["replay", "x", "--speed", "-1"],
        ["serve", "--auth", "jwt"], ["serve", "--auth", "jwt", "--jwt-secret-file", "a", "--jwks", "b"],
        ["serve", "--jwks", "keys.json"], ["serve", "--auth", "basic"],
        ["serve", "--auth", "jwt", "--jwks-url", "https://login.example.com/keys"],
        ["serve", "--auth", "jwt", "--jwks-url", "http://login.example.com/keys", "--jwt-audience", "a"],
        ["serve", "--auth", "jwt", "--jwks", "keys.json", "--allow-tokens-without-expiry"],
        ["serve", "--auth", "jwt", "--jwks", "keys.json", "--jwt-algorithm", "HS256"],
        ["serve", "--auth", "jwt", "--jwt-secret-file", "a", "--jwt-algorithm", "RS256"],
        ["serve", "--auth", "jwt", "--jwt-secret-file", "/nowhere", "--in-memory"],
        ["token", "make"], ["token", "make", "--user", "u"],
        ["token", "make", "--user", "u 1", "--secret-file", "/nowhere"],
        ["token", "make", "--user", "u", "--secret-file", "s", "--ttl", "2d"],
        ["token", "make", "--user", "u", "--secret-file", "s", "--scope", "write"],
        ["token", "make", "--user", "u", "--secret-file", "s", "--threads-only"],
        ["token", "make", "--user", "u", "--secret-file", "s", "--act-as", "*", "--act-as", "u_2"],
        ["token", "check", "a.b.c"], ["token", "check", "--jwt-secret-file", "/nowhere", "a.b.c"],
        ["serve", "--port", "65536"], ["serve", "--data", "d", "--in-memory"],
        ["serve", "--durability", "none"], ["serve", "--in-memory", "--durability", "disk"],
        ["serve", "--demo-folder", "."], ["serve", "--demo-pace", "1"], ["serve", "--demo", "--demo-pace", "-1"],
        ["serve", "--demo", "--demo-pace", "1e-300"],
        ["serve", "--model-url", "http://127.0.0.1/v1"], ["serve", "--demo", "--model", "m"],
        ["serve", "--demo", "--model-key-file", "key"],
        ["serve", "--demo", "--model-url", "http://127.0.0.1/v1", "--demo-pace", "1"],
        ["serve", "--in-memory", "--demo", "--model-url", "http://models.example/v1"],
        ["serve", "--max-tokens-per-user-and-day", "0"],
        ["serve", "--demo-restart", "never"], ["serve", "--demo", "--demo-restart", "maybe"],
        ["serve", "--heartbeat", "0"], ["serve", "--log-level", "loud"],
        ["serve", "--in-memory", "--host", "0.0.0.0"],
        ["command"], ["command", "t"], ["command", "t", "halt"], ["command", "t", "stop", "--as-of", "now"],
        ["command", "t", "message"], ["command", "t", "message", "--text", "x", "--run", "r"],
        ["command", "t", "message", "--text", "x", "--policy", "soon"], ["command", "t", "stop", "--text", "x"],
        ["command", "t", "message", "--text", "x", "--policy", "queue", "--answers-approval"],
        ["command", "t", "stop", "--answers-approval"], ["command", "t", "stop", "--approve", "a_1"],
        ["command", "t", "answer", "--approve", "a_1", "--deny", "a_1"], ["command", "t", "answer"],
        ["command", "t", "answer", "--approve", "a_1", "--data", "{"],
        ["command", "t", "start", "--replaces", "m"], ["command", "t", "start", "--input", "{"],
        ["command", "t", "start", "--agent", "a", "--data", "{}"], ["command", "t", "editor.undo", "--reason", "x"],
        ["command", "t", "answer", "--approve", "a", "--as-of", "3-1"], ["command", "t", "stop", "--format", "xml"],
        ["command", "t", "stop", "--give-up", "-1"], ["command", "t", "stop", "--reason", "x", "--data", "{}"],
    ])
    func wrongUsageIsSaidInWordsAndEndsWith64(arguments: [String]) async throws {
        let outcome = try await Program.run(arguments)
        #expect(outcome.status == 64, "\(arguments): \(outcome)")
        #expect(outcome.output.isEmpty)
        #expect(outcome.error.lowercased().contains("error"))
    }
}
