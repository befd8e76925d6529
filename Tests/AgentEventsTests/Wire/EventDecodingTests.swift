import AgentEvents
import Testing

/// What the decoder must refuse, with its code and its path.
struct EventDecodingTests {
    /// A change of one member of a good event, and what must come of it.
    struct Change: CustomTestStringConvertible, Sendable {
        var type: EventType
        /// The member, from the root, without the `$`.
        var member: String
        /// JSON text; `nil` takes the member out.
        var json: String?
        var code: WireError.Code
        var path: String?

        init(
            _ type: EventType, _ member: String, _ json: String?, _ code: WireError.Code, path: String? = nil
        ) {
            self.type = type
            self.member = member
            self.json = json
            self.code = code
            self.path = path
        }

        var testDescription: String { "\(type) \(member) = \(json?.prefix(40) ?? "nothing")" }
        var expectedPath: String { path ?? "$.\(member)" }

        /// The event's last example, changed.
        func apply(toDraft: Bool = false) throws -> JSONValue {
            let example = try #require(EventExample.all.last { $0.payload.type == type })
            let text = toDraft ? example.draftText : example.text
            let replacement = try json.map { try JSONValue(parsing: Array($0.utf8)) }
            return Self.set(replacement, at: member.split(separator: "."), in: try JSONValue(parsing: Array(text.utf8)))
        }

        private static func set(_ new: JSONValue?, at path: [Substring], in value: JSONValue) -> JSONValue {
            guard var object = value.objectValue else { return value }
            let key = String(path[0])
            object[key] = path.count == 1 ? new : set(new, at: Array(path.dropFirst()), in: object[key] ?? [:])
            return .object(object)
        }
    }

