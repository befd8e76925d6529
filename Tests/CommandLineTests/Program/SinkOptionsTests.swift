import AgentEvents
import Foundation
import Testing

/// `serve` with sinks of its own.
@Suite(.serialized) struct SinkOptionsTests {
    @Test func aFileSinkHasTheBytesOfTheLogAcrossAKill() async throws {
        try await TemporaryFolder.with { folder in
            let path = "\(folder.path)/events.ndjson"
            let arguments = ["--data", "\(folder.path)/data", "--file-sink", path]
            for round in 1...3 {
                try await RunningService.with(arguments) { service in
                    let lines = (1...20).map { #"{"type":"custom","data":{"name":"n","value":\#($0)}}"# }
                    #expect(try await service.emit(lines, thread: "t").status == 0)
                    // Killed at once, or stopped: what is missing comes after the next start.
                    service.program.send(signal: round == 3 ? SIGTERM : SIGKILL)
                    _ = try await service.program.outcome()
                }
            }
            let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
            let numbers = try text.split(separator: "\n").map { try EventDecoder.decode(Array($0.utf8)).id.sequence }
            #expect(numbers == Array(1...60))
        }
    }

    private static func writeSecret(in folder: TemporaryFolder, mode: Int = 0o600) throws {
        try folder.write("secret", "a secret that is long enough\n")
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: "\(folder.path)/secret")
    }

    /// The secret is for the owner of its file, as those of tokens are, and with the same words.
    @Test(arguments: [0o644, 0o640, 0o604, 0o660])
    func aSecretThatOthersMayReadIsRefused(mode: Int) async throws {
        try await TemporaryFolder.with { folder in
            try Self.writeSecret(in: folder, mode: mode)
            let path = "\(folder.path)/secret"
            let refused = try await Program.run([
                "serve", "--in-memory", "--webhook", "http://127.0.0.1:1/", "--webhook-secret-file", path,
            ])
            let tokens = try await Program.run([
                "serve", "--in-memory", "--auth", "jwt", "--jwt-secret-file", path,
            ])
            #expect(refused.status == 64)
            let words = "others than its owner may use the file \(path): chmod 600 \(path)"
            #expect(refused.error.contains("--webhook-secret-file \(path): \(words)"), "\(refused.error)")
            #expect(tokens.error.contains("--jwt-secret-file \(path): \(words)"), "\(tokens.error)")
        }
    }

    /// The events of all people go into it. A file that the service makes itself is for its user only; one that was there, and
    /// those that became full, are to be so too.
    @Test(arguments: [("events", 0o644), ("events", 0o640), ("events", 0o602), ("events.3", 0o604)])
    func aFileThatOthersMayUseIsRefused(name: String, mode: Int) async throws {
        try await TemporaryFolder.with { folder in
            let path = try folder.write(name, "")
            let sink = "\(folder.path)/events"
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let data = "\(folder.path)/data"
            let refused = try await Program.run(["serve", "--data", data, "--port", "0", "--file-sink", sink])
            #expect(refused.status == 64)
            // Nothing has begun.
            #expect(!FileManager.default.fileExists(atPath: data))
            let words =
                "--file-sink: others than its owner may use the file \(path), and all events go into it: chmod 600 \(path)"
            #expect(refused.error.contains(words), "\(refused.error)")
            let told = try await Program.run(["doctor", "--in-memory", "--port", "0", "--file-sink", sink])
            #expect(told.status == 1 && told.output.contains("problem  \(words)"), "\(told)")
            let checked = try await Program.run(["config", "check", "--in-memory", "--file-sink", sink])
            #expect(checked.status == 64 && checked.error.contains(words), "\(checked)")
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            let fine = try await Program.run(["config", "check", "--in-memory", "--file-sink", sink])
            #expect(fine.status == 0, "\(fine)")
            let good = try await Program.run(["doctor", "--in-memory", "--port", "0", "--file-sink", sink])
            #expect(good.output.contains("ok       --file-sink: \(sink) is for this user only"), "\(good)")
            let service = try RunningProgram(["serve", "--in-memory", "--port", "0", "--file-sink", sink])
            _ = try await service.output(containing: "listening on")
            service.send(signal: SIGTERM)
            #expect(try await service.outcome().status == 0)
        }
    }

    /// Its events come later. Until then nobody else makes it, with other rights. It may be in the data folder, which is made at
    /// the start as well.
    @Test func theFileIsMadeAtTheStart() async throws {
        try await TemporaryFolder.with { folder in
            let sink = "\(folder.path)/data/events"
            let arguments = ["--data", "\(folder.path)/data", "--port", "0", "--file-sink", sink]
            let told = try await Program.run(["doctor"] + arguments)
            #expect(told.output.contains("ok       --file-sink: \(sink) is for this user only"), "\(told)")
            #expect(!FileManager.default.fileExists(atPath: sink))
            try await RunningService.with(arguments) { _ in
                let attributes = try FileManager.default.attributesOfItem(atPath: sink)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
                #expect(attributes[.size] as? Int == 0)
            }
        }
    }

