import AgentEvents
import Testing

@testable import AgentEventsInterop

@Suite
struct AISDKHistoryTests {
    private static func load(_ thread: RecordedThread, maximumByteCount: Int = .max) -> JSONValue {
        var history = AISDKHistory(.version6, maximumByteCount: maximumByteCount)
        for event in thread.events { history.note(event) }
        return history.json
    }

    @Test
    func aPageThatIsLoadedAgainHasTheCompletedTurnsAndOneAnswerEach() throws {
        var thread = RecordedThread()
        thread.add(
            nil,
            .userMessage(
                UserMessage(
                    messageID: "m_1", userID: "u_1", text: "Hi", data: ["ai_sdk": ["message_id": "theirs"]])))
        thread.start("r_1")
        thread.said("r_1", "Hello")
        thread.complete("r_1")
        var open = thread
        open.add("r_2", .agentStarted(AgentStarted(retryOf: "r_1")))
        open.say("r_2", "Good ", "m_2")
        var done = open
        done.say("r_2", "day", "m_2")
        done.said("r_2", "Good day", "m_2")
        done.complete("r_2")
        let user: JSONValue = ["id": "theirs", "role": "user", "parts": [["type": "text", "text": "Hi"]]]
        func answer(_ run: JSONValue, _ text: JSONValue) -> JSONValue {
            [
                "id": run, "role": "assistant",
                "parts": [["type": "text", "text": text, "state": "done"]],
            ]
        }
        #expect(Self.load(thread) == [user, answer("r_1", "Hello")])
        #expect(Self.load(open) == [user])
        #expect(Self.load(done) == [user, answer("r_2", "Good day")])
    }

    private static func ids(_ thread: RecordedThread) -> [String] {
        load(thread).arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
    }

    private static func twoTurns() -> RecordedThread {
        var thread = RecordedThread()
        for (message, run) in [("m_1", "r_1"), ("m_2", "r_2")] as [(MessageID, RunID)] {
            thread.ask("Hi", message: message)
            thread.start(run)
            thread.said(run, "Hello")
            thread.complete(run)
        }
        return thread
    }

    @Test
    func anAnswerThatIsGivenAgainStandsWhereTheFirstStood() {
        var thread = Self.twoTurns()
        thread.add("r_3", .agentStarted(AgentStarted(retryOf: "r_1")))
        #expect(Self.ids(thread) == ["m_1", "m_2", "r_2"])
        thread.complete("r_3")
        #expect(Self.ids(thread) == ["m_1", "r_3", "m_2", "r_2"])
    }

    @Test(arguments: [("m_1", ["m_3"]), ("m_2", ["m_1", "r_1", "m_3"]), ("m_9", ["m_1", "r_1", "m_2", "r_2", "m_3"])])
    func anEditedMessageTakesWhatCameAfterItFromThePage(replaced: String, ids: [String]) throws {
        var thread = Self.twoTurns()
        let message = UserMessage(
            messageID: "m_3", userID: "u_1", text: "Edited", replaces: try MessageID(replaced))
        thread.add(nil, .userMessage(message))
        #expect(Self.ids(thread) == ids)
    }

    /// Of a long thread the newest turns are there, each of them whole, and of one that is too long by itself its newest parts.
    @Test(arguments: [1, 40])
    func aPageOfALongThreadIsBounded(callCount: Int) throws {
        let maximum = 20_000
        var thread = RecordedThread()
        for number in 0..<100 {
            let run = try RunID("r_\(number)")
            thread.ask("What is there?", message: try MessageID("u_\(number)"))
            thread.start(run)
            for call in 0..<callCount {
                thread.call(run, try CallID("c_\(call)"))
                thread.called(run, try CallID("c_\(call)"))
                thread.say(run, "\u{1}\u{2}\"", try MessageID("m_\(call)"))
                thread.said(run, "\u{1}\u{2}\"\u{3}", try MessageID("m_\(call)"))
            }
            thread.complete(run)
            #expect(Self.load(thread, maximumByteCount: maximum).encoded().count <= maximum)
        }
        let messages = try #require(Self.load(thread, maximumByteCount: maximum).arrayValue)
        #expect(messages.last?["id"] == "r_99")
        #expect(messages.last?["parts"]?.arrayValue?.last?["text"] == .string("\u{1}\u{2}\"\u{3}"))
        #expect(Self.load(thread, maximumByteCount: maximum).encoded().count > maximum / 10)
        if callCount == 1 {
            // Turns go as wholes.
            #expect(messages.count > 10)
            for message in messages where message["role"] == "assistant" {
                #expect(message["parts"]?.arrayValue?.count == 2)
            }
        }
    }

    /// What is left out is left out for good: events of a turn that was dropped come to nothing.
    @Test
    func aTurnThatWasDroppedWhileItWasOpenDoesNotComeBack() throws {
        var thread = RecordedThread()
        thread.start("r_1")
        thread.say("r_1", "a")
        for number in 0..<50 {
            thread.ask("Something longer than that", message: try MessageID("u_\(number)"))
        }
        thread.said("r_1", "ab")
        thread.complete("r_1")
        let messages = try #require(Self.load(thread, maximumByteCount: 3000).arrayValue)
        #expect(messages.allSatisfy { $0["role"] == "user" } && messages.count > 3)
        #expect(Self.load(thread).arrayValue?.first?["id"] == "r_1")
    }
}