    /// An array of many ids.
    private static func many(_ prefix: String, _ count: Int) -> String {
        "[" + (0..<count).map { #""\#(prefix)_\#($0)""# }.joined(separator: ",") + "]"
    }

    static let envelope: [Change] = [
        Change(.agentPaused, "type", nil, .missingField),
        Change(.agentPaused, "type", "1", .wrongType),
        Change(.agentPaused, "type", #""""#, .invalidValue),
        Change(.agentPaused, "type", #""\ud800""#, .loneSurrogate),
        Change(.agentPaused, "id", nil, .missingField),
        Change(.agentPaused, "id", "3", .wrongType),
        Change(.agentPaused, "id", #""3""#, .invalidIdentifier),
        Change(.agentPaused, "id", #""03-42""#, .invalidIdentifier),
        Change(.agentPaused, "id", #""0-42""#, .invalidIdentifier),
        Change(.agentPaused, "id", #""18446744073709551616-42""#, .invalidIdentifier),
        Change(.agentPaused, "seq", nil, .missingField),
        Change(.agentPaused, "seq", "41", .invalidValue),
        Change(.agentPaused, "seq", "0", .invalidValue),
        Change(.agentPaused, "seq", "-1", .numberRange),
        Change(.agentPaused, "seq", "18446744073709551616", .numberRange),
        Change(.agentPaused, "seq", "42.5", .invalidValue),
        Change(.agentPaused, "seq", "43.0", .invalidValue),
        Change(.agentPaused, "seq", #""42""#, .wrongType),
        Change(.agentPaused, "from_seq", "0", .invalidValue),
        Change(.agentPaused, "from_seq", "43", .invalidValue),
        Change(.agentPaused, "run_id", "null", .missingField),
        Change(.agentPaused, "from_seq", "41", .fieldNotAllowed),
        Change(.messageCompleted, "from_seq", "41", .fieldNotAllowed),
        Change(.messageDelta, "from_seq", "0", .invalidValue),
        Change(.agentThinking, "from_seq", "42", .invalidValue),
        Change(.agentThinking, "from_seq", "43", .invalidValue),
        Change(.agentPaused, "thread_id", nil, .missingField),
        Change(.agentPaused, "thread_id", "null", .wrongType),
        Change(.agentPaused, "thread_id", #""""#, .invalidIdentifier),
        Change(.agentPaused, "thread_id", #""a b""#, .invalidIdentifier),
        Change(.agentPaused, "thread_id", #""\#(String(repeating: "x", count: 257))""#, .invalidIdentifier),
        Change(.agentPaused, "run_id", nil, .missingField),
        Change(.agentPaused, "run_id", "[]", .wrongType),
        Change(.agentPaused, "run_id", #""é""#, .invalidIdentifier),
        Change(.agentPaused, "agent", nil, .missingField),
        Change(.agentPaused, "agent", #""\u0000""#, .invalidIdentifier),
        Change(.agentPaused, "time", nil, .missingField),
        Change(.agentPaused, "time", "1795227000123", .wrongType),
        Change(.agentPaused, "time", #""2026-11-21""#, .invalidValue),
        Change(.agentPaused, "data", nil, .missingField),
        Change(.agentPaused, "data", "[]", .wrongType),
        Change(.agentPaused, "data", "null", .wrongType),
        Change(.userMessage, "run_id", #""r""#, .fieldNotAllowed),
        Change(.stateUpdated, "agent", #""a""#, .fieldNotAllowed),
        Change(.custom, "agent", nil, .missingField),
        Change(.custom, "run_id", nil, .missingField),
    ]

    static let data: [Change] = [
        Change(.agentQueued, "data.message_ids", "[]", .invalidValue),
        Change(.agentQueued, "data.message_ids", #""m_1""#, .wrongType),
        Change(.agentQueued, "data.message_ids", "[1]", .wrongType, path: "$.data.message_ids[0]"),
        Change(.agentQueued, "data.message_ids", #"["m_1","m 2"]"#, .invalidIdentifier, path: "$.data.message_ids[1]"),
        Change(.agentQueued, "data.message_ids", #"["\udc00"]"#, .loneSurrogate, path: "$.data.message_ids[0]"),
        Change(.agentQueued, "data.message_ids", #"["m","n","m"]"#, .invalidValue, path: "$.data.message_ids[2]"),
        Change(.agentQueued, "data.message_ids", many("m", 257), .invalidValue),
        Change(.agentQueued, "data.by", #""""#, .invalidIdentifier),
        Change(.agentQueued, "data.not_before", #""soon""#, .invalidValue),
        Change(.agentQueued, "data.start_by", "1", .wrongType),
        Change(.agentQueued, "data.schedule_id", #""a b""#, .invalidIdentifier),
        Change(.agentQueued, "data.attempt", "0", .invalidValue),
        Change(.agentStarted, "data.message_ids", "[]", .invalidValue),
        Change(.agentStarted, "data.attempt", "1.5", .invalidValue),
        Change(.agentStarted, "data.retry_of", "[]", .wrongType),
        Change(.inputTaken, "data.message_ids", nil, .missingField),
        Change(.inputTaken, "data.message_ids", "null", .missingField),
        Change(.inputTaken, "data.message_ids", "[]", .invalidValue),
        Change(.usageReported, "data.input_tokens", nil, .missingField),
        Change(.usageReported, "data.output_tokens", "-1", .invalidValue),
        Change(.usageReported, "data.cached_input_tokens", "1.5", .invalidValue),
        Change(.usageReported, "data.reasoning_tokens", "9223372036854775808", .numberRange),
        Change(.usageReported, "data.estimated", "1", .wrongType),
        Change(.usageReported, "data.model", "7", .wrongType),
        Change(.messageCompleted, "data.interrupted", #""no""#, .wrongType),
        Change(.agentPaused, "data.handed_over", "1", .wrongType),
        Change(.approvalRequested, "data.kind", #""question""#, .invalidValue),
        Change(.approvalRequested, "data.editable", "0", .wrongType),
        Change(.approvalRequested, "data.approvers", "[]", .invalidValue),
        Change(.approvalRequested, "data.approvers", many("u", 65), .invalidValue),
        Change(.approvalRequested, "data.separate_from", #""u 1""#, .invalidIdentifier),
        Change(.agentCancelled, "data.superseded_by", "1", .wrongType),
        Change(.agentCancelled, "data.discarded", #""yes""#, .wrongType),
        Change(.agentQueued, "data.retry_of", "[]", .wrongType),
        Change(.userMessage, "data.given_to", "7", .wrongType),
        Change(.userMessage, "data.replaces", #""""#, .invalidIdentifier),
        Change(.stateUpdated, "data.by", "7", .wrongType),
        Change(.stateUpdated, "data.reason", "7", .wrongType),
        Change(.agentStarted, "data.parent_run_id", "1", .wrongType),
        Change(.agentStarted, "data.parent_call_id", #""a b""#, .invalidIdentifier),
        Change(.agentThinking, "data.thought_id", nil, .missingField),
        Change(.agentThinking, "data.text", nil, .missingField),
        Change(.agentThinking, "data.text", "null", .wrongType),
        Change(.agentThinking, "data.thought_id", #""\udc00""#, .loneSurrogate),
        Change(.agentProgress, "data.message", "{}", .wrongType),
        Change(.agentProgress, "data.fraction", "1.0001", .invalidValue),
        Change(.agentProgress, "data.fraction", "-0.1", .invalidValue),
        Change(.agentProgress, "data.fraction", "1e400", .numberRange),
        Change(.agentProgress, "data.fraction", #""1""#, .wrongType),
        Change(.agentProgress, "data.step", "-1", .invalidValue),
        Change(.agentProgress, "data.step", "9223372036854775808", .numberRange),
        Change(.agentProgress, "data.step", "1.5", .invalidValue),
        Change(.agentProgress, "data.total", "-1", .invalidValue),
        Change(.agentProgress, "data.total", "true", .wrongType),
        Change(.messageDelta, "data.message_id", nil, .missingField),
        Change(.messageDelta, "data.text", "0", .wrongType),
        Change(.messageCompleted, "data.message_id", "null", .wrongType),
        Change(.messageCompleted, "data.role", nil, .missingField),
        Change(.messageCompleted, "data.role", #""robot""#, .invalidValue),
        Change(.messageCompleted, "data.text", nil, .missingField),
        Change(.toolExecuting, "data.call_id", nil, .missingField),
        Change(.toolExecuting, "data.tool", nil, .missingField),
        Change(.toolExecuting, "data.tool", #""\n""#, .invalidIdentifier),
        Change(.toolExecuting, "data.purpose", "1", .wrongType),
        Change(.toolProgress, "data.call_id", nil, .missingField),
        Change(.toolProgress, "data.fraction", "2", .invalidValue),
        Change(.toolCompleted, "data.call_id", nil, .missingField),
        Change(.toolCompleted, "data.tool", nil, .missingField),
        Change(.toolCompleted, "data.status", nil, .missingField),
        Change(.toolCompleted, "data.status", #""ok""#, .invalidValue),
        Change(.toolCompleted, "data.error", #""no""#, .wrongType),
        Change(.toolCompleted, "data.error.message", "1", .wrongType),
        Change(.toolCompleted, "data.duration_ms", "-1", .invalidValue),
        Change(.toolCompleted, "data.duration_ms", "1.5e0", .invalidValue),
        Change(.toolCompleted, "data.duration_ms", String(repeating: "9", count: 400), .numberRange),
        Change(.approvalRequested, "data.approval_id", nil, .missingField),
        Change(.approvalRequested, "data.call_id", "{}", .wrongType),
        Change(.approvalRequested, "data.prompt", nil, .missingField),
        Change(.approvalRequested, "data.expires_at", #""soon""#, .invalidValue),
        Change(.approvalResolved, "data.approval_id", nil, .missingField),
        Change(.approvalResolved, "data.decision", #""maybe""#, .invalidValue),
        Change(.approvalResolved, "data.by", #""""#, .invalidIdentifier),
        Change(.agentPaused, "data.by", "7", .wrongType),
        Change(.agentPaused, "data.reason", "[]", .wrongType),
        Change(.agentResumed, "data.by", "7", .wrongType),
        Change(.agentCompleted, "data.usage", "3", .wrongType),
        Change(.agentCompleted, "data.usage.input_tokens", "-1", .invalidValue),
        Change(.agentCompleted, "data.usage.output_tokens", #""2""#, .wrongType),
        Change(.agentFailed, "data.error", nil, .missingField),
        Change(.agentFailed, "data.error.message", nil, .missingField),
        Change(.agentFailed, "data.error.retryable", "1", .wrongType),
        Change(.agentFailed, "data.duration_ms", "-1", .invalidValue),
        Change(.agentCancelled, "data.reason", "false", .wrongType),
        Change(.userMessage, "data.message_id", nil, .missingField),
        Change(.userMessage, "data.user_id", nil, .missingField),
        Change(.userMessage, "data.text", nil, .missingField),
        Change(.stateUpdated, "data.version", "0", .invalidValue),
        Change(.stateUpdated, "data.key", nil, .missingField),
        Change(.stateUpdated, "data.removed", nil, .missingField, path: "$.data.value"),
        Change(.stateUpdated, "data.removed", "false", .invalidValue),
        Change(.stateUpdated, "data.value", "1", .invalidValue, path: "$.data.removed"),
        Change(.stateUpdated, "data.expires_at", "0", .wrongType),
        Change(.custom, "data.name", #""""#, .invalidValue),
        Change(.custom, "data.name", nil, .missingField),
        Change(.custom, "data.value", nil, .missingField),
    ]

    /// What a draft may leave out and an event has.
    static let filled: [Change] = [
        Change(.toolExecuting, "data.arguments", nil, .missingField),
        Change(.toolCompleted, "data.error.code", nil, .missingField),
        Change(.toolCompleted, "data.duration_ms", nil, .missingField),
        Change(.toolCompleted, "data.duration_ms", "null", .wrongType),
        Change(.agentCompleted, "data.duration_ms", nil, .missingField),
        Change(.agentFailed, "data.error.code", nil, .missingField),
        Change(.agentFailed, "data.error.retryable", nil, .missingField),
        Change(.agentCancelled, "data.duration_ms", nil, .missingField),
    ]

    @Test(arguments: envelope + data + filled)
    func aFaultIsNamedByCodeAndPath(_ change: Change) throws {
        let bytes = try change.apply().encoded()
        let error = #expect(throws: WireError.self) { try EventDecoder.decode(bytes) }
        #expect(error?.code == change.code)
        #expect(error?.path == change.expectedPath)
    }

    @Test(arguments: data)
    func aFaultInADraftIsNamedToo(_ change: Change) throws {
        let value = try change.apply(toDraft: true)
        let error = #expect(throws: WireError.self) {
            try EventDecoder.decodeDraft(value, path: "$.events[3]", thread: "t_7")
        }
        #expect(error?.code == change.code)
        #expect(error?.path == "$.events[3]" + change.expectedPath.dropFirst())
    }

    /// `false` and `null` are how some writers say that something is not there.
    @Test(arguments: [
        (EventType.messageCompleted, "interrupted"), (.approvalRequested, "editable"), (.agentCancelled, "discarded"),
        (.usageReported, "estimated"), (.agentPaused, "handed_over"),
    ])
    func aFlagThatIsFalseIsLeftOut(_ type: EventType, _ member: String) throws {
        for json in ["false", "null"] {
            let value = try Change(type, "data.\(member)", json, .syntax).apply()
            let event = try EventDecoder.decode(value.encoded())
            #expect(event.unrecognized == nil)
            #expect(try JSONValue(parsing: EventEncoder.encode(event))["data"]?[member] == nil)
        }
    }

    /// Of a report, every member is kept, by events and by drafts.
    @Test func furtherMembersOfAReportAreKept() throws {
        let text =
            #"{"type":"usage_reported","run_id":"r","data":{"input_tokens":1,"output_tokens":2,"a":[null],"b":1e400}}"#
        let draft = try EventDecoder.decodeDraft(
            try JSONValue(parsing: Array(text.utf8)), path: "$", thread: "t_7")
        guard case .usageReported(let report) = draft.payload else {
            Issue.record("it is \(draft.payload)")
            return
        }
        #expect(report.other == ["a": [nil], "b": try JSONValue(parsing: Array("1e400".utf8))])
    }

    @Test(arguments: ["1", "[]", "null", #""x""#])
    func whatIsNoObjectIsNoEvent(_ text: String) {
        let error = #expect(throws: WireError.self) { try EventDecoder.decode(Array(text.utf8)) }
        #expect(error?.code == .wrongType)
        #expect(error?.path == "$")
    }

    @Test func faultsOfJSONCarryPathAndOffset() {
        let text = #"{"type":"custom","data":{"arguments":[1,2,3,{"x":tru}]}}"#
        let error = #expect(throws: WireError.self) { try EventDecoder.decode(Array(text.utf8)) }
        #expect(error?.code == .syntax)
        #expect(error?.path == "$.data.arguments[3].x")
        #expect(error?.offset == 49)
    }

    @Test(arguments: [EventType.messageDelta, .agentThinking, .messageCompleted])
    func halfAPairInATextIsReplaced(_ type: EventType) throws {
        let value = try Change(type, "data.text", #""a\ud83d""#, .loneSurrogate).apply()
        let event = try EventDecoder.decode(value.encoded())
        #expect(try JSONValue(parsing: EventEncoder.encode(event))["data"]?["text"] == "a\u{FFFD}")
    }

    @Test func halfAPairInJSONIsKept() throws {
        let value = try Change(.custom, "data.value", #"["\ud83d"]"#, .syntax).apply()
        let event = try EventDecoder.decode(value.encoded())
        #expect(try JSONValue(parsing: EventEncoder.encode(event)) == value)
    }
}
