import AgentEvents
import AgentEventsProtocol
import Testing

struct ClientMessageTests {
    private func decode(_ text: String, maximumBatchEvents: Int = 1000) throws(ProtocolError) -> ClientMessage {
        try ClientMessage.decode(Array(text.utf8), maximumBatchEvents: maximumBatchEvents)
    }

    private func failure(_ text: String, maximumBatchEvents: Int = 1000) -> ProtocolError? {
        do throws(ProtocolError) {
            _ = try decode(text, maximumBatchEvents: maximumBatchEvents)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: [
        (
            #"{"op":"subscribe","req":1,"thread_id":"t_7","after":"3-42"}"#,
            ClientMessage(
                tag: RequestTag(1),
                .subscribe(SubscribeRequest(thread: "t_7", start: .after(Cursor(generation: 3, sequence: 42)))))
        ),
        (#"{"op":"subscribe","thread_id":"t_7"}"#, ClientMessage(.subscribe(SubscribeRequest(thread: "t_7")))),
        (
            #"{"op":"subscribe","req":"first","thread_id":"t_7","after":"start"}"#,
            ClientMessage(tag: RequestTag("first"), .subscribe(SubscribeRequest(thread: "t_7", start: .start)))
        ),
        (
            #"{"after":"now","thread_id":"t_7","op":"subscribe"}"#,
            ClientMessage(.subscribe(SubscribeRequest(thread: "t_7", start: .now)))
        ),
        (
            #"{"op":"subscribe","thread_id":"t_7","consumer":"phone"}"#,
            ClientMessage(.subscribe(SubscribeRequest(thread: "t_7", consumer: "phone")))
        ),
        (
            #"{"op":"subscribe","thread_id":"t_7","after":"snapshot"}"#,
            ClientMessage(.subscribe(SubscribeRequest(thread: "t_7", snapshot: .atStart)))
        ),
        (
            #"{"op":"subscribe","thread_id":"t_7","snapshot":true}"#,
            ClientMessage(.subscribe(SubscribeRequest(thread: "t_7", snapshot: .atStart)))
        ),
        (
            #"{"op":"subscribe","thread_id":"t_7","after":"now","snapshot":true}"#,
            ClientMessage(.subscribe(SubscribeRequest(thread: "t_7", snapshot: .atStart)))
        ),
        (
            #"{"op":"subscribe","thread_id":"t_7","consumer":"phone","snapshot":true}"#,
            ClientMessage(.subscribe(SubscribeRequest(thread: "t_7", consumer: "phone", snapshot: .onReset)))
        ),
        (
            #"{"op":"subscribe","thread_id":"t_7","after":"start","snapshot":true,"merge":false}"#,
            ClientMessage(
                .subscribe(SubscribeRequest(thread: "t_7", start: .start, snapshot: .onReset, merges: false)))
        ),
        (
            #"{"op":"ack","thread_id":"t_7","cursor":"3-57"}"#,
            ClientMessage(.acknowledge("t_7", cursor: Cursor(generation: 3, sequence: 57)))
        ),
        (
            #"{"op":"unsubscribe","req":2,"thread_id":"t_7"}"#,
            ClientMessage(tag: RequestTag(2), .unsubscribe("t_7"))
        ),
        (#"{"op":"ping"}"#, ClientMessage(.ping)),
        (#" {"op":"pong"} "#, ClientMessage(.pong)),
        (#"{"op":"pong","req":1}"#, ClientMessage(tag: RequestTag(1), .pong)),
    ])
    func messagesAreRead(_ text: String, _ message: ClientMessage) throws {
        #expect(try decode(text) == message)
    }

    @Test func anEmitIsRead() throws {
        let text =
            #"{"op":"emit","req":3,"thread_id":"t_7","user_id":"u_1","key":"k_1","events":["#
            + #"{"type":"agent_started","run_id":"r_1","agent":"guide","data":{}},"#
            + #"{"type":"custom","data":{"name":"note","value":"\ud83d"}}]}"#
        let message = try decode(text)
        guard case .emit(let request) = message.operation else {
            Issue.record("not an emit: \(message)")
            return
        }
        #expect(request.thread == "t_7")
        #expect(request.user == "u_1")
        #expect(request.key == "k_1")
        #expect(request.drafts.map(\.payload.typeName) == ["agent_started", "custom"])
        #expect(request.drafts.map(\.runID) == ["r_1", nil])
    }

    @Test func nullIsTheAbsenceOfWhatMayBeMissing() throws {
        #expect(
            try decode(#"{"op":"subscribe","thread_id":"U02/T01","consumer":null,"snapshot":null,"merge":null}"#)
                == decode(#"{"op":"subscribe","thread_id":"U02/T01"}"#))
        let events = #""events":[{"type":"custom","data":{"name":"n","value":1}}]"#
        #expect(
            try decode(#"{"op":"emit","thread_id":"t","user_id":null,"key":null,\#(events)}"#)
                == decode(#"{"op":"emit","thread_id":"t",\#(events)}"#))
    }

    @Test(arguments: [
        ("", "json.syntax", "$"),
        ("{", "json.syntax", "$"),
        ("\u{0}", "json.syntax", "$"),
        (String(repeating: "[", count: 10_000), "json.depth", nil),
        (#"{"op":"ping","op":"pong"}"#, "json.duplicate_key", nil),
        ("[]", "message.invalid", "$"),
        ("\"ping\"", "message.invalid", "$"),
        ("1e400", "message.invalid", "$"),
        ("{}", "message.invalid", "$.op"),
        (#"{"op":1}"#, "message.invalid", "$.op"),
        (#"{"op":null}"#, "message.invalid", "$.op"),
        (#"{"op":"\ud83d"}"#, "json.lone_surrogate", "$.op"),
        (#"{"op":"subscibe"}"#, "op.unknown", "$.op"),
        (#"{"op":"ack","thread_id":"t_7"}"#, "message.invalid", "$.cursor"),
        (#"{"op":"ack","thread_id":"t_7","cursor":57}"#, "message.invalid", "$.cursor"),
        (#"{"op":"ack","thread_id":"t_7","cursor":"now"}"#, "cursor.invalid", "$.cursor"),
        (#"{"op":"auth","token":"x"}"#, "op.unsupported", "$.op"),
        (#"{"op":"command","thread_id":"t_7","name":"stop"}"#, "command.key_missing", "$.key"),
        (#"{"op":"command","thread_id":"t_7","key":null,"name":"stop"}"#, "command.key_missing", "$.key"),
        (#"{"op":"command","key":"k","name":"stop"}"#, "message.invalid", "$.thread_id"),
        (#"{"op":"command","thread_id":"t_7","key":"k"}"#, "message.invalid", "$.name"),
        (#"{"op":"command","thread_id":"t_7","key":"k","name":"halt"}"#, "command.unknown", "$.name"),
        (#"{"op":"command","thread_id":"t_7","key":"k","name":"Stop"}"#, "command.unknown", "$.name"),
        (#"{"op":"command","thread_id":"t_7","key":"k","name":""}"#, "command.unknown", "$.name"),
        (#"{"op":"command","thread_id":"t_7","key":"k","name":"a b.c"}"#, "command.invalid", "$.name"),
        (#"{"op":"command","thread_id":"t_7","key":"k","name":"stop","run_id":7}"#, "message.invalid", "$.run_id"),
        (#"{"op":"command","thread_id":"t_7","key":"k","name":"stop","as_of":"42"}"#, "cursor.invalid", "$.as_of"),
        (#"{"op":"command","thread_id":"t_7","key":"k","name":"stop","by":"u_2"}"#, "event.unknown_field", "$.by"),
        (#"{"op":"command","thread_id":"t_7","key":"k","name":"stop","data":[]}"#, "command.invalid", "$.data"),
        (
            #"{"op":"command","thread_id":"t_7","key":"k","name":"stop","data":{"by":"u_2"}}"#, "command.invalid",
            "$.data.by"
        ),
        (
            #"{"op":"command","thread_id":"t_7","key":"k","name":"pause","data":{"reason":1}}"#, "command.invalid",
            "$.data.reason"
        ),
        (#"{"op":"command","thread_id":"t_7","key":"k","name":"message"}"#, "command.invalid", "$.data.text"),
        (
            #"{"op":"command","thread_id":"t_7","key":"k","name":"message","data":{"text":""}}"#, "command.invalid",
            "$.data.text"
        ),
        (
            #"{"op":"command","thread_id":"t_7","key":"k","name":"start","data":{"policy":"wait"}}"#, "command.invalid",
            "$.data.policy"
        ),
        (#"{"op":"refresh"}"#, "message.invalid", "$.token"),
        (#"{"op":"refresh","token":7}"#, "message.invalid", "$.token"),
        (#"{"op":"refresh","token":"x","thread_id":"t"}"#, "event.unknown_field", "$.thread_id"),
        (#"{"op":"ping","req":{}}"#, "message.invalid", "$.req"),
        (#"{"op":"ping","req":null}"#, "message.invalid", "$.req"),
        (#"{"op":"subscribe"}"#, "message.invalid", "$.thread_id"),
        (#"{"op":"subscribe","thread_id":7}"#, "message.invalid", "$.thread_id"),
        (#"{"op":"subscribe","thread_id":""}"#, "message.invalid", "$.thread_id"),
        (#"{"op":"subscribe","thread_id":"a b"}"#, "message.invalid", "$.thread_id"),
        (#"{"op":"subscribe","thread_id":"t","after":3}"#, "message.invalid", "$.after"),
        (#"{"op":"subscribe","thread_id":"t","after":null}"#, "message.invalid", "$.after"),
        (#"{"op":"subscribe","thread_id":"t","after":"42"}"#, "cursor.invalid", "$.after"),
        (#"{"op":"subscribe","thread_id":"t","after":"3-0"}"#, "cursor.invalid", "$.after"),
        (#"{"op":"subscribe","thread_id":"t","after":"3-99999999999999999999"}"#, "cursor.invalid", "$.after"),
        (#"{"op":"subscribe","thread_id":"t","merge":1}"#, "message.invalid", "$.merge"),
        (#"{"op":"subscribe","thread_id":"t","snapshot":"yes"}"#, "message.invalid", "$.snapshot"),
        (#"{"op":"subscribe","thread_id":"t","consumer":""}"#, "message.invalid", "$.consumer"),
        (#"{"op":"unsubscribe"}"#, "message.invalid", "$.thread_id"),
        (#"{"op":"emit","thread_id":"t"}"#, "message.invalid", "$.events"),
        (#"{"op":"emit","thread_id":"t","events":{}}"#, "message.invalid", "$.events"),
        (#"{"op":"emit","thread_id":"t","events":[]}"#, "event.empty_batch", "$.events"),
        (#"{"op":"emit","thread_id":"t","user_id":"a b","events":[{}]}"#, "message.invalid", "$.user_id"),
        (#"{"op":"emit","thread_id":"t","key":7,"events":[{}]}"#, "message.invalid", "$.key"),
        (#"{"op":"emit","events":[{}]}"#, "message.invalid", "$.thread_id"),
    ])
    func malformedMessagesAreRefused(_ text: String, _ code: String, _ path: String?) throws {
        let error = try #require(failure(text))
        #expect(error.code.rawValue == code)
        if let path { #expect(error.path == path) }
        #expect(!error.message.isEmpty)
        #expect(!error.isRetryable)
    }

    @Test(arguments: [
        (#"[1]"#, "$.events[1]"),
        (#"{"type":"agent_thinking","run_id":"r","data":{"thought_id":"th"}}"#, "$.events[1].data.text"),
        (#"{"type":"custom","id":"3-1","data":{"name":"n","value":1}}"#, "$.events[1].id"),
        (#"{"type":"custom","seq":1,"data":{"name":"n","value":1}}"#, "$.events[1].seq"),
        (#"{"type":"custom","time":"x","data":{"name":"n","value":1}}"#, "$.events[1].time"),
        (#"{"type":"custom","thread_id":"other","data":{"name":"n","value":1}}"#, "$.events[1].thread_id"),
        (#"{"type":"nonsense","data":{}}"#, "$.events[1].type"),
    ])
    func theFaultOfOneEventIsNamed(_ event: String, _ path: String) throws {
        let good = #"{"type":"custom","data":{"name":"n","value":1}}"#
        let error = try #require(
            failure(#"{"op":"emit","req":"q","thread_id":"t_7","events":[\#(good),\#(event)]}"#))
        #expect(error.index == 1)
        #expect(error.path == path)
        #expect(error.threadID == "t_7")
        #expect(error.tag == RequestTag("q"))
    }

    @Test func aBatchBeyondTheLimitIsRefused() throws {
        let event = #"{"type":"custom","data":{"name":"n","value":1}}"#
        let text = #"{"op":"emit","thread_id":"t","events":[\#(event),\#(event),\#(event)]}"#
        #expect(failure(text, maximumBatchEvents: 3) == nil)
        #expect(failure(text, maximumBatchEvents: 2)?.code == .batchTooLarge)
    }

    @Test(arguments: [#""a\ud83d""#, "12345678901234567890123", "1.0", "-0", "1e400", #""é""#])
    func theTagIsEchoedExactly(_ tag: String) throws {
        let message = try decode(#"{"op":"ping","req":\#(tag)}"#)
        #expect(
            String(decoding: ServerMessage.pong(message.tag).encoded(), as: UTF8.self)
                == #"{"op":"pong","req":\#(tag)}"#)
    }

    @Test func anUnknownOpIsAnsweredWithTheKnownOnes() throws {
        let error = try #require(failure(#"{"op":"subscibe","req":9}"#))
        for name in OperationName.allCases { #expect(error.message.contains(name.rawValue)) }
        #expect(error.tag == RequestTag(9))
    }

    /// A message of each op that is right.
    private static func example(_ name: OperationName) -> String {
        switch name {
        case .auth, .refresh: #"{"op":"\#(name.rawValue)","req":4,"token":"x""#
        case .subscribe, .unsubscribe: #"{"op":"\#(name.rawValue)","req":4,"thread_id":"t""#
        case .ack: #"{"op":"ack","req":4,"thread_id":"t","cursor":"1-1""#
        case .emit: #"{"op":"emit","req":4,"thread_id":"t","events":[{"type":"custom","data":{"name":"n","value":1}}]"#
        case .command: #"{"op":"command","req":4,"thread_id":"t","key":"k","name":"stop""#
        case .watch: #"{"op":"watch","req":4,"q":"a","status":"idle","agent":"guide","limit":1"#
        case .serve: #"{"op":"serve","req":4,"worker_id":"w_1","agents":["guide"]"#
        case .take, .decline: #"{"op":"\#(name.rawValue)","req":4,"lease":"l_1""#
        case .renew: #"{"op":"renew","req":4,"leases":[]"#
        case .unwatch, .ping, .pong: #"{"op":"\#(name.rawValue)","req":4"#
        }
    }

    /// The answer repeats the mark, and has a limit.
    @Test(arguments: [
        ("\"" + String(repeating: "x", count: 65_534) + "\"", true),
        ("\"" + String(repeating: "x", count: 65_535) + "\"", false),
        (String(repeating: "1", count: 65_536), true), (String(repeating: "1", count: 65_537), false),
    ])
    func aMarkHasALimit(_ mark: String, isTaken: Bool) {
        let bytes = Array(#"{"op":"ping","req":\#(mark)}"#.utf8)
        do throws(ProtocolError) {
            _ = try ClientMessage.decode(bytes, maximumBatchEvents: 1)
            #expect(isTaken)
        } catch {
            #expect(!isTaken && error.code == .messageInvalid && error.path == "$.req")
        }
    }

    @Test(arguments: OperationName.allCases)
    func everyOpIsEitherReadOrRefusedAsUnsupported(_ name: OperationName) {
        #expect(failure(Self.example(name) + "}")?.code == (name.isSupported ? nil : .operationUnsupported))
    }

    @Test(arguments: OperationName.allCases.filter(\.isSupported), ["colour", "token", "__proto__", "a b"])
    func aMemberThatAnOpDoesNotHaveIsRefused(_ name: OperationName, _ member: String) throws {
        guard !name.members.contains(member) else { return }
        let error = try #require(failure(Self.example(name) + #","\#(member)":1}"#))
        #expect(error.code == .wire(.unknownField))
        #expect(error.path == (member == "a b" ? #"$["a b"]"# : "$.\(member)"))
        #expect(error.tag == RequestTag(4))
        #expect(error.threadID == (name.members.contains("thread_id") ? "t" : nil))
        #expect(error.message.hasSuffix(name.members.joined(separator: ", ")))
    }

    @Test(arguments: [
        (#"{"op":"subscribe","thread":"t"}"#, "$.thread", "thread_id"),
        (#"{"op":"subscribe","thread_id":"t","from":"start"}"#, "$.from", "after"),
        (#"{"op":"emit","thread_id":"t","idempotency_key":"k","events":[{}]}"#, "$.idempotency_key", "key"),
        (#"{"op":"ack","thread_id":"t","upTo":"1-1"}"#, "$.upTo", "cursor"),
    ])
    func theMemberThatIsMeantIsNamed(_ text: String, _ path: String, _ name: String) throws {
        let error = try #require(failure(text))
        #expect(error.path == path)
        #expect(error.message.contains("; \(name) is probably meant"))
    }
}
