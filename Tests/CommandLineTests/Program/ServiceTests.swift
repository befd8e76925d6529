import AgentEvents
import AgentEventsTesting
import Foundation
import Testing

@Suite(.serialized) struct ServiceTests {
    private static func events(_ lines: [String]) throws -> [AgentEvent] {
        try lines.map { try EventDecoder.decode(Array($0.utf8)) }
    }

    private static func types(_ lines: [String]) throws -> [String] { try events(lines).map(\.typeName) }

    private static func files(in folder: TemporaryFolder) throws {
        try folder.write("garden.txt", "The garden has roses.\nTulips bloom in spring.\n")
        try folder.write("notes/kitchen.md", "# Kitchen\n\nRoses do not belong into a soup.\n")
        try folder.write("cellar.txt", [0x72, 0x6F, 0x73, 0x65, 0xE9])
    }

    @Test func aQuestionIsAnsweredByWhatTheFilesSay() async throws {
        try await TemporaryFolder.with { folder in
            try Self.files(in: folder)
            try await RunningService.with(["--in-memory", "--demo", "--demo-pace", "0", "--demo-folder", folder.path]) {
                service in
                try await service.ask("Where are roses?", in: "t_1")
                let lines = try await service.tail("t_1")
                expectEvents(in: try Self.events(lines), policy: .canonical) {
                    .userMessage(containing: "Where are roses?")
                        .agentStarted(agent: "guide", input: "Where are roses?")
                        .agentThinking()
                        .usageReported()
                        .tool("search_files") { .zeroOrMore { .toolProgress() } }
                        .agentThinking()
                        .usageReported()
                        .anyOrder {
                            .tool("read_file", arguments: ["file": "garden.txt"])
                                .tool("read_file", arguments: ["file": "notes/kitchen.md"])
                        }
                        .oneOrMore { .messageDelta() }
                        .messageCompleted(containing: "The garden has roses.")
                        .usageReported()
                        .agentCompleted(result: ["sources": [["file": "garden.txt"], ["file": "notes/kitchen.md"]]])
                }
                let valid = try await Program.run(
                    ["validate", "-", "--policy", "canonical"], input: lines.joined(separator: "\n"))
                #expect(valid.status == 0, "\(valid.output)")

                // Another question has other events.
                try await service.ask("What blooms in spring, tulips?", in: "t_2")
                let others = try await service.tail("t_2")
                expectEvents(in: try Self.events(others), exhaustivity: .off) {
                    .userMessage(containing: "tulips")
                        .tool("read_file", arguments: ["file": "garden.txt"])
                        .message(containing: "Tulips bloom in spring.")
                }
                #expect(!others.contains { $0.contains("kitchen.md") })

                // Nothing matches.
                try await service.ask("zebra?", in: "t_3")
                let nothing = try await service.tail("t_3")
                expectEvents(in: try Self.events(nothing), exhaustivity: .off) {
                    .message(containing: "matches “zebra”")
                        .agentCompleted(result: ["sources": []])
                }
                #expect(!nothing.contains { $0.contains("read_file") })

                // A file that cannot be read is a failed tool, and the run goes on.
                try await service.ask("cellar", in: "t_4")
                let unreadable = try await service.tail("t_4")
                expectEvents(in: try Self.events(unreadable), exhaustivity: .off) {
                    .tool("read_file", status: .failed)
                        .message()
                        .agentCompleted()
                }
                #expect(unreadable.contains { $0.contains("file.not_text") })
            }
        }
    }

    @Test func afterAKillTheSameBytesAreThereAgain() async throws {
        try await TemporaryFolder.with { folder in
            try Self.files(in: folder)
            let arguments = [
                "--data", "\(folder.path)/data", "--demo", "--demo-pace", "0", "--demo-folder", folder.path,
            ]
            let before = try await RunningService.with(arguments) { service in
                try await service.ask("Where are roses?", in: "t_1")
                let lines = try await service.tail("t_1")
                service.program.send(signal: SIGKILL)
                _ = try await service.program.outcome()
                return lines
            }
            #expect(before.count > 8)
            try await RunningService.with(arguments) { service in
                let after = try await service.tail("t_1")
                #expect(after == before)
                // A follower that stood in the middle gets the rest, and nothing twice.
                let cursor = try EventDecoder.decode(Array(before[3].utf8)).id.description
                let rest = try await Program.run([
                    "tail", "t_1", "--url", service.streamURL, "--after", cursor, "--format", "json", "--until-end",
                ])
                #expect(rest.lines == Array(before.dropFirst(4)))
            }
        }
    }

