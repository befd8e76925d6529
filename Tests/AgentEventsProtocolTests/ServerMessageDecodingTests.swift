import AgentEvents
import AgentEventsProtocol
import Testing

@Suite struct ServerMessageDecodingTests {
    private static let three = Cursor(generation: 3, sequence: 42)

    private static let refusal: ProtocolError = {
        var error = ProtocolError(
            .order(.paused), "m", isRetryable: true, retryAfterMilliseconds: 5, index: 2, path: "$.events[2]",
            legal: ["custom"], state: "paused", threadID: "t_7")
        error.tag = RequestTag("a")
        return error
    }()

    static let readable: [(String, ServerMessage)] = [
        (
            #"{"op":"welcome","connection_id":"c_1","heartbeat_ms":25000,"limits":{}}"#,
            .welcome(Welcome(connection: "c_1", heartbeatMilliseconds: 25000))
        ),
        (
            #"{"op":"subscribed","req":1,"thread_id":"t_7","after":"3-42","head":"3-57"}"#,
            .subscribed(RequestTag(number: 1), "t_7", after: three, head: Cursor(generation: 3, sequence: 57))
        ),
        (
            #"{"op":"subscribed","thread_id":"t_7","after":null,"head":null}"#,
            .subscribed(nil, "t_7", after: nil, head: nil)
        ),
        (#"{"op":"live","thread_id":"t_7","cursor":"3-42"}"#, .live("t_7", cursor: three)),
        (
            #"{"op":"reset","thread_id":"t_7","reason":"diverged","oldest":"3-42"}"#,
            .reset("t_7", .diverged, oldest: three)
        ),
        (
            #"{"op":"emitted","req":3,"thread_id":"t_7","cursors":["3-42"]}"#,
            .emitted(RequestTag(number: 3), "t_7", cursors: [three])
        ),
        (#"{"op":"drain","reconnect_in_ms":12000}"#, .drain(reconnectMilliseconds: 12000)),
        (#"{"op":"ping"}"#, .ping),
        (#"{ "op" : "ping" }"#, .ping),
        (#"{"op":"unsubscribed","req":2,"thread_id":"t_7"}"#, .unsubscribed(RequestTag(number: 2), "t_7")),
        (#"{"op":"something_new","x":1}"#, .other(["op": "something_new", "x": 1])),
        (
            #"{"op":"error","req":"a","code":"order.paused","message":"m","retryable":true,"retry_after_ms":5,"index":2,"#
                + #""path":"$.events[2]","legal":["custom"],"state":"paused","thread_id":"t_7"}"#,
            .error(refusal)
        ),
    ]

    @Test(arguments: readable)
    func aMessageIsRead(text: String, expected: ServerMessage) throws {
        let message = try ServerMessage(Array(text.utf8))
        #expect(message == expected)
    }

    @Test func anEventKeepsItsBytes() throws {
        let bytes = Array(
            #"{"type":"later","id":"3-42","seq":42,"from_seq":40,"thread_id":"t_7","time":"x","data":{"n":1e400}}"#.utf8
        )
        guard case .event(let event) = try ServerMessage(bytes) else {
            Issue.record("not read as an event")
            return
        }
        #expect(event.bytes == bytes)
        #expect(event.cursor == Self.three)
        #expect(event.firstSequence == 40)
        #expect(event.threadID == "t_7")
    }

    @Test(arguments: [
        (#"{"op":"live","thread_id":"t_7","cursor":null,"lag_ms":7,"x":{}}"#, ServerMessage.live("t_7", cursor: nil)),
        (
            #"{"op":"reset","thread_id":"t_7","reason":"archived","oldest":null}"#,
            .reset("t_7", .unrecognized("archived"), oldest: nil)
        ),
        (
            #"{"op":"error","code":"later.unheard_of","message":"m","hint":1}"#,
            .error(ProtocolError(ProtocolError.Code(rawValue: "later.unheard_of"), "m"))
        ),
        (#"{"op":"error","code":"log.full"}"#, .error(ProtocolError(.log(.full), "log.full"))),
        (#"{"op":"error","code":"log.full","details":null}"#, .error(ProtocolError(.log(.full), "log.full"))),
        (#"{"op":"welcome"}"#, .welcome(Welcome())),
        (
            #"{"op":"welcome","heartbeat_ms":"soon","limits":{"max_depth":0,"max_batch_events":7}}"#,
            .welcome(sevenEvents)
        ),
        (#"{"op":"drain"}"#, .drain(reconnectMilliseconds: 0)),
    ])
    func whatALaterServiceSaysIsReadAndKept(text: String, expected: ServerMessage) throws {
        #expect(try ServerMessage(Array(text.utf8)) == expected)
    }

    private static let sevenEvents: Welcome = {
        var welcome = Welcome()
        welcome.limits.maximumBatchEvents = 7
        return welcome
    }()

    @Test func whatALaterServiceSaysIsKeptToTheByte() throws {
        let text = #"{"op":"later","x":[1e400,{"y":"\ud83d"}],"req":null}"#
        #expect(String(decoding: try ServerMessage(Array(text.utf8)).encoded(), as: UTF8.self) == text)
        #expect(ProtocolError.Code(rawValue: "later.unheard_of").rawValue == "later.unheard_of")
        #expect(ResetReason(rawValue: "archived").rawValue == "archived")
    }

    @Test(arguments: [
        "", "[]", "1", "{", "{}", #"{"op":1}"#, #"{"op":"subscribed","after":null}"#,
        #"{"op":"live","thread_id":"not valid","cursor":null}"#,
        #"{"op":"subscribed","thread_id":"t_7","after":"nonsense"}"#,
        #"{"op":"subscribed","thread_id":"t_7","after":7}"#,
        #"{"op":"emitted","req":1,"thread_id":"t"}"#, #"{"op":"emitted","req":1,"thread_id":"t","cursors":[1]}"#,
        #"{"op":"emitted","req":{},"thread_id":"t","cursors":[]}"#, #"{"op":"snapshot","thread_id":"t"}"#,
        #"{"op":"error"}"#,
        #"{"op":"reset","thread_id":"t_7"}"#, #"{"type":"custom"}"#, #"{"type":"custom","id":"3-0","thread_id":"t"}"#,
        #"{"type":"custom","id":"3-42","thread_id":"not valid"}"#,
        #"{"type":"custom","id":"3-42","from_seq":42,"thread_id":"t_7"}"#,
        #"{"type":"custom","id":"3-42","from_seq":43,"thread_id":"t_7"}"#,
        #"{"type":"custom","id":"3-42","from_seq":"1","thread_id":"t_7"}"#,
    ])
    func whatIsNoMessageIsATypedError(text: String) {
        do {
            let message = try ServerMessage(Array(text.utf8))
            Issue.record("\(text) was read as \(message)")
        } catch {
            #expect(!error.problem.isEmpty)
        }
    }
}
