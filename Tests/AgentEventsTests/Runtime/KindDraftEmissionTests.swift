import AgentEvents
import AgentEventsTesting
import Testing

/// What a draft leaves to the service is in the log, in the one strict form.
@Suite(.timeLimit(.minutes(10))) struct KindDraftEmissionTests {
    private let time = ManualClock()

    /// Emits drafts as a client writes them, each after some milliseconds, and gives back the data in the log.
    private func logged(
        _ drafts: [(after: Int, type: String, data: String)],
        together: Bool,
        configure: (inout RuntimeConfiguration) -> Void = { _ in }
    ) async throws -> [String] {
        let log = InMemoryEventLog()
        var configuration = RuntimeConfiguration.deterministic(clock: time)
        configure(&configuration)
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            var batch: [EventDraft] = []
            for draft in [(after: 0, type: "agent_started", data: "{}")] + drafts {
                let text = #"{"type":"\#(draft.type)","run_id":"r_1","agent":"guide","data":\#(draft.data)}"#
                let decoded = try EventDecoder.decodeDraft(
                    JSONValue(parsing: Array(text.utf8)), path: "$", thread: "t_1")
                if together {
                    batch.append(decoded)
                } else {
                    time.advance(by: .milliseconds(draft.after))
                    try await context.emit(decoded)
                }
            }
            if together { _ = try await context.emit(batch) }
            try await context.flush()
        }
        let events = try await log.read(LogRead(.thread("t_1", after: 0))).events
        return try events.dropFirst().map { event in
            let value = try JSONValue(parsing: event.bytes)
            return String(decoding: (value["data"] ?? .null).encoded(), as: UTF8.self)
        }
    }

    /// A half is not in the log, so the context that has it is not given back.
    @Test func aHalfThatWaitsOutlivesTheUseOfOtherThreads() async throws {
        let log = InMemoryEventLog()
        var configuration = RuntimeConfiguration.deterministic(clock: time)
        configuration.maximumIdleContexts = 2
        func draft(_ type: String, _ data: String) throws -> EventDraft {
            let text = #"{"type":"\#(type)","run_id":"r_1","agent":"guide","data":\#(data)}"#
            return try EventDecoder.decodeDraft(JSONValue(parsing: Array(text.utf8)), path: "$", thread: "t_1")
        }
        try await withAgentRuntime(log: log, configuration: configuration) { runtime in
            _ = try await runtime.context(user: "u_1", thread: "t_1").emit([
                draft("agent_started", "{}"), draft("message_delta", #"{"message_id":"m","text":"a\ud83d"}"#),
            ])
            for number in 1...10 {
                let other = try await runtime.context(user: "u_1", thread: ThreadID("other_\(number)"))
                try await other.emit(EventDraft(.custom(CustomEvent(name: "n", value: .null))))
            }
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(draft("message_delta", #"{"message_id":"m","text":"\ude00b"}"#))
            try await context.flush()
        }
        let last = try #require(try await log.read(LogRead(.thread("t_1", after: 2))).events.last)
        #expect(try JSONValue(parsing: last.bytes)["data"]?["text"]?.stringValue == "\u{1F600}b")
    }

    @Test(arguments: [false, true])
    func missingDurationsAreMeasured(together: Bool) async throws {
        let drafts = [
            (after: 5, type: "tool_executing", data: #"{"call_id":"c","tool":"search"}"#),
            (after: 20, type: "tool_completed", data: #"{"call_id":"c","tool":"search","status":"succeeded"}"#),
            (after: 1, type: "tool_executing", data: #"{"call_id":"c","tool":"read","arguments":null}"#),
            (
                after: 7, type: "tool_completed",
                data: #"{"call_id":"c","tool":"read","status":"denied","duration_ms":null}"#
            ),
            (after: 2, type: "agent_completed", data: #"{"usage":{"input_tokens":3.0}}"#),
        ]
        let durations = together ? [0, 0, 0] : [20, 7, 35]
        #expect(
            try await logged(drafts, together: together) == [
                #"{"call_id":"c","tool":"search","arguments":{}}"#,
                #"{"call_id":"c","tool":"search","status":"succeeded","duration_ms":\#(durations[0])}"#,
                #"{"call_id":"c","tool":"read","arguments":{}}"#,
                #"{"call_id":"c","tool":"read","status":"denied","duration_ms":\#(durations[1])}"#,
                #"{"usage":{"input_tokens":3},"duration_ms":\#(durations[2])}"#,
            ])
    }

    @Test(arguments: [("agent_failed", #""error":{"message":"x"}"#), ("agent_cancelled", #""reason":null"#)])
    func theDurationOfAnEndIsMeasured(type: String, members: String) async throws {
        let data = try await logged([(after: 40, type: type, data: "{\(members)}")], together: false)
        #expect(data.last?.hasSuffix(#""duration_ms":40}"#) == true)
        let given = try await logged(
            [(after: 40, type: type, data: "{\(members),\"duration_ms\":7}")], together: false)
        #expect(given.last?.hasSuffix(#""duration_ms":7}"#) == true)
    }

    @Test(arguments: [false, true])
    func halvesOfACharacterMeetInTheLog(together: Bool) async throws {
        let drafts = [
            (after: 0, type: "message_delta", data: #"{"message_id":"m","text":"Hi \ud83d"}"#),
            (after: 0, type: "agent_thinking", data: #"{"thought_id":"t","text":"\ud83d"}"#),
            (after: 0, type: "message_delta", data: #"{"message_id":"m","text":"\ude00!\ud83d"}"#),
            (after: 0, type: "agent_failed", data: #"{"error":{"message":"cut \ud83d"},"duration_ms":1}"#),
        ]
        #expect(
            try await logged(drafts, together: together) == [
                #"{"message_id":"m","text":"Hi "}"#, #"{"thought_id":"t","text":"\#u{FFFD}"}"#,
                #"{"message_id":"m","text":"😀!"}"#, #"{"message_id":"m","role":"assistant","text":"Hi 😀!\#u{FFFD}"}"#,
                #"{"error":{"code":"error","message":"cut \#u{FFFD}","retryable":false},"duration_ms":1}"#,
            ])
    }

    /// I7: an end is not refused for the looks of its texts. It is cut where it is too long, between two characters.
    @Test(arguments: ["agent_failed", "agent_cancelled", "code"])
    func anEndThatIsTooLongIsCut(type: String) async throws {
        let text = String(repeating: "🧭\\u0000é", count: 1000)
        let data =
            switch type {
            case "agent_failed": #"{"error":{"code":"c","message":"\#(text)"},"duration_ms":1}"#
            case "code": #"{"error":{"code":"\#(text)","message":"\#(text)"},"duration_ms":1}"#
            default: #"{"reason":"\#(text)","duration_ms":1}"#
            }
        let maximum = 2000
        let logged = try await logged(
            [(after: 0, type: type == "code" ? "agent_failed" : type, data: data)], together: false
        ) { $0.maximumEventByteCount = maximum }
        let value = try JSONValue(parsing: Array(try #require(logged.last).utf8))
        let cut = try #require((value["error"]?["message"] ?? value["reason"])?.stringValue)
        #expect(cut.hasSuffix("…"))
        if type != "code" {
            #expect(cut.hasPrefix("🧭\0é🧭\0é"))
            // As much as there is room for.
            #expect(logged[0].utf8.count > maximum - 250)
        }
    }

    @Test func aResultThatIsTooLongIsRefused() async throws {
        let text = String(repeating: "x", count: 3000)
        await #expect(throws: AgentEventsError.self) {
            try await logged(
                [(after: 0, type: "agent_completed", data: #"{"result":"\#(text)"}"#)], together: false
            ) { $0.maximumEventByteCount = 2000 }
        }
    }
}
