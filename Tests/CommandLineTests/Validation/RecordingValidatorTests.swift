import AgentEvents
import AgentEventsChecks
import Testing

@Suite struct RecordingValidatorTests {
    /// A line of a recording: `type`, run and data; numbered by its place unless told otherwise.
    private static func line(
        _ sequence: Int, _ type: String, run: String? = "r_1", thread: String = "t", second: Int? = nil,
        generation: Int = 1, from: Int? = nil, _ data: String
    ) -> String {
        let run = run.map { #""run_id":"\#($0)","agent":"a","# } ?? ""
        let from = from.map { #""from_seq":\#($0),"# } ?? ""
        let time = second ?? sequence
        return
            #"{"type":"\#(type)","id":"\#(generation)-\#(sequence)","seq":\#(sequence),\#(from)"thread_id":"\#(thread)","#
            + #"\#(run)"time":"2026-11-21T02:10:\#(time < 10 ? "0" : "")\#(time).000Z","data":\#(data)}"#
    }

    private static let started = line(1, "agent_started", "{}")
    private static let thought = line(2, "agent_thinking", #"{"thought_id":"th","text":"x"}"#)
    private static let tool = line(3, "tool_executing", #"{"call_id":"c","tool":"s","arguments":{}}"#)
    private static let toolDone = line(
        4, "tool_completed", #"{"call_id":"c","tool":"s","status":"succeeded","duration_ms":1}"#)
    private static let completed = line(5, "agent_completed", #"{"duration_ms":1}"#)

    private static func faults(_ lines: [String], _ policy: OrderPolicy = .standard) -> [String] {
        var validator = RecordingValidator(policy: policy)
        var faults: [SequenceFault] = []
        for (index, line) in lines.enumerated() { faults += validator.receive(Array(line.utf8), line: index + 1) }
        faults += validator.finish()
        return faults.map { "\($0.position) \($0.rule)" }
    }

    @Test func aWholeRunIsRight() {
        #expect(Self.faults([Self.started, Self.thought, Self.tool, Self.toolDone, Self.completed], .canonical) == [])
    }

    static let bad: [(String, [String], [String])] = [
        ("a gap", [started, line(3, "agent_completed", #"{"duration_ms":1}"#)], ["2 seq.gap"]),
        (
            "a repetition", [started, thought, thought, line(3, "agent_completed", #"{"duration_ms":1}"#)],
            ["3 seq.repeated"]
        ),
        ("swapped", [thought, started], ["2 seq.repeated", "2 time.backwards", "2 order.already_started"]),
        (
            "time goes back", [started, line(2, "agent_completed", second: 0, #"{"duration_ms":1}"#)],
            ["2 time.backwards"]
        ),
        (
            "a generation falls",
            [line(1, "agent_started", generation: 2, "{}"), line(2, "agent_completed", #"{"duration_ms":1}"#)],
            ["2 id.generation"]
        ),
        ("no end", [started, thought], ["1 run.unended"]),
        ("no start", [line(1, "agent_completed", #"{"duration_ms":1}"#)], ["1 order.not_started"]),
        (
            "an event after the end",
            [
                started, line(2, "agent_completed", #"{"duration_ms":1}"#),
                line(3, "agent_thinking", #"{"thought_id":"th","text":"x"}"#),
            ], ["3 order.already_ended"]
        ),
        (
            "a call left open", [started, thought, tool, line(4, "agent_completed", #"{"duration_ms":1}"#)],
            ["4 order.work_open", "1 run.unended"]
        ),
        (
            "a failure that leaves a call open",
            [
                started, thought, tool,
                line(4, "agent_failed", #"{"error":{"code":"x","message":"y","retryable":false},"duration_ms":1}"#),
            ],
            ["4 order.work_open"]
        ),
        ("not JSON", [started, "{", line(2, "agent_completed", #"{"duration_ms":1}"#)], ["2 json.syntax"]),
        ("cut in the middle", [started, String(completed.prefix(60))], ["2 json.syntax", "1 run.unended"]),
        (
            "a member is missing", [started, line(2, "agent_completed", "{}")],
            ["2 event.missing_field", "1 run.unended"]
        ),
        (
            "an id that is none", [#"{"type":"custom","thread_id":"no id","data":{"name":"n","value":1}}"#],
            ["1 event.invalid_id"]
        ),
        (
            "a draft with a time",
            [#"{"type":"custom","time":"2026-11-21T02:10:00Z","data":{"name":"n","value":1}}"#],
            ["1 event.field_not_allowed"]
        ),
        (
            "a draft out of order", [#"{"type":"agent_thinking","run_id":"r","data":{"thought_id":"t","text":"x"}}"#],
            ["1 order.not_started"]
        ),
    ]

    @Test(arguments: bad)
    func everyFaultIsNamedWithItsLineAndRule(name: String, lines: [String], expected: [String]) {
        #expect(Self.faults(lines) == expected, "\(name)")
    }

    @Test func theCanonicalPolicyAsksForTheFiveSteps() {
        let plain = [Self.started, Self.line(2, "agent_completed", #"{"duration_ms":1}"#)]
        #expect(Self.faults(plain) == [])
        #expect(Self.faults(plain, .canonical) == ["2 order.not_canonical", "1 run.unended"])
    }

    @Test func aRecordingFromTheMiddleDoesNotJudgeWhatItHasNotSeen() {
        #expect(Self.faults([Self.toolDone, Self.completed]) == [])
    }

    @Test func aMergedEventStandsForItsRange() {
        let merged = Self.line(4, "message_delta", from: 2, #"{"message_id":"m","text":"abc"}"#)
        let message = Self.line(5, "message_completed", #"{"message_id":"m","role":"assistant","text":"abc"}"#)
        let end = Self.line(6, "agent_completed", #"{"duration_ms":1}"#)
        #expect(Self.faults([Self.started, merged, message, end]) == [])
    }

    @Test func threadsHaveNumbersOfTheirOwn() {
        let other = Self.line(1, "agent_started", run: "r_2", thread: "u", "{}")
        let otherEnd = Self.line(2, "agent_completed", run: "r_2", thread: "u", #"{"duration_ms":1}"#)
        let end = Self.line(2, "agent_completed", #"{"duration_ms":1}"#)
        #expect(Self.faults([Self.started, other, otherEnd, end]) == [])
    }

    @Test func theEndOfAPausedRunMayCloseItsWork() {
        let message = Self.line(2, "message_delta", #"{"message_id":"m","text":"a"}"#)
        let paused = Self.line(3, "agent_paused", "{}")
        let closed = Self.line(4, "message_completed", #"{"message_id":"m","role":"assistant","text":"a"}"#)
        let cancelled = Self.line(5, "agent_cancelled", #"{"duration_ms":1}"#)
        let resumed = Self.line(5, "agent_resumed", "{}")
        #expect(Self.faults([Self.started, message, paused, closed, cancelled]) == [])
        #expect(
            Self.faults([Self.started, message, paused, closed, resumed]) == ["4 order.paused", "1 run.unended"])
    }

    @Test func unknownTypesAndEmptyLinesAreNoFault() {
        #expect(Self.faults(["", Self.line(1, "made_later", "{}"), "  "]) == [])
    }

    private static func judged(_ lines: [String]) -> ([String], RecordingValidator) {
        var validator = RecordingValidator()
        var faults: [SequenceFault] = []
        for (index, line) in lines.enumerated() { faults += validator.receive(Array(line.utf8), line: index + 1) }
        faults += validator.finish()
        return (faults.map { "\($0.position) \($0.rule)" }, validator)
    }

    @Test func aRecordingWithoutAnEventIsNotRight() {
        #expect(Self.faults([]) == ["1 recording.empty"])
        #expect(Self.faults(["", #"{"op":"welcome"}"#]) == ["1 recording.empty"])
        #expect(Self.faults(["{"]) == ["1 json.syntax"])
    }

    private static func wrapped(_ text: String) -> String {
        String(decoding: JSONValue.string(text).encoded(), as: UTF8.self)
    }

    static let recorders: [(String, @Sendable (String) -> String)] = [
        ("plain", { $0 }),
        ("wscat", { "< \($0)" }),
        ("python -m websockets", { "\u{1B}[A\u{1B}[L< \($0)" }),
        ("a text in an object", { #"{"time":1.5,"direction":"received","data":\#(wrapped($0))}"# }),
        ("an object in an object", { #"{"ts":"2026-11-21T02:10:00Z","dir":"in","msg":\#($0)}"# }),
        ("a HAR file's messages", { #"{"type":"receive","time":1.5,"opcode":1,"data":\#(wrapped($0))}"# }),
        ("an array", { #"[1.5,"<",\#(wrapped($0))]"# }),
        ("no direction", { #"{"message":\#(wrapped($0))}"# }),
    ]

    @Test(arguments: recorders.indices)
    func whatRecordersWriteIsRead(index: Int) {
        let (name, recorded) = Self.recorders[index]
        let messages = [
            #"{"op":"welcome","connection_id":"c"}"#, #"{"op":"subscribe","thread_id":"t","after":"start"}"#,
            #"{"op":"subscribed","thread_id":"t","after":null,"head":"1-5"}"#,
            Self.started, Self.thought, Self.tool, #"{"op":"ping"}"#, Self.toolDone, Self.completed,
            #"{"op":"snapshot","thread_id":"t","cursor":"1-5","state":{"type":"x"}}"#,
        ]
        let (faults, validator) = Self.judged(messages.map(recorded))
        #expect(faults == [], "\(name)")
        #expect(validator.eventCount == 5)
        #expect(validator.messageCount == 5)
        // What is wrong in it is found.
        #expect(
            Self.judged([recorded(Self.started), recorded(Self.completed)]).0.contains("2 seq.gap"), "\(name)")
    }

    @Test func notesOnAConnectionAreSkipped() {
        let lines = [
            "Connected (press CTRL+C to quit)", "> ", #"> {"op":"subscribe","thread_id":"t"}"#, "< " + Self.started,
            "< " + Self.line(2, "agent_completed", #"{"duration_ms":1}"#), #"Disconnected (code: 1000, reason: "")"#,
            "Connection closed: 1000 (OK).", #"{"type":"close","code":1000}"#, #"{"event":"open","time":1}"#,
            #"{"direction":"received","opcode":9,"data":""}"#,
        ]
        #expect(Self.judged(lines).0 == [])
    }

    @Test func aMessageThatIsCutOffInARecordIsAFault() {
        #expect(
            Self.faults([Self.started, #"{"direction":"received","data":"{\"type\":\"agent_comp"}"#]) == [
                "2 json.syntax", "1 run.unended",
            ])
        #expect(Self.faults(["< " + Self.started, "< " + Self.completed.prefix(40)]).contains("2 json.syntax"))
    }

    @Test func aThreadIsJudgedFromAResetOn() {
        let reset = #"{"op":"reset","thread_id":"t","reason":"diverged","oldest":"1-1"}"#
        let end = Self.line(2, "agent_completed", #"{"duration_ms":1}"#)
        #expect(Self.faults([Self.started, Self.thought, reset, Self.started, end]) == [])
        #expect(Self.faults([Self.started, end, Self.started, end]) != [])
        // Only that thread.
        let other = reset.replacing(#""t""#, with: #""u""#)
        #expect(Self.faults([Self.started, other, Self.thought, Self.started]).contains("4 seq.repeated"))
    }

    @Test func aSubscriptionThatBeginsElsewhereIsJudgedByItself() {
        func subscribed(_ after: String) -> String { #"{"op":"subscribed","thread_id":"t","after":\#(after)}"# }
        let end = Self.line(3, "agent_completed", #"{"duration_ms":1}"#)
        #expect(Self.faults([Self.started, Self.thought, subscribed(#""1-2""#), end]) == [])
        #expect(Self.faults([Self.started, Self.thought, subscribed("null"), Self.started, Self.thought, end]) == [])
        // One that continues does not hide a gap.
        #expect(Self.faults([Self.started, subscribed(#""1-1""#), end]).contains("3 seq.gap"))
    }
}
