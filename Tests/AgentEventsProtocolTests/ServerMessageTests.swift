import AgentEvents
import AgentEventsProtocol
import Testing

struct ServerMessageTests {
    private static let limits = WelcomeLimits(
        maximumMessageByteCount: 1_048_576, maximumEventByteCount: 1_048_576, maximumBatchEvents: 1000,
        maximumSubscriptions: 1000, maximumTextByteCount: 1_046_528, maximumIdentifierByteCount: 256, maximumDepth: 64)
    private static let orderError: ProtocolError = {
        var error = ProtocolError(
            OrderViolation(
                rule: .callNotOpen, eventType: "tool_completed", runID: "r_1",
                state: "running, open: call c_1 (search_files)", problem: "The call c_9 is not open.",
                legal: ["agent_thinking", "tool_executing"]),
            index: 2)
        error.tag = RequestTag(3)
        error.threadID = "t_7"
        return error
    }()
    private static let rateError: ProtocolError = {
        var error = ProtocolError(.agentsBusy, "Too many runs.", isRetryable: true)
        error.retryAfterMilliseconds = 1500
        return error
    }()

    @Test(arguments: [
        (
            ServerMessage.welcome(
                Welcome(
                    connection: "c_1", user: "u_1", heartbeatMilliseconds: 25000, limits: limits,
                    expiresAt: Timestamp(milliseconds: 1_795_230_600_000))),
            #"{"op":"welcome","connection_id":"c_1","user_id":"u_1","heartbeat_ms":25000,"limits":{"#
                + #""max_message_bytes":1048576,"max_event_bytes":1048576,"max_batch_events":1000,"#
                + #""max_subscriptions":1000,"max_text_bytes":1046528,"max_id_bytes":256,"max_depth":64},"#
                + #""expires_at":"2026-11-21T03:10:00.000Z"}"#
        ),
        (
            .welcome(Welcome(connection: "c_1", heartbeatMilliseconds: 25000, limits: limits)),
            #"{"op":"welcome","connection_id":"c_1","heartbeat_ms":25000,"limits":{"max_message_bytes":1048576,"#
                + #""max_event_bytes":1048576,"max_batch_events":1000,"max_subscriptions":1000,"#
                + #""max_text_bytes":1046528,"max_id_bytes":256,"max_depth":64}}"#
        ),
        (
            .subscribed(
                RequestTag(1), "t_7", after: Cursor(generation: 3, sequence: 42),
                head: Cursor(generation: 3, sequence: 57)),
            #"{"op":"subscribed","req":1,"thread_id":"t_7","after":"3-42","head":"3-57"}"#
        ),
        (
            .subscribed(RequestTag("first"), "t_7", after: nil, head: nil),
            #"{"op":"subscribed","req":"first","thread_id":"t_7","after":null,"head":null}"#
        ),
        (.unsubscribed(RequestTag(2), "t_7"), #"{"op":"unsubscribed","req":2,"thread_id":"t_7"}"#),
        (
            .live("t_7", cursor: Cursor(generation: 3, sequence: 57)),
            #"{"op":"live","thread_id":"t_7","cursor":"3-57"}"#
        ),
        (.live("t_7", cursor: nil), #"{"op":"live","thread_id":"t_7","cursor":null}"#),
        (
            .reset("t_7", .diverged, oldest: Cursor(generation: 3, sequence: 1)),
            #"{"op":"reset","thread_id":"t_7","reason":"diverged","oldest":"3-1"}"#
        ),
        (
            .reset("t_7", .unknown, oldest: nil),
            #"{"op":"reset","thread_id":"t_7","reason":"unknown","oldest":null}"#
        ),
        (
            .reset("t_7", .trimmed, oldest: nil),
            #"{"op":"reset","thread_id":"t_7","reason":"trimmed","oldest":null}"#
        ),
        (
            .emitted(
                RequestTag(3), "t_7",
                cursors: [Cursor(generation: 3, sequence: 58), Cursor(generation: 3, sequence: 59)]),
            #"{"op":"emitted","req":3,"thread_id":"t_7","cursors":["3-58","3-59"]}"#
        ),
        (
            .snapshotPart(
                "t_7", cursor: Cursor(generation: 3, sequence: 57), part: 1, of: 2, text: "{\"format\":1,\"a\":\"🦩"),
            #"{"op":"snapshot","thread_id":"t_7","cursor":"3-57","part":1,"parts":2,"#
                + #""state_json":"{\"format\":1,\"a\":\"🦩"}"#
        ),
        (.ping, #"{"op":"ping"}"#),
        (.pong(nil), #"{"op":"pong"}"#),
        (.drain(reconnectMilliseconds: 12_000), #"{"op":"drain","reconnect_in_ms":12000}"#),
        (
            .error(orderError),
            #"{"op":"error","req":3,"code":"order.call_not_open","message":"The call c_9 is not open.","#
                + #""retryable":false,"retry_after_ms":null,"index":2,"path":"$.events[2]","#
                + #""legal":["agent_thinking","tool_executing"],"state":"running, open: call c_1 (search_files)","#
                + #""thread_id":"t_7"}"#
        ),
        (
            .error(rateError),
            #"{"op":"error","code":"agents.busy","message":"Too many runs.","retryable":true,"retry_after_ms":1500}"#
        ),
    ])
    func messagesAreWrittenToTheByte(_ message: ServerMessage, _ text: String) {
        #expect(String(decoding: message.encoded(), as: UTF8.self) == text)
    }

    /// The longest identifiers, marks and texts: an answer is far below 1 MiB, whatever it quotes.
    @Test func noAnswerIsOver1MiB() throws {
        let cursor = Cursor(generation: .max, sequence: .max)
        let thread = try ThreadID(String(repeating: "t", count: 128))
        let tag = try #require(RequestTag(.string(String(repeating: "\u{1}", count: 10_922))))
        #expect(tag.byteCount <= RequestTag.maximumByteCount)
        let text = String(repeating: "\u{1}🦩", count: 20_000)
        var error = ProtocolError(.messageInvalid, text, path: text, threadID: thread)
        error.tag = tag
        error.state = text
        error.legal = EventType.allCases.map(\.rawValue)
        let messages: [ServerMessage] = [
            .subscribed(tag, thread, after: cursor, head: cursor), .unsubscribed(tag, thread), .pong(tag),
            .live(thread, cursor: cursor), .reset(thread, .diverged, oldest: cursor), .error(error),
            // The most events that a request may have.
            .emitted(tag, thread, cursors: Array(repeating: cursor, count: 20_000)),
        ]
        for message in messages { #expect(message.encoded().count <= ServerMessage.maximumByteCount) }
        let json = try JSONValue(parsing: ServerMessage.error(error).encoded())
        for name in ["message", "path", "state"] {
            let shown = try #require(json[name]?.stringValue)
            #expect(
                shown.hasSuffix("🦩… (cut: 100000 bytes in all)")
                    || shown.hasSuffix("\u{1}… (cut: 100000 bytes in all)"))
            #expect(text.hasPrefix(shown.prefix { $0 != "…" }))
        }
        // What fits is as it was.
        error.message = String(repeating: "x", count: ProtocolError.maximumTextByteCount)
        #expect(try JSONValue(parsing: ServerMessage.error(error).encoded())["message"]?.stringValue == error.message)
    }
}
