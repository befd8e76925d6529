import AgentEvents
import Foundation
import Testing

/// `agent-events command` against `agent-events serve`. The numbers are those of the cases in the design.
@Suite(.serialized) struct CommandCommandTests {
    private static func command(
        _ service: RunningService,
        _ arguments: [String],
        format: String = "json"
    ) async throws -> Program.Outcome {
        try await Program.run(["command", "t_1"] + arguments + ["--url", service.streamURL, "--format", format])
    }

    private static func start(_ run: String) -> String {
        #"{"type":"agent_started","run_id":"\#(run)","agent":"far","data":{}}"#
    }

    private static func json(_ outcome: Program.Outcome) throws -> JSONValue {
        #expect(outcome.status == 0, "\(outcome.error)")
        return try JSONValue(parsing: Array(try #require(outcome.lines.first).utf8))
    }

    /// 4 and 7: the log says it over a kill, and a late stop leaves what began later.
    @Test func aStopAndItsKeyOutliveTheService() async throws {
        try await TemporaryFolder.with { folder in
            var answers: [JSONValue] = []
            try await RunningService.with(["--data", folder.path]) { service in
                _ = try await service.emit([Self.start("r_1")], thread: "t_1")
                answers.append(try Self.json(try await Self.command(service, ["pause", "--key", "k_1"])))
                let refused = try await service.emit(
                    [#"{"type":"agent_progress","run_id":"r_1","data":{"step":1}}"#], thread: "t_1")
                #expect(refused.status == 1)
                #expect(refused.error.contains("order.paused"))
                answers.append(
                    try Self.json(try await Self.command(service, ["stop", "--key", "k_2", "--reason", "enough"])))
            }
            #expect(answers.map { $0["outcome"]?.stringValue } == ["done", "done"])
            try await RunningService.with(["--data", folder.path]) { service in
                _ = try await service.emit([Self.start("r_2")], thread: "t_1")
                let repeated = try Self.json(
                    try await Self.command(service, ["stop", "--key", "k_2", "--reason", "enough"]))
                #expect(repeated["outcome"] == "repeated")
                #expect(repeated["cursors"] == answers[1]["cursors"])
                let seen = try #require(answers[1]["cursors"]?.arrayValue?.first?.stringValue)
                let late = try Self.json(try await Self.command(service, ["stop", "--as-of", seen]))
                #expect(late["outcome"] == "unchanged")
                #expect(late["details"]?["left"]?.arrayValue?.first?["run_id"] == "r_2")
                let stopped = try Self.json(try await Self.command(service, ["stop"]))
                #expect(stopped["run_id"] == "r_2")
                #expect(try await service.page("t_1") == [1, 2, 3, 4, 5])
            }
        }
    }

    /// 24 and 42: a question of a program outside is open over restarts, and has one answer.
    @Test func aQuestionIsAnsweredAfterARestart() async throws {
        let asking = #"{"type":"approval_requested","run_id":"r_1","data":{"approval_id":"a_1","prompt":"Now?"}}"#
        try await TemporaryFolder.with { folder in
            try await RunningService.with(["--data", folder.path]) { service in
                _ = try await service.emit([Self.start("r_1"), asking], thread: "t_1")
            }
            try await RunningService.with(["--data", folder.path]) { service in
                let answer = ["answer", "--approve", "a_1", "--data", #"{"comment":"fine"}"#]
                let first = try Self.json(try await Self.command(service, answer))
                #expect(first["outcome"] == "done" && first["run_id"] == "r_1")
                let again = try Self.json(try await Self.command(service, answer))
                #expect(again["outcome"] == "unchanged" && again["cursors"] == first["cursors"])
                let other = try await Self.command(service, ["answer", "--deny", "a_1"])
                #expect(other.status == 1)
                #expect(other.error.contains("approval.resolved"), "\(other.error)")
                let unknown = try await Self.command(service, ["answer", "--deny", "a_2"])
                #expect(unknown.error.contains("approval.unknown"), "\(unknown.error)")
                #expect(try await service.page("t_1") == [1, 2, 3])
            }
        }
    }

    /// A yes that counts for later questions, and its end.
    @Test func aGrantIsGivenAndTakenBack() async throws {
        let asking = [
            #"{"type":"tool_executing","run_id":"r_1","data":{"call_id":"c_1","tool":"deploy","arguments":7}}"#,
            #"{"type":"approval_requested","run_id":"r_1","data":{"approval_id":"a_1","call_id":"c_1","prompt":"?"}}"#,
            #"{"type":"approval_requested","run_id":"r_1","data":{"approval_id":"a_2","prompt":"?"}}"#,
        ]
        try await RunningService.with(["--in-memory"]) { service in
            _ = try await service.emit([Self.start("r_1")] + asking, thread: "t_1")
            // It is about no call.
            let refused = try await Self.command(service, ["answer", "--approve", "a_2", "--always"])
            #expect(refused.status == 1 && refused.error.contains("command.invalid"), "\(refused)")
            let given = try Self.json(try await Self.command(service, ["answer", "--approve", "a_1", "--always"]))
            #expect(given["outcome"] == "done")
            let revoke = ["revoke", "--tool", "deploy"]
            let revoked = try Self.json(try await Self.command(service, revoke))
            #expect(revoked["outcome"] == "done")
            #expect(try Self.json(try await Self.command(service, revoke))["outcome"] == "unchanged")
            let events = try await service.events("t_1").suffix(3)
            #expect(events.map { $0["type"]?.stringValue } == ["approval_resolved", "state_updated", "state_updated"])
            let ids = events.compactMap { $0["id"] }
            #expect(given["cursors"]?.arrayValue == Array(ids.prefix(2)))
            #expect(revoked["cursors"]?.arrayValue == Array(ids.suffix(1)))
            let states = events.suffix(2).map { $0["data"] ?? .null }
            #expect(states.allSatisfy { $0["key"] == "grant/deploy" })
            #expect(states.first?["value"]?["scope"] == "thread" && states.first?["expires_at"] != nil)
            #expect(states.last?["removed"] == true)
        }
        for arguments in [["answer", "--deny", "a_1", "--always"], ["stop", "--always"]] {
            let outcome = try await Program.run(["command", "t_1"] + arguments)
            #expect(outcome.status == 64, "\(arguments): \(outcome)")
        }
    }

    /// Values of the thread's context, and a conflict with what is there.
    @Test func aValueIsSetAndRemoved() async throws {
        try await RunningService.with(["--in-memory"]) { service in
            _ = try await service.emit([Self.start("r_1")], thread: "t_1")
            let set = ["set", "--entry", "city", "--data", #""Berlin""#]
            let first = try Self.json(try await Self.command(service, set + ["--ttl", "3600"]))
            #expect(first["outcome"] == "done" && first["details"]?["version"] == 1)
            let conflict = try await Self.command(service, set + ["--if-version", "0"])
            #expect(conflict.status == 1 && conflict.error.contains("state.conflict"), "\(conflict)")
            #expect(conflict.error.contains(#"version 1 by local: "Berlin""#), "\(conflict)")
            let removed = try await Self.command(
                service, ["remove", "--entry", "city", "--if-version", "1"], format: "pretty")
            #expect(removed.lines.last == "  version 2", "\(removed)")
        }
        for arguments in [
            ["set", "--data", "1"], ["set", "--entry", "k"], ["set", "--entry", "k", "--data", "1", "--ttl", "0"],
            ["remove", "--entry", "k", "--data", "1"], ["stop", "--entry", "k"],
            ["remove", "--entry", "k", "--ttl", "5"],
        ] {
            let outcome = try await Program.run(["command", "t_1"] + arguments)
            #expect(outcome.status == 64, "\(arguments): \(outcome)")
        }
    }

    /// A question, one that waits, an edit of it, and the same once more; in words.
    @Test func messagesAndStartsAreTaken() async throws {
        try await TemporaryFolder.with { folder in
            try folder.write("garden.txt", "The garden has roses.\n")
            let arguments = ["--in-memory", "--demo", "--demo-folder", folder.path, "--demo-pace", "0.1"]
            try await RunningService.with(arguments) { service in
                let first = try Self.json(try await Self.command(service, ["message", "--text", "Where are roses?"]))
                #expect(first["outcome"] == "done" && first["details"]?["status"] == "running")
                let second = try await Self.command(
                    service, ["message", "--text", "tulips", "--agent", "guide"], format: "pretty")
                let started = try #require(first["cursors"]?.arrayValue?.last?.stringValue)
                #expect(second.lines.first?.hasPrefix("done: ") == true && second.lines.count == 3, "\(second)")
                #expect(second.lines.last?.hasSuffix(" is queued") == true, "\(second)")
                let refused = try await Self.command(service, ["message", "--text", "x", "--policy", "reject"])
                #expect(refused.status == 1 && refused.error.contains("error: thread.busy: "), "\(refused)")
                let run = try #require(first["run_id"]?.stringValue)
                #expect(refused.error.contains("\n  run \(run) is running since \(started)\n"), "\(refused)")
                let message = try #require(first["message_id"]?.stringValue)
                let edited = [
                    "message", "--text", "garden", "--policy", "rollback", "--replaces", message, "--data", "[1]",
                ]
                let third = try Self.json(try await Self.command(service, edited))
                let again = try await Self.command(
                    service, ["start", "--retry-of", run, "--policy", "supersede"], format: "pretty")
                #expect(again.lines.first?.hasPrefix("done: ") == true, "\(again)")
                let stopped = try await Self.command(service, ["stop"], format: "pretty")
                #expect(stopped.lines.contains { $0.contains(" was ") }, "\(stopped)")
                let unchanged = try await Self.command(service, ["stop"], format: "pretty")
                #expect(unchanged.lines.first == "unchanged: no run is open in this thread")
                let lines = try await service.tail("t_1", ["--count", "3"])
                #expect(lines.count == 3 && lines[0].contains("Where are roses?"))
                let page = try await service.events("t_1")
                let edit = page.first {
                    $0["data"]?["message_id"] == third["message_id"] && $0["type"] == "user_message"
                }
                #expect(edit?["data"]?["replaces"]?.stringValue == message && edit?["data"]?["data"] == [1])
            }
        }
    }

    @Test func whatIsWrongIsSaid() async throws {
        try await RunningService.with(["--in-memory"]) { service in
            let unknown = try await Self.command(service, ["stop"])
            #expect(unknown.status == 1)
            #expect(unknown.error.contains("thread.unknown"), "\(unknown.error)")
            _ = try await service.emit([Self.start("r_1")], thread: "t_1")
            let wrong = try await Self.command(service, ["pause", "--run", "r_9"])
            #expect(wrong.status == 1)
            #expect(wrong.error.contains("run.unknown"), "\(wrong.error)")
        }
        for arguments in [
            ["halt"], ["stop", "--as-of", "x"], ["stop", "--data", "{"], ["stop", "--data", #"{"x":1}"#],
        ] {
            let outcome = try await Program.run(["command", "t_1"] + arguments)
            #expect(outcome.status == 64, "\(arguments): \(outcome)")
        }
        let nobody = try await Program.run(
            ["command", "t_1", "stop", "--url", "http://127.0.0.1:1", "--give-up", "0"])
        #expect(nobody.status == 69)
    }
}
