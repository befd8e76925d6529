import AgentEvents
import AgentEventsModels
import AgentEventsTesting
import Testing

@Suite(.timeLimit(.minutes(10))) struct ScriptedModelTests {
    private static func turn(_ text: String) -> TranscriptItem {
        .assistant(TranscriptTurn(run: "r_1", agent: "guide", text: text))
    }

    private static let message = TranscriptItem.user(TranscriptMessage(id: "m_1", author: "u_1", text: "one"))

    private static func parts(_ model: ScriptedModel, _ items: [TranscriptItem]) async throws -> [ModelPart] {
        var parts: [ModelPart] = []
        try await model.reply(to: ModelRequest(transcript: Transcript(items: items))) { parts.append($0) }
        return parts
    }

    /// It has no memory: the conversation says where it is.
    @Test func theReplyFollowsFromTheConversation() async throws {
        let model = ScriptedModel([[.text("first"), .call("search", ["q": 1])], [.text("second")]])
        let first: [ModelPart] = [.text("first"), .call(ModelCall(tool: "search", arguments: .json(["q": 1])))]
        #expect(try await Self.parts(model, []) == first)
        #expect(try await Self.parts(model, [Self.message]) == first)
        #expect(try await Self.parts(model, [Self.message, Self.turn("a")]) == [.text("second")])
        #expect(try await Self.parts(model, [Self.message, Self.turn("a"), Self.turn("b")]) == [])
        #expect(try await Self.parts(model, [Self.message, Self.turn("a"), Self.message]) == first)
    }

    @Test(arguments: ["", "Hello", "Hello world", "  two  spaces ", "line\n\nline", "é\u{301} ok", " "])
    func theWordsAreTheText(_ text: String) async throws {
        let model = ScriptedModel([[.text(text)]], wordsPerSecond: 0)
        let words = try await Self.parts(model, []).map { if case .text(let word) = $0 { word } else { "?" } }
        #expect(words.joined() == text)
        #expect(words.count <= text.split(whereSeparator: \.isWhitespace).count + 1)
    }

    @Test func wordsHaveTheirPace() async throws {
        let clock = ManualClock()
        let model = ScriptedModel([[.text("one two three")]], wordsPerSecond: 4, clock: clock)
        async let parts = Self.parts(model, [])
        for _ in 1...3 {
            try await clock.waitForSleep(of: .milliseconds(250))
            clock.advance(by: .milliseconds(250))
        }
        #expect(try await parts == [.text("one "), .text("two "), .text("three")])
    }

    @Test func aClosureIsGivenTheRequest() async throws {
        let model = ScriptedModel(name: "echo") { request in
            [.text("\(request.transcript.items.count) \(request.instructions)")]
        }
        #expect(model.name == "echo")
        #expect(try await Self.parts(model, [Self.message]) == [.text("1 ")])
    }
}
