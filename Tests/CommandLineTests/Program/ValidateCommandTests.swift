import Testing

@Suite struct ValidateCommandTests {
    private static let draft = #"{"type":"agent_started","run_id":"r","agent":"a","data":{}}"#
    private static let thought = #"{"type":"agent_thinking","run_id":"r","data":{"thought_id":"t","text":"x"}}"#
    private static let end = #"{"type":"agent_completed","run_id":"r","data":{"duration_ms":1}}"#

    @Test(arguments: [
        ([draft, thought, end], "standard", 0, "ok: 3 events, 1 run, 1 thread"),
        ([draft, thought, end], "canonical", 1, ":3: order.not_canonical: "),
        ([thought], "standard", 1, ":1: order.not_started: "),
        ([draft, thought, end, thought], "standard", 1, ":4: order.already_ended: "),
        ([draft, "{"], "standard", 1, ":2: json.syntax: "),
        ([draft], "standard", 1, ":1: run.unended: "),
    ])
    func aFileIsJudged(lines: [String], policy: String, status: Int32, says: String) async throws {
        try await TemporaryFolder.with { folder in
            let path = try folder.write("x.ndjson", lines.joined(separator: "\r\n"))
            let file = try await Program.run(["validate", path, "--policy", policy])
            #expect(file.status == status)
            #expect(file.output.contains(says), "\(file.output)")
            #expect(!file.output.contains("\u{1B}"))
            let input = try await Program.run(
                ["validate", "-", "--policy", policy], input: lines.joined(separator: "\n") + "\n")
            #expect(input.status == status)
            #expect(input.output == file.output.replacing(path, with: "-"))
        }
    }

