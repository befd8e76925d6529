import AgentEvents
import AgentEventsClient
import Testing

@Suite struct StreamMessageTests {
    private static let three = Cursor(generation: 3, sequence: 42)

    static let readable: [(String, StreamMessage)] = [
        (
            #"{"op":"welcome","connection_id":"c_1","heartbeat_ms":25000,"limits":{}}"#,
            .welcome(heartbeatMilliseconds: 25000)
        ),
        (
            #"{"op":"subscribed","req":1,"thread_id":"t_7","after":"3-42","head":"3-57"}"#,
            .subscribed(thread: "t_7", after: three)
        ),
        (#"{"op":"subscribed","thread_id":"t_7","after":null,"head":null}"#, .subscribed(thread: "t_7", after: nil)),
        (#"{"op":"live","thread_id":"t_7","cursor":"3-42"}"#, .live(thread: "t_7", cursor: three)),
        (
            #"{"op":"reset","thread_id":"t_7","reason":"diverged","oldest":"3-42"}"#,
            .reset(thread: "t_7", .diverged, oldest: three)
        ),
        (#"{"op":"emitted","req":3,"thread_id":"t_7","cursors":["3-42"]}"#, .emitted(request: 3, cursors: [three])),
        (#"{"op":"drain","reconnect_in_ms":12000}"#, .drain(reconnectMilliseconds: 12000)),
        (#"{"op":"ping"}"#, .ping),
        (#"{ "op" : "ping" }"#, .ping),
        (#"{"op":"unsubscribed","req":2,"thread_id":"t_7"}"#, .unsubscribed(thread: "t_7")),
        (#"{"op":"something_new","x":1}"#, .other("something_new")),
        (
            #"{"op":"error","req":"a","code":"order.paused","message":"m","retryable":true,"retry_after_ms":5,"index":2,"#
                + #""path":"$.events[2]","legal":["custom"],"state":"paused","thread_id":"t_7"}"#,
            .refused(
                request: "a",
                Refusal(
                    code: "order.paused", message: "m", isRetryable: true, retryAfterMilliseconds: 5, index: 2,
                    path: "$.events[2]", state: "paused", legal: ["custom"], thread: "t_7"))
        ),
    ]

    @Test(arguments: readable)
    func aMessageIsRead(text: String, expected: StreamMessage) throws {
        let message = try StreamMessage(Array(text.utf8))
        #expect(message == expected)
    }

    @Test func anEventKeepsItsBytes() throws {
        let bytes = Array(
            #"{"type":"later","id":"3-42","seq":42,"from_seq":40,"thread_id":"t_7","time":"x","data":{"n":1e400}}"#.utf8
        )
        guard case .event(let event) = try StreamMessage(bytes) else {
            Issue.record("not read as an event")
            return
        }
        #expect(event.bytes == bytes)
        #expect(event.cursor == Self.three)
        #expect(event.firstSequence == 40)
        #expect(event.thread == "t_7")
    }

    @Test(arguments: [
        "", "[]", "1", "{", "{}", #"{"op":1}"#, #"{"op":"subscribed","after":null}"#,
        #"{"op":"live","thread_id":"not valid","cursor":null}"#,
        #"{"op":"subscribed","thread_id":"t_7","after":"nonsense"}"#,
        #"{"op":"subscribed","thread_id":"t_7","after":7}"#,
        #"{"op":"emitted","req":1}"#, #"{"op":"emitted","req":1,"cursors":[1]}"#, #"{"op":"error"}"#,
        #"{"op":"reset","thread_id":"t_7"}"#, #"{"type":"custom"}"#, #"{"type":"custom","id":"3-0","thread_id":"t"}"#,
        #"{"type":"custom","id":"3-42","thread_id":"not valid"}"#,
        #"{"type":"custom","id":"3-42","from_seq":42,"thread_id":"t_7"}"#,
        #"{"type":"custom","id":"3-42","from_seq":43,"thread_id":"t_7"}"#,
        #"{"type":"custom","id":"3-42","from_seq":"1","thread_id":"t_7"}"#,
    ])
    func whatIsNoMessageIsATypedError(text: String) {
        do {
            let message = try StreamMessage(Array(text.utf8))
            Issue.record("\(text) was read as \(message)")
        } catch {
            #expect(error.code == .protocolViolation)
        }
    }
}