    @Test func aTailGoesOnWhenTheServiceComesBack() async throws {
        try await TemporaryFolder.with { folder in
            let draft = { (text: String) in #"{"type":"custom","data":{"name":"n","value":"\#(text)"}}"# }
            let data = ["--data", "\(folder.path)/data"]
            let (tail, port) = try await RunningService.with(data) { service in
                let emitted = try await service.emit([draft("one")], thread: "t")
                #expect(emitted.output.hasSuffix("-1\n"))
                let tail = try RunningProgram([
                    "tail", "t", "--url", service.streamURL, "--after", "start", "--format", "json", "--count", "2",
                ])
                _ = try await tail.output(containing: "one")
                service.program.send(signal: SIGKILL)
                _ = try await tail.error(containing: "connecting again")
                return (tail, service.authority.split(separator: ":").last.map(String.init) ?? "")
            }
            try await RunningService.with(data + ["--port", port]) { service in
                let emitted = try await service.emit([draft("two")], thread: "t")
                #expect(emitted.output.hasSuffix("-2\n"))
                let outcome = try await tail.outcome()
                #expect(outcome.status == 0)
                #expect(outcome.lines.count == 2)
                #expect(outcome.lines.last?.contains("two") == true)
            }
        }
    }

    @Test func aRefusedEventNamesLineRuleStateAndWhatWasLegal() async throws {
        try await RunningService.with(["--in-memory"]) { service in
            let lines = [
                #"{"type":"agent_started","run_id":"r","agent":"a","data":{}}"#,
                "",
                #"{"type":"tool_completed","run_id":"r","data":{"call_id":"c","tool":"s","status":"failed","duration_ms":1}}"#,
            ]
            let refused = try await service.emit(lines, thread: "t")
            #expect(refused.status == 1)
            // What stands before it is logged, whether they were sent together or not.
            #expect(refused.output.hasSuffix("-1\n"))
            #expect(refused.error.contains("line 3: order.call_not_open"), "\(refused.error)")
            #expect(refused.error.contains("running"))
            #expect(refused.error.contains("agent_thinking"))
            #expect(refused.error.contains("1 event is committed, up to line 1"))
            let single = try await service.emit(lines, thread: "u", ["--batch", "1"])
            #expect(single.status == 1)
            #expect(single.output.hasSuffix("-1\n"))
            #expect(single.error == refused.error)
            let broken = try await service.emit(["{"], thread: "v")
            #expect(broken.status == 1)
            #expect(broken.error.contains("line 1: json.syntax"))
        }
    }

    @Test func aRecordingIsReplayedIntoAnotherThread() async throws {
        try await TemporaryFolder.with { folder in
            try Self.files(in: folder)
            try await RunningService.with(["--in-memory", "--demo", "--demo-pace", "0", "--demo-folder", folder.path]) {
                service in
                try await service.ask("roses", in: "t_1")
                let recorded = try await service.tail("t_1")
                let path = try folder.write("run.ndjson", recorded.joined(separator: "\n"))
                let arguments = ["replay", path, "--url", service.streamURL, "--thread", "t_2"]
                let replayed = try await Program.run(arguments + ["--speed", "0"])
                #expect(replayed.status == 0, "\(replayed.error)")
                #expect(replayed.lines.count == recorded.count)
                let again = try await service.tail("t_2")
                #expect(try Self.types(again) == Self.types(recorded))
                let twice = try await Program.run(arguments)
                #expect(twice.status == 1)
                #expect(twice.error.contains("order.already_started"), "\(twice.error)")
            }
        }
    }

    @Test func itStopsGracefullyWithAnOpenTail() async throws {
        for signal in [SIGINT, SIGTERM] {
            try await RunningService.with(["--in-memory"]) { service in
                let tail = try RunningProgram(["tail", "t", "--url", service.streamURL])
                _ = try await tail.error(containing: "following t")
                service.program.send(signal: signal)
                let outcome = try await service.program.outcome()
                #expect(outcome.status == 0)
                // Nothing but that it stops, and that it has.
                let lines = outcome.error.split(separator: "\n").map { $0.drop { $0 != " " }.dropFirst() }
                let name = signal == SIGINT ? "SIGINT" : "SIGTERM"
                #expect(
                    lines == ["notice agent-events: signal=\(name) stopping", "notice agent-events: stopped"],
                    "\(outcome.error)")
                tail.send(signal: SIGKILL)
                _ = try await tail.outcome()
            }
        }
    }

    // MARK: What is not available

    @Test func nobodyAtTheAddressEndsWith69() async throws {
        let url = try await RunningService.with(["--in-memory"]) { $0.streamURL }
        for arguments in [["tail", "t"], ["emit", "--thread", "t"], ["replay", "-"]] {
            let outcome = try await Program.run(arguments + ["--url", url], input: "{}\n")
            #expect(outcome.status == 69, "\(arguments): \(outcome)")
            #expect(outcome.error.hasPrefix("error: no stream at \(url)"), "\(outcome.error)")
            #expect(outcome.error.split(separator: "\n").count == 1)
        }
    }

    @Test func aPortInUseEndsWith69() async throws {
        try await RunningService.with(["--in-memory"]) { service in
            let port = try #require(service.authority.split(separator: ":").last.map(String.init))
            let second = try await Program.run(["serve", "--in-memory", "--port", port])
            #expect(second.status == 69)
            #expect(second.error.contains(port), "\(second.error)")
            #expect(second.error.split(separator: "\n").count == 1)
        }
    }

    @Test func aFolderInUseEndsWith69() async throws {
        try await TemporaryFolder.with { folder in
            try await RunningService.with(["--data", folder.path]) { service in
                let second = try await Program.run(["serve", "--port", "0", "--data", folder.path])
                #expect(second.status == 69)
                #expect(second.error.contains("log.locked"), "\(second.error)")
                #expect(second.error.split(separator: "\n").count == 1)
            }
        }
    }

    @Test func aFolderThatCannotBeMadeEndsWith69() async throws {
        try await TemporaryFolder.with { folder in
            let file = try folder.write("file", "not a folder")
            let outcome = try await Program.run(["serve", "--port", "0", "--data", "\(file)/data"])
            #expect(outcome.status == 69)
            #expect(outcome.error.hasPrefix("error: the data folder"), "\(outcome.error)")
            let demo = try await Program.run(["serve", "--port", "0", "--in-memory", "--demo", "--demo-folder", file])
            #expect(demo.status == 69)
        }
    }
}
