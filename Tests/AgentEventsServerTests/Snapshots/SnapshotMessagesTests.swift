import AgentEvents
import Testing

@testable import AgentEventsServer

/// No message with a state is over 1 MiB, whatever the state has.
struct SnapshotMessagesTests {
    private static let thread: ThreadID = "t_7"

    /// The state after events with these payloads of one run, or of the thread.
    private static func state(_ payloads: [EventPayload]) -> ThreadState {
        ThreadState(
            folding: payloads.enumerated().map { index, payload in
                let isOfThread =
                    switch payload {
                    case .userMessage, .stateUpdated: true
                    default: false
                    }
                return AgentEvent(
                    id: EventID(generation: 1_795_230_600, sequence: UInt64(index + 1)), thread: thread,
                    run: isOfThread ? nil : "r_1", agent: isOfThread ? nil : "guide",
                    time: Timestamp(milliseconds: 1_795_230_600_000), payload: payload)
            })
    }

    /// Joins the parts as a client does.
    private static func joined(_ messages: [[UInt8]], _ cursor: Cursor?) throws -> ThreadState {
        var text = ""
        for (index, message) in messages.enumerated() {
            let json = try JSONValue(parsing: message)
            #expect(
                json.objectValue?.keys == ["op", "thread_id", "cursor", "part", "parts", "state_json"])
            #expect(json["op"] == "snapshot" && json["thread_id"]?.stringValue == thread.rawValue)
            #expect(json["cursor"]?.stringValue == cursor?.description)
            #expect(json["part"] == .integer(index + 1) && json["parts"] == .integer(messages.count))
            text += try #require(json["state_json"]?.stringValue)
        }
        return try ThreadState(json: try JSONValue(parsing: Array(text.utf8)))
    }

    private static func check(_ state: ThreadState, isLarge: Bool = true) throws {
        let messages = SnapshotMessages.messages(state, of: thread)
        for message in messages { #expect(message.count <= 1_048_576) }
        guard isLarge else {
            #expect(messages == [ServerMessage.snapshot(thread, cursor: state.cursor, state: state.json).encoded()])
            return
        }
        #expect(messages.count > 1)
        #expect(try joined(messages, state.cursor) == state)
        let frames = SnapshotMessages(state, of: thread).frames
        #expect(frames.count == messages.count)
    }

    private static func call(_ number: Int, _ arguments: JSONValue) throws -> EventPayload {
        .toolExecuting(ToolExecuting(call: try CallID("c_\(number)"), tool: "search", arguments: arguments))
    }

    @Test func aSmallStateIsOneMessageAsEver() throws {
        try Self.check(ThreadState(), isLarge: false)
        try Self.check(Self.state([.agentStarted(AgentStarted()), try Self.call(1, ["q": "x"])]), isLarge: false)
    }

    /// Just as much as one message holds, and one byte more.
    @Test func theLimitIsMetToTheByte() throws {
        func state(_ count: Int) throws -> ThreadState {
            Self.state([.agentStarted(AgentStarted()), try Self.call(1, .string(String(repeating: "x", count: count)))])
        }
        let empty = ServerMessage.snapshot(Self.thread, cursor: try state(0).cursor, state: try state(0).json)
            .encoded().count
        try Self.check(try state(1_048_576 - empty), isLarge: false)
        try Self.check(try state(1_048_577 - empty))
    }

    /// What JSON writes longer, and what has several bytes, at every place of a cut.
    @Test(arguments: ["\"", "\u{1}", "語", "x🦩\""])
    func everyKindOfTextIsCutBetweenCharacters(_ text: String) throws {
        for shift in 0..<2 {
            let arguments = JSONValue.string(
                String(repeating: "x", count: shift) + String(repeating: text, count: 1_500_000 / text.utf8.count))
            try Self.check(Self.state([.agentStarted(AgentStarted()), try Self.call(1, arguments)]))
        }
    }

    @Test func halvesOfSurrogatePairsSurvive() throws {
        let text = #"{"q":""# + String(repeating: #"\ud83e\\\"x"#, count: 120_000) + #""}"#
        let arguments = try JSONValue(parsing: Array(text.utf8))
        try Self.check(Self.state([.agentStarted(AgentStarted()), try Self.call(1, arguments)]))
    }

    @Test(arguments: [8, 9, 10, 11, 64])
    func piecesAreWithinTheLimitAndNoneIsEmpty(_ limit: Int) {
        let text = Array(#"{"a":"é語🦩\"\\/","b":[1,2,"🦩🦩🦩"]}"#.utf8)
        let pieces = JSONTextParts.cut(text, escapedByteCount: limit)
        #expect(Array(pieces.joined()) == text)
        for piece in pieces {
            let escaped = piece.reduce(0) { $0 + ($1 == UInt8(ascii: "\"") || $1 == UInt8(ascii: "\\") ? 2 : 1) }
            #expect(!piece.isEmpty && escaped <= limit)
            #expect(String(validating: piece, as: UTF8.self) != nil)
        }
        #expect(JSONTextParts.cut([], escapedByteCount: limit).isEmpty)
    }

    /// Every kind of what a state keeps, each at its limit, alone and all together.
    @Test(arguments: [nil, 0, 1, 2, 3, 4, 5, 6, 7] as [Int?])
    func everyKindOfStateAtItsLimitIsWithinMessagesOf1MiB(_ kind: Int?) throws {
        let mebibyte = String(repeating: "\"x", count: 340_000)
        var kinds: [[EventPayload]] = [
            // Open calls with the largest arguments, purposes and progress.
            try (1...2).map { try Self.call($0, .string(mebibyte)) }
                + [
                    .toolExecuting(ToolExecuting(call: "c_5", tool: "search", arguments: [:], purpose: mebibyte)),
                    .toolProgress(ToolProgress(call: "c_5", message: mebibyte)),
                ],
            // Open messages.
            try (1...2).map { .messageDelta(MessageDelta(message: try MessageID("m_\($0)"), text: mebibyte)) },
            // Complete messages: the newest is kept whatever its size.
            try (1...300).map {
                .messageCompleted(
                    MessageCompleted(message: try MessageID("w_\($0)"), text: String(repeating: "\n", count: 5000)))
            } + [.messageCompleted(MessageCompleted(message: "w_last", text: mebibyte))],
            try (1...300).map { number in
                .userMessage(
                    UserMessage(
                        message: try MessageID("u_\(number)"), user: "u_1",
                        text: String(repeating: "\u{1}", count: 5000)))
            } + [
                .userMessage(UserMessage(message: "u_last", user: "u_1", text: "x", data: .string(mebibyte)))
            ],
            // Thoughts and progress of an open run.
            (1...2).map { _ in .agentThinking(AgentThinking(thought: "th_1", text: mebibyte)) }
                + [.agentProgress(AgentProgress(message: mebibyte, step: 1, total: 2))],
            // Requests for approval.
            try (1...2).map {
                .approvalRequested(
                    ApprovalRequested(
                        approval: try ApprovalID("a_\($0)"), prompt: mebibyte, schema: ["title": .string(mebibyte)]))
            },
            // The shared state.
            (1...300).map {
                .stateUpdated(
                    StateUpdated(
                        version: 1, key: "k_\($0)", change: .value(.string(String(repeating: "\\", count: 2000)))))
            } + [.stateUpdated(StateUpdated(version: 1, key: mebibyte, change: .value(.string(mebibyte))))],
            // An ended run, with the largest result.
            [.agentCompleted(AgentCompleted(result: .string(mebibyte + mebibyte), durationMilliseconds: 1))],
        ]
        if let kind { kinds = [kinds[kind]] } else { kinds.removeLast() }
        let state = Self.state([.agentStarted(AgentStarted(input: .string(mebibyte)))] + kinds.flatMap { $0 })
        // A thought is cut, and progress is one text.
        let whole = ServerMessage.snapshot(Self.thread, cursor: state.cursor, state: state.json).encoded()
        try Self.check(state, isLarge: whole.count > 1_048_576)
    }
}
