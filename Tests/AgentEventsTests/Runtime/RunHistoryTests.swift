import AgentEventsTesting
import Testing

@testable import AgentEvents

/// What a run can read of the thread from before it.
struct RunHistoryTests {
    private func ask(_ text: String, _ runtime: AgentRuntime) async throws {
        let context = try await runtime.context(user: "u_1", thread: "t_7")
        let id = runtime.configuration.identifiers.messageID()
        try await context.emit(
            EventDraft(.userMessage(UserMessage(messageID: id, userID: "u_1", text: text, data: ["n": .string(text)]))))
    }

    private func answer(_ text: String, _ runtime: AgentRuntime) async throws {
        try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
            for character in text { try await run.say(String(character)) }
        }
    }

    private func history(limit: Int = 50, _ runtime: AgentRuntime) async throws -> ThreadHistory {
        try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
            try await run.say("of this run")
            try await ask("after its start", runtime)
            let history = try await run.history(limit: limit)
            #expect(try await run.history(limit: limit) == history)
            return history
        }
    }

    @Test func itIsTheConversationUpToTheRunOldestFirst() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            try await ask("one", runtime)
            try await answer("two", runtime)
            try await ask("three", runtime)
            let history = try await history(runtime)
            #expect(history.messages.map(\.text) == ["one", "two", "three"])
            #expect(history.messages.map(\.role) == [.user, .assistant, .user])
            #expect(history.messages.map(\.userID) == ["u_1", nil, "u_1"])
            #expect(history.messages.map(\.agent) == [nil, "guide", nil])
            #expect(history.messages.last?.data == ["n": "three"])
            #expect(history.isComplete)
        }
    }

    @Test func withoutAnythingBeforeItIsEmpty() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            let history = try await history(runtime)
            #expect(history == ThreadHistory(messages: [], isComplete: true))
        }
    }

    @Test(arguments: [(0, []), (1, ["three"]), (2, ["two", "three"]), (3, ["one", "two", "three"]), (-1, [])])
    func theNewestAreGiven(limit: Int, expected: [String]) async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            for text in ["one", "two", "three"] { try await ask(text, runtime) }
            let history = try await history(limit: limit, runtime)
            #expect(history.messages.map(\.text) == expected)
            #expect(history.isComplete == (limit == 3))
        }
    }

    @Test func aMessageThatIsStillSaidIsNotAmongThem() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_7", agent: "writer") { other in
                try await other.say("half")
                let during = try await history(runtime)
                #expect(during.messages.isEmpty)
                try await other.say(" done")
            }
            let after = try await history(runtime)
            #expect(after.messages.map(\.text).first == "half done")
        }
    }

    /// More events than a page of the log has.
    @Test func aLongThreadIsReadPageByPage() async throws {
        try await withAgentRuntime(log: InMemoryEventLog()) { runtime in
            let text = String(repeating: "abcdefghij", count: 230)
            try await answer(text, runtime)
            for number in 0..<250 { try await ask("\(number)", runtime) }
            let history = try await history(limit: 1000, runtime)
            #expect(history.messages.map(\.text) == (50..<250).map { "\($0)" })
            #expect(!history.isComplete)
        }
    }

    @Test func whatWasTrimmedIsSaidToBeMissing() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            for text in ["one", "two", "three"] { try await ask(text, runtime) }
            try await runtime.flush()
            try await log.trim([ThreadTrim(thread: "t_7", firstKept: 2)])
            let history = try await history(runtime)
            #expect(history.messages.map(\.text) == ["two", "three"])
            #expect(!history.isComplete)
        }
    }

    /// A state that was stored later stands for what came after the run's start; it is not used.
    @Test func aStoredStateLeadsThereUnlessItIsNewer() async throws {
        let log = InMemoryEventLog()
        try await withAgentRuntime(log: log) { runtime in
            for text in ["one", "two"] { try await ask(text, runtime) }
            try await runtime.flush()
            try await store(log)
            try await log.trim([ThreadTrim(thread: "t_7", firstKept: 2)])
            try await ask("three", runtime)
            try await runtime.withRun(user: "u_1", thread: "t_7", agent: "guide") { run in
                // What the stored state knows is there, though its events are not.
                #expect(try await run.history().messages.map(\.text) == ["one", "two", "three"])
                try await ask("four", runtime)
                try await runtime.flush()
                try await store(log)
                let history = try await run.history()
                #expect(history.messages.map(\.text) == ["two", "three"])
                #expect(!history.isComplete)
            }
        }
    }

    private func store(_ log: InMemoryEventLog) async throws {
        var fold = try await ThreadFold(loading: "t_7", from: log, log)
        _ = try await fold.advance("t_7", in: log)
        try await log.save(try #require(ThreadSnapshot(fold.state)).stored(for: "t_7", in: .latest))
    }
}