    /// Who may write to the folder gives it another file, before there is an event.
    @Test func aFileThatTookItsPlaceGetsNothing() async throws {
        try await TemporaryFolder.with { folder in
            let sink = "\(folder.path)/events"
            try await RunningService.with(["--in-memory", "--file-sink", sink]) { service in
                try FileManager.default.removeItem(atPath: sink)
                try folder.write("events", "")
                let line = #"{"type":"custom","data":{"name":"n","value":"private"}}"#
                #expect(try await service.emit([line], thread: "t").status == 0)
                _ = try await service.program.error(containing: "sink.file_unavailable")
                #expect(FileManager.default.contents(atPath: sink) == Data())
            }
        }
    }

    /// Neither the service nor the doctor waits for the first event to say so.
    @Test(arguments: [("nowhere/events", "No such file"), ("folder", "Is a directory"), ("pipe", "is not a file")])
    func aFileThatCannotBeWrittenIsTold(name: String, words: String) async throws {
        try await TemporaryFolder.with { folder in
            try folder.write("folder/file", "")
            try #require(mkfifo("\(folder.path)/pipe", 0o600) == 0)
            // Somebody reads of it.
            let reader = open("\(folder.path)/pipe", O_RDONLY | O_NONBLOCK)
            defer { close(reader) }
            let sink = "\(folder.path)/\(name)"
            let refused = try await Program.run(["serve", "--in-memory", "--port", "0", "--file-sink", sink])
            #expect(refused.status == 69, "\(refused)")
            #expect(refused.error.contains("--file-sink: ") && refused.error.contains(words), "\(refused)")
            let told = try await Program.run(["doctor", "--in-memory", "--port", "0", "--file-sink", sink])
            #expect(told.status == 1 && told.output.contains("problem  --file-sink: "), "\(told)")
        }
    }

    /// Its owner may read it, whatever its mode is. Only root can make such a file, and look at the one of a service of another
    /// user, which is fine.
    @Test(arguments: ["events", "events.2"]) func aFileOfAnotherUserIsRefused(name: String) async throws {
        try await TemporaryFolder.with { folder in
            let path = try folder.write(name, "")
            let sink = "\(folder.path)/events"
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            guard chown(path, 65_534, 65_534) == 0 else { return }
            let refused = try await Program.run(["serve", "--in-memory", "--port", "0", "--file-sink", sink])
            #expect(refused.status == 64, "\(refused)")
            #expect(refused.error.contains("--file-sink: the file \(path) is of another user"), "\(refused)")
            let told = try await Program.run(["doctor", "--in-memory", "--port", "0", "--file-sink", sink])
            #expect(told.status == 0, "\(told)")
            #expect(told.output.contains("warning  --file-sink: the file \(path) is of another user"), "\(told)")
            let checked = try await Program.run(["config", "check", "--in-memory", "--file-sink", sink])
            #expect(checked.status == 0, "\(checked)")
        }
    }

    @Test func optionsThatDoNotGoTogetherAreRefused() async throws {
        let alone = try await Program.run(["serve", "--in-memory", "--webhook", "http://127.0.0.1:1/"])
        #expect(alone.status == 64)
        #expect(alone.error.contains("--webhook-secret-file"))
        let missing = try await Program.run([
            "serve", "--in-memory", "--webhook", "http://127.0.0.1:1/", "--webhook-secret-file", "/nowhere",
        ])
        #expect(missing.status == 64)
        #expect(missing.error.contains("/nowhere"))
        try await TemporaryFolder.with { folder in
            try Self.writeSecret(in: folder)
            let scheme = try await Program.run([
                "serve", "--in-memory", "--webhook", "gopher://x/", "--webhook-secret-file", "\(folder.path)/secret",
            ])
            #expect(scheme.status == 64, "\(scheme.error)")
        }
    }

    /// Events arrive at another service of ours, which does not know what to do with them, and answers 404 as one that is
    /// being deployed does: the webhook says so, loses nothing, and does not hold up a stop.
    @Test func whatAWebhookRefusesIsKeptAndShown() async throws {
        try await TemporaryFolder.with { folder in
            try Self.writeSecret(in: folder)
            try await RunningService.with(["--in-memory"]) { receiver in
                let data = "\(folder.path)/data"
                let arguments = [
                    "--data", data, "--webhook", "http://\(receiver.authority)/nothing?token=hidden",
                    "--webhook-secret-file", "\(folder.path)/secret", "--sink-attempts", "2", "--sink-patience", "1s",
                ]
                try await RunningService.with(arguments) { service in
                    let line = #"{"type":"custom","data":{"name":"n","value":"refused"}}"#
                    #expect(try await service.emit([line], thread: "t").status == 0)
                    let log = try await service.program.error(containing: "webhook.refused")
                    #expect(log.contains("warning"))
                    #expect(log.contains("404"))
                    let sink = try await service.ready()["sinks"]?.arrayValue?.first
                    #expect(sink?["name"] == "webhook")
                    #expect(sink?["state"] == "retrying")
                    #expect(sink?["code"] == "webhook.refused")
                    #expect(sink?["http_status"] == 404)
                    #expect(sink?["set_aside"] == 0)
                    service.program.send(signal: SIGTERM)
                    let outcome = try await service.program.outcome()
                    #expect(outcome.status == 0)
                    #expect(!outcome.error.contains("set aside"), "\(outcome.error)")
                    #expect(!outcome.error.contains("hidden"), "\(outcome.error)")
                }
                #expect(!FileManager.default.fileExists(atPath: "\(data)/webhook-refused.ndjson"))
            }
        }
    }
}
