import Foundation
import Testing

/// What `serve` says of hooks and of the events of a webhook before it starts.
struct HookOptionsTests {
    private static let good =
        #""id":"builds","secret_file":"SECRET","user_id":"u_1","thread_id":"t_1","text":"{{name}}""#

    @Test(arguments: [
        ("{", "json"), (#"{"id":"builds"}"#, "$.secret_file"), ("{\(good),\"input\":\"{{.}}\"}", "and not both"),
        ("{\(good),\"agnt\":\"guide\"}", "agent is probably meant"), ("{\(good),\"policy\":\"never\"}", "$.policy"),
        ("{\(good.replacingOccurrences(of: "{{name}}", with: "{{name"))}", "without }}"),
        ("{\(good.replacingOccurrences(of: "SECRET", with: "/nowhere"))}", "/nowhere"),
        ("{\(good.replacingOccurrences(of: "builds", with: ".."))}", "$.id"),
    ])
    func aFileThatIsWrongIsRefused(content: String, words: String) async throws {
        try await TemporaryFolder.with { folder in
            let file = try prepare(folder.path, content)
            let refused = try await Program.run(["serve", "--in-memory", "--hook", file])
            #expect(refused.status == 64 && refused.error.contains(words), "\(refused.error)")
        }
    }

    @Test func aSecretThatOthersMayReadOrThatIsShortIsRefused() async throws {
        try await TemporaryFolder.with { folder in
            let file = try prepare(folder.path, "{\(Self.good)}")
            try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: "\(folder.path)/secret")
            let open = try await Program.run(["serve", "--in-memory", "--hook", file])
            #expect(open.status == 64 && open.error.contains("chmod 600"), "\(open.error)")
            let short = try prepare(folder.path, "{\(Self.good)}", secret: "short")
            let refused = try await Program.run(["serve", "--in-memory", "--hook", short])
            #expect(refused.status == 64 && refused.error.contains("at least 16 bytes"), "\(refused.error)")
            let twice = try prepare(folder.path, "{\(Self.good)}")
            let same = try await Program.run(["serve", "--in-memory", "--hook", twice, "--hook", twice])
            #expect(same.status == 64 && same.error.contains("another hook builds"), "\(same.error)")
        }
    }

    @Test func theEventsOfAWebhookAreWords() async throws {
        let alone = try await Program.run(["serve", "--in-memory", "--webhook-event", "run_ends"])
        #expect(alone.status == 64 && alone.error.contains("without --webhook"), "\(alone.error)")
        let unknown = try await Program.run([
            "serve", "--in-memory", "--webhook", "http://127.0.0.1:1/", "--webhook-event", "ends",
        ])
        #expect(unknown.status == 64 && unknown.error.contains("approval_requested"), "\(unknown.error)")
    }

    /// - Returns: the path of the file.
    private func prepare(_ folder: String, _ content: String, secret: String = "a secret of some length") throws
        -> String
    {
        let secretPath = "\(folder)/secret"
        try Data(secret.utf8).write(to: URL(fileURLWithPath: secretPath))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: secretPath)
        let path = "\(folder)/hook.json"
        try Data(content.replacingOccurrences(of: "SECRET", with: secretPath).utf8).write(
            to: URL(fileURLWithPath: path))
        return path
    }
}
