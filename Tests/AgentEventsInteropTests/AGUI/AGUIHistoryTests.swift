import AgentEvents
import Testing

@testable import AgentEventsInterop

@Suite
struct AGUIHistoryTests {
    private static func size(_ history: AGUIHistory) -> Int { history.messages(.version1).encoded().count }

    @Test
    func aSnapshotKeepsTheNewestMessagesOfALongThread() {
        var history = AGUIHistory(maximumByteCount: 700)
        history.addUserMessage("m_1", "12345678")
        history.append("abc", to: "m_2", of: "r_1", subagent: nil)
        history.append("def", to: "m_2", of: "r_1", subagent: nil)
        #expect(history.messages(.version1).arrayValue?.count == 2)
        history.append(String(repeating: "g", count: 400), to: "m_2", of: "r_1", subagent: nil)
        let text = "abcdef" + String(repeating: "g", count: 400)
        #expect(history.messages(.version1) == [["id": "m_2", "role": "assistant", "content": .string(text)]])
        history.complete("m_2", .assistant, "whole", of: "r_1", subagent: nil)
        #expect(history.messages(.version1) == [["id": "m_2", "role": "assistant", "content": "whole"]])
    }

    /// Texts that are short in UTF-8 and long in JSON, ids without texts, and arguments, which are JSON in JSON.
    @Test(arguments: ["", "\u{1}", "\"\\", "ß"])
    func aSnapshotIsNotLargerThanItsBoundWhateverIsInIt(text: String) {
        let maximum = 20_000
        var history = AGUIHistory(maximumByteCount: maximum)
        let id = String(repeating: "i", count: 60)
        for number in 0..<200 {
            let text = String(repeating: text, count: 20)
            history.addUserMessage("\(id)\(number)", text)
            history.addCall("\(id)c\(number)", "search", arguments: text, of: "r_1", subagent: "r_1")
            history.addResult(ofCall: "\(id)c\(number)", text, error: text, of: "r_1", subagent: "r_1")
            #expect(Self.size(history) <= maximum)
        }
        #expect(Self.size(history) > maximum / 10)
    }

    /// A thread that stays full drops messages now and then, and many at once: not one with each event.
    @Test
    func whatIsTooMuchGoesInLargeParts() {
        var history = AGUIHistory(maximumByteCount: 100_000)
        var drops = 0
        var count = 0
        for number in 0..<2000 {
            history.addUserMessage("m_\(number)", "text")
            let now = history.messages(.version1).arrayValue?.count ?? 0
            if now <= count { drops += 1 }
            count = now
        }
        #expect((1...20).contains(drops))
    }

    @Test
    func aMessageThatGrowsIsFoundAgainAfterOthersWereDropped() {
        var history = AGUIHistory(maximumByteCount: 1000)
        for number in 0..<3 { history.addUserMessage("m_\(number)", "") }
        history.append("a", to: "m_a", of: "r_1", subagent: nil)
        history.append("b", to: "m_b", of: "r_1", subagent: nil)
        for _ in 0..<2 {
            history.append("a", to: "m_a", of: "r_1", subagent: nil)
            history.append("b", to: "m_b", of: "r_1", subagent: nil)
        }
        let texts = history.messages(.version1).arrayValue?.suffix(2).map { $0["content"] }
        #expect(texts == ["aaa", "bbb"])
        history.discard("r_9")
        history.complete("m_b", .assistant, "B", of: "r_1", subagent: nil)
        #expect(history.messages(.version1).arrayValue?.last?["content"] == "B")
    }

    /// Of a client that asks again, and of two clients that give the same id.
    @Test
    func noIDIsInASnapshotTwice() {
        var history = AGUIHistory(maximumByteCount: 1200)
        #expect(history.addUserMessage("1", "One", ownID: "m_1") == "1")
        #expect(history.addUserMessage("1", "One", ownID: "m_2") == nil)
        #expect(history.addUserMessage("1", "Two", ownID: "m_3") == "m_3")
        #expect(history.addUserMessage("1", "Two", ownID: "m_3") == nil)
        #expect(history.messages(.version1).arrayValue?.map { $0["id"] } == ["1", "m_3"])
        history.complete("r_1/m", .assistant, "No", of: "r_1", subagent: nil)
        #expect(history.addUserMessage("2", "Two", ownID: "m_4") == "2")
        history.discard("r_1")
        #expect(history.addUserMessage("2", "Two", ownID: "m_5") == nil)
        #expect(history.messages(.version1).arrayValue?.map { $0["id"] } == ["1", "m_3", "2"])
        // What was dropped is not in the snapshot.
        for number in 6..<12 { history.addUserMessage("\(number)", "More") }
        #expect(history.addUserMessage("1", "One", ownID: "m_12") == "1")
        let ids = history.messages(.version1).arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
        #expect(ids.last == "1" && Set(ids).count == ids.count)
    }

    /// What changes it is told with all of it, so it must not grow with the thread.
    @Test
    func theSharedStateIsBounded() throws {
        var machine = AGUIStateMachine(.version1, thread: "t_1", run: "theirs", root: "r_1", start: 0, isJoin: false)
        var thread = RecordedThread()
        thread.start("r_1")
        let value: JSONValue = .string(String(repeating: "v", count: 2000))
        for number in 0..<400 {
            thread.add(nil, .stateUpdated(StateUpdated(version: 1, key: "k_\(number)", change: .value(value))))
        }
        thread.add(nil, .stateUpdated(StateUpdated(version: 2, key: "k_399", change: .removed)))
        for event in thread.events.dropLast(2) { machine.note(event) }
        _ = machine.begin()
        let frames = thread.events.suffix(2).flatMap { machine.receive($0) }
        let state = try #require(frames.first?.json["snapshot"])
        #expect((100_000...300_000).contains(state.encoded().count))
        #expect(state["k_399"] == value)
        #expect(frames.last?.json["snapshot"]?["k_399"] == nil)
        #expect(frames.last?.json["snapshot"]?["k_398"] == value)
    }
}
