import AgentEvents
import AgentEventsProtocol
import Testing

@testable import AgentEventsHub

/// No message with a state is over a limit, whatever the state has. Mostly with a small limit: what does not suspend for
/// long holds up all other tests.
@Suite(.serialized) struct SnapshotMessagesTests {
    private static let thread: ThreadID = "t_7"
    private static let smallLimit = 2048

    /// The state after events with these payloads of one run, or of the thread.
    private static func state(_ payloads: [EventPayload]) -> ThreadState {
        var state = ThreadState()
        for (index, payload) in payloads.enumerated() {
            let isOfThread =
                switch payload {
                case .userMessage, .stateUpdated: true
                default: false
                }
            state.apply(
                AgentEvent(
                    id: EventID(generation: 1_795_230_600, sequence: UInt64(index + 1)), threadID: thread,
                    runID: isOfThread ? nil : "r_1", agent: isOfThread ? nil : "guide",
                    time: Timestamp(milliseconds: 1_795_230_600_000), payload: payload))
        }
        return state
    }

    private static func whole(_ state: ThreadState) -> [UInt8] {
        ServerMessage.snapshot(thread, cursor: state.cursor, state: state.json).encoded()
    }

    /// Joins the parts as a client does.
    private static func joined(_ messages: [[UInt8]], _ cursor: Cursor?) throws -> ThreadState {
        var text = ""
        for (index, message) in messages.enumerated() {
            let json = try JSONValue(parsing: message)
            #expect(json.objectValue?.keys == ["op", "thread_id", "cursor", "part", "parts", "state_json"])
            #expect(json["op"] == "snapshot" && json["thread_id"]?.stringValue == thread.rawValue)
            #expect(json["cursor"]?.stringValue == cursor?.description)
            #expect(json["part"] == .integer(index + 1) && json["parts"] == .integer(messages.count))
            text += try #require(json["state_json"]?.stringValue)
        }
        return try ThreadState(json: try JSONValue(parsing: Array(text.utf8)))
    }

    /// - Returns: how many messages there are.
    @discardableResult
    private static func check(_ state: ThreadState, limit: Int = smallLimit) throws -> Int {
        let messages = SnapshotMessages.messages(state, of: thread, maximumByteCount: limit)
        for message in messages { #expect(message.count <= limit) }
        let whole = whole(state)
        if whole.count <= limit {
            #expect(messages == [whole])
        } else {
            #expect(messages.count > 1)
            #expect(try joined(messages, state.cursor) == state)
        }
        return messages.count
    }

    private static func call(_ number: Int, _ arguments: JSONValue) throws -> EventPayload {
        .toolExecuting(ToolExecuting(callID: try CallID("c_\(number)"), tool: "search", arguments: arguments))
    }

    @Test func aSmallStateIsOneMessageAsEver() throws {
        let states = [ThreadState(), Self.state([.agentStarted(AgentStarted()), try Self.call(1, ["q": "x"])])]
        for state in states {
            #expect(SnapshotMessages.messages(state, of: Self.thread) == [Self.whole(state)])
            let messages = SnapshotMessages(state, of: Self.thread, framing: .lengthPrefixed)
            #expect(messages.cursor == state.cursor && messages.frames.count == 1)
        }
    }

    /// Just as much as one message holds, and one byte more.
    @Test func theLimitIsMetToTheByte() throws {
        func state(_ count: Int) throws -> ThreadState {
            Self.state([.agentStarted(AgentStarted()), try Self.call(1, .string(String(repeating: "x", count: count)))])
        }
        let room = Self.smallLimit - Self.whole(try state(0)).count
        #expect(try Self.check(try state(room)) == 1)
        #expect(try Self.check(try state(room + 1)) == 2)
    }

    /// What JSON writes longer, and what has several bytes, at every place of a cut.
    @Test(arguments: ["\"", "\\", "\n", "\u{1}", "é", "語", "🦩", "x🦩\"", "👩‍👩‍👧‍👧", "\u{7F}", "/"])
    func everyKindOfTextIsCutBetweenCharacters(_ text: String) throws {
        for shift in 0..<5 {
            let arguments = JSONValue.string(
                String(repeating: "x", count: shift) + String(repeating: text, count: 4000 / text.utf8.count))
            #expect(try Self.check(Self.state([.agentStarted(AgentStarted()), try Self.call(1, arguments)])) > 1)
        }
    }

    @Test func halvesOfSurrogatePairsSurvive() throws {
        let text = #"{"q":""# + String(repeating: #"\ud83e\\\"x"#, count: 500) + #""}"#
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

    /// Every kind of what a state keeps of an open run and of what is over, with texts of so many bytes.
    private static func kinds(_ byteCount: Int, count: Int) throws -> [[EventPayload]] {
        let text = String(repeating: "\"x", count: byteCount / 2)
        return [
            // Open calls, with arguments, purposes and progress.
            try (1...2).map { try call($0, .string(text)) }
                + [
                    .toolExecuting(ToolExecuting(callID: "c_5", tool: "search", arguments: [:], purpose: text)),
                    .toolProgress(ToolProgress(callID: "c_5", message: text)),
                ],
            // Open messages.
            try (1...2).map { .messageDelta(MessageDelta(messageID: try MessageID("m_\($0)"), text: text)) },
            // Complete messages: the newest is kept whatever its size.
            try (1...count).map {
                .messageCompleted(
                    MessageCompleted(messageID: try MessageID("w_\($0)"), text: String(repeating: "\n", count: 5000)))
            } + [.messageCompleted(MessageCompleted(messageID: "w_last", text: text))],
            [.userMessage(UserMessage(messageID: "u_last", userID: "u_1", text: "x", data: .string(text)))],
            // Thoughts and progress of an open run.
            (1...2).map { _ in .agentThinking(AgentThinking(thoughtID: "th_1", text: text)) }
                + [.agentProgress(AgentProgress(message: text, step: 1, total: 2))],
            // Requests for approval.
            try (1...2).map {
                .approvalRequested(
                    ApprovalRequested(
                        approvalID: try ApprovalID("a_\($0)"), prompt: text, schema: ["title": .string(text)]))
            },
            // The shared state.
            (1...count).map {
                .stateUpdated(
                    StateUpdated(
                        version: 1, key: "k_\($0)", change: .value(.string(String(repeating: "\\", count: 2000)))))
            } + [.stateUpdated(StateUpdated(version: 1, key: text, change: .value(.string(text))))],
            // An ended run.
            [.agentCompleted(AgentCompleted(result: .string(text + text), durationMilliseconds: 1))],
        ]
    }

    @Test(arguments: 0..<8)
    func everyKindOfStateIsWithinMessagesOfTheLimit(_ kind: Int) throws {
        let kind = try Self.kinds(3000, count: 3)[kind]
        #expect(try Self.check(Self.state([.agentStarted(AgentStarted())] + kind)) > 1)
    }

    /// All together, as large as the largest event, and more than is kept of what is over.
    @Test func everyKindOfStateAtItsLimitsIsWithinMessagesOf1MiB() async throws {
        let kinds = try Self.kinds(680_000, count: 300).dropLast()
        let state = Self.state([.agentStarted(AgentStarted())] + kinds.flatMap { $0 })
        await Task.yield()
        let messages = SnapshotMessages.messages(state, of: Self.thread)
        #expect(messages.count > 8)
        for message in messages { #expect(message.count <= 1_048_576) }
        await Task.yield()
        #expect(try Self.joined(messages, state.cursor) == state)
    }
}