    @Test(arguments: [
        ("", []), ("\n \n\r\n\t\n", []), (#"{"op":"welcome"}"# + "\n" + #"{"op":"live","thread_id":"t"}"#, []),
        ("", ["--as-test"]), ("\n\n", ["--as-test"]), ("", ["--history"]), (" \n", ["--history"]),
        (#"{"record":"subscribed","client":"c","thread_id":"t"}"#, ["--history"]),
        ("\u{FEFF}", []),
    ])
    func nothingIsNotRight(text: String, arguments: [String]) async throws {
        try await TemporaryFolder.with { folder in
            let path = try folder.write("x.ndjson", text)
            let file = try await Program.run(["validate", path] + arguments)
            let input = try await Program.run(["validate", "-"] + arguments, input: text)
            for (outcome, name) in [(file, path), (input, "standard input")] {
                #expect(outcome.status == 1)
                #expect(outcome.output.isEmpty)
                #expect(outcome.error.hasPrefix("error: there is no event in "), "\(outcome.error)")
                #expect(outcome.error.contains(name), "\(outcome.error)")
            }
        }
    }

    @Test func aFolderWithoutAHistoryIsNotRight() async throws {
        try await TemporaryFolder.with { folder in
            let outcome = try await Program.run(["validate", "--history", folder.path])
            #expect(outcome.status == 1)
            #expect(outcome.error.contains("there is no file *.ndjson"), "\(outcome.error)")
        }
    }

    @Test func aLineThatIsCutOffIsAFault() async throws {
        let outcome = try await Program.run(
            ["validate", "-"], input: Self.draft + "\n" + Self.end + "\n" + String(Self.end.prefix(30)))
        #expect(outcome.status == 1)
        #expect(outcome.output.contains("-:3: json.syntax: "), "\(outcome.output)")
    }

    @Test func aMarkOfUTF8IsSkippedAndAnotherEncodingIsNamed() async throws {
        let text = Self.draft + "\r\n" + Self.end + "\r\n"
        let marked = try await Program.run(["validate", "-"], input: "\u{FEFF}" + text)
        #expect(marked.status == 0, "\(marked)")
        try await TemporaryFolder.with { folder in
            let units = Array(text.utf16)
            let little = units.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
            let big = units.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
            let texts: [[UInt8]] = [[0xFF, 0xFE] + little, [0xFE, 0xFF] + big, little]
            for bytes in texts {
                let outcome = try await Program.run(["validate", try folder.write("x", bytes)])
                #expect(outcome.status == 1)
                #expect(outcome.error.contains("UTF-16"), "\(outcome)")
            }
        }
    }

    @Test func aRecordingOfAWebSocketIsJudged() async throws {
        let event = Self.line(1, "agent_started", "{}")
        let end = Self.line(2, "agent_completed", #"{"duration_ms":1}"#)
        let lines = [
            #"{"op":"welcome","connection_id":"c","heartbeat_ms":25000,"limits":{}}"#,
            #"{"op":"subscribed","req":1,"thread_id":"t","after":null,"head":null}"#, event, #"{"op":"ping"}"#, end,
            #"{"op":"live","thread_id":"t","cursor":"1-2"}"#,
        ]
        let whole = try await Program.run(["validate", "-"], input: lines.joined(separator: "\n"))
        #expect(whole.output == "ok: 2 events, 1 run, 1 thread; 4 other messages skipped\n", "\(whole)")
        #expect(whole.status == 0)
        let gap = try await Program.run(
            ["validate", "-"],
            input: [lines[0], event, Self.line(3, "agent_completed", #"{"duration_ms":1}"#)].joined(separator: "\n"))
        #expect(gap.status == 1)
        #expect(gap.output.contains("-:3: seq.gap: "))
        let test = try await Program.run(["validate", "-", "--as-test"], input: lines.joined(separator: "\n"))
        #expect(test.status == 0)
        #expect(test.output.contains(".agentCompleted()"), "\(test)")
    }

    private static let subscribed = #"{"record":"subscribed","client":"c","thread_id":"t"}"#
    private static let seen =
        #"{"record":"seen","client":"c","event":"{\"type\":\"user_message\",\"id\":\"1-1\",\"seq\":1,\"thread_id\":\"t\","#
        + #"\"time\":\"2026-11-21T02:10:00.123Z\",\"data\":{\"message_id\":\"m\",\"user_id\":\"u\",\"text\":\"x\"}}"}"#

    @Test(arguments: [
        ([subscribed, seen], 0, "ok: 2 records, 0 attempts, 1 client"),
        (
            [subscribed, seen, seen], 1,
            "clients.ndjson:3: seen.repeated: client c, thread t, event 1-1: seq 1 where 2 was due"
        ),
        ([subscribed, "{}"], 1, "clients.ndjson:2: event.missing_field: "),
    ])
    func aHistoryIsJudged(lines: [String], status: Int32, says: String) async throws {
        try await TemporaryFolder.with { folder in
            let path = try folder.write("clients.ndjson", lines.joined(separator: "\n"))
            let place = path.replacing("/clients.ndjson", with: "")
            for argument in [path, place] {
                let program = try await Program.run(["validate", "--history", argument])
                #expect(program.status == status)
                #expect((program.output + program.error).contains(says))
            }
        }
    }

    /// A line of a recording.
    private static func line(_ sequence: Int, _ type: String, _ data: String) -> String {
        #"{"type":"\#(type)","id":"1-\#(sequence)","seq":\#(sequence),"thread_id":"t","run_id":"r","agent":"a","#
            + #""time":"2026-11-21T02:10:00.123Z","data":\#(data)}"#
    }

    @Test func aRecordingIsMadeToATest() async throws {
        let recording = [
            Self.line(1, "agent_started", "{}"),
            Self.line(2, "tool_executing", #"{"call_id":"c","tool":"look","arguments":{"at":["\\"]}}"#),
            Self.line(
                3, "tool_completed",
                #"{"call_id":"c","tool":"look","status":"failed","error":{"code":"x","message":"y"},"duration_ms":1}"#),
            Self.line(4, "agent_completed", #"{"duration_ms":1}"#),
        ]
        let made = try await Program.run(
            ["validate", "-", "--as-test"], input: recording.joined(separator: "\n") + "\n")
        #expect(made.status == 0, "\(made.error)")
        #expect(
            made.output == #"""
                expectEvents(in: sink, thread: "t") {
                    .agentStarted(agent: "a")
                    .tool("look", arguments: ["at": ["\\"]], status: .failed)
                    .agentCompleted()
                }

                """#)
        // What is wrong is said instead.
        let wrong = try await Program.run(
            ["validate", "-", "--as-test"], input: recording.dropLast().joined(separator: "\n") + "\n")
        #expect(wrong.status == 1)
        #expect(wrong.output.contains("-:1: run.unended: "))
        #expect(!wrong.output.contains("expectEvents"))
    }

    @Test(arguments: [
        ([draft, thought, end], "a test is made of committed events only"), ([], "there is no event"),
    ])
    func whatIsNoRecordingIsNotMadeToATest(lines: [String], says: String) async throws {
        let outcome = try await Program.run(
            ["validate", "-", "--as-test"], input: lines.map { $0 + "\n" }.joined())
        #expect(outcome.status == 1)
        #expect(outcome.output.isEmpty)
        #expect(outcome.error.contains(says), "\(outcome.error)")
    }

    @Test func whatWouldHaveBeenLegalIsNamed() async throws {
        let outcome = try await Program.run(["validate", "-"], input: Self.thought + "\n")
        #expect(outcome.output.contains("agent_started"))
    }

    @Test func aFileThatIsNotThereIsSaid() async throws {
        let outcome = try await Program.run(["validate", "/nowhere/x.ndjson"])
        #expect(outcome.status == 1)
        #expect(outcome.error == "error: there is no file /nowhere/x.ndjson\n")
    }
}
