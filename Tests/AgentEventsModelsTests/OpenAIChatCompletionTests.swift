import AgentEvents
import AgentEventsTesting
import Testing

@testable import AgentEventsModels

/// The answers of `/chat/completions`, with what providers make of them.
struct OpenAIChatCompletionTests {
    @Test func anAnswerIsGivenAsItComes() {
        let answer = PlayedAnswer.chat([
            Chunk.delta(#"{"role":"assistant","content":""}"#), Chunk.text("Hel"), Chunk.text("lo"),
            Chunk.finish("stop"), Chunk.usage,
        ])
        #expect(answer == PlayedAnswer([.text("Hel"), .text("lo"), .usage(.ofChunk)], .whole))
    }

    private static let deltas: [(String, [ModelPart])] = [
        (#"{"role":"assistant"}"#, []), (#"{"role":"assistant","content":null}"#, []), (#"{}"#, []), ("null", []),
        (#"{"content":""}"#, []), (#"{"content":"a"}"#, [.text("a")]),
        (#"{"reasoning_content":"t"}"#, [.thought("t")]), (#"{"reasoning":"t"}"#, [.thought("t")]),
        // Both are the same, where both are sent.
        (#"{"reasoning_content":"t","reasoning":"t"}"#, [.thought("t")]),
        (#"{"reasoning_content":"","reasoning":"t"}"#, [.thought("t")]),
        (#"{"reasoning_content":null,"content":"a"}"#, [.text("a")]),
        (#"{"reasoning":"t","content":"a"}"#, [.thought("t"), .text("a")]),
        (#"{"refusal":"no"}"#, [.text("no")]),
        (
            #"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"a"}]}"#,
            [.thought("t"), .text("a")]
        ),
        (#"{"content":"\ud83d"}"#, [.text("\u{FFFD}")]), (#"{"content":5}"#, []), (#"{"tool_calls":null}"#, []),
        (#"{"tool_calls":[]}"#, []), (#"{"unknown":{"a":1}}"#, []),
    ]

    @Test(arguments: Self.deltas)
    func aDeltaIsReadInAllItsForms(delta: String, parts: [ModelPart]) {
        #expect(PlayedAnswer.chat([Chunk.delta(delta)], done: false, ends: false).parts == parts)
    }

    private static let endings: [(String, [String], Bool, PlayedAnswer.Outcome)] = [
        ("all", [Chunk.text("a"), Chunk.finish("stop")], true, .whole),
        ("no [DONE]", [Chunk.text("a"), Chunk.finish("stop")], false, .whole),
        ("no reason", [Chunk.text("a")], true, .whole),
        ("neither", [Chunk.text("a")], false, .failed(.cutOff)),
        ("nothing", [], false, .failed(.cutOff)), ("[DONE] alone", [], true, .failed(.cutOff)),
        ("a role alone", [Chunk.delta(#"{"role":"assistant"}"#)], true, .failed(.cutOff)),
        ("nothing said, and a reason", [Chunk.finish("stop")], true, .whole),
        (
            "a call and stop", [Chunk.calls(#"{"index":0,"function":{"name":"f"}}"#), Chunk.finish("stop")], true,
            .whole
        ),
        ("an empty reason", [Chunk.text("a"), Chunk.finish("")], false, .failed(.cutOff)),
        ("length", [Chunk.text("a"), Chunk.finish("length")], true, .failed(.tooLong)),
        ("filter", [Chunk.text("a"), Chunk.finish("content_filter")], true, .failed(.filtered)),
        ("error", [Chunk.text("a"), Chunk.finish("error")], true, .failed(.unavailable)),
        ("calls", [Chunk.finish("tool_calls")], true, .whole), ("upper case", [Chunk.finish("STOP")], true, .whole),
        ("an unknown reason", [Chunk.text("a"), Chunk.finish("mood")], true, .failed(.malformed)),
        ("no JSON", [Chunk.text("a"), "{"], true, .failed(.malformed)),
        ("a ping", [#"{"type":"ping"}"#, Chunk.text("a"), Chunk.finish("stop")], true, .whole),
        ("a filter's prologue", [#"{"choices":[],"prompt_filter_results":[]}"#, Chunk.finish("stop")], true, .whole),
    ]

    @Test(arguments: Self.endings)
    func whatEndsAnAnswerDecidesWhetherItIsWhole(
        name: String, events: [String], done: Bool, outcome: PlayedAnswer.Outcome
    ) {
        let answer = PlayedAnswer.chat(events, done: done)
        #expect(answer.outcome == outcome, "\(name): \(answer)")
    }

    @Test func theUsageComesAlsoWithAnAnswerThatIsTooLong() {
        let answer = PlayedAnswer.chat([Chunk.text("a"), Chunk.finish("length"), Chunk.usage])
        #expect(answer.parts == [.text("a"), .usage(.ofChunk)])
        #expect(answer.outcome == .failed(.tooLong))
    }

    @Test func callsOfAnAnswerThatIsNotWholeAreNotGiven() {
        let call = Chunk.calls(#"{"index":0,"id":"c","function":{"name":"f","arguments":"{\"a\":1"}}"#)
        for (events, done) in [([call], false), ([call, Chunk.finish("length")], true)] {
            #expect(PlayedAnswer.chat(events, done: done).calls.isEmpty)
        }
    }

    private static let usages: [(String, UsageReported?)] = [
        (#""usage":null"#, nil), (#""usage":{}"#, nil), (#""usage":5"#, nil), (#""a":1"#, nil),
        (#""usage":{"prompt_tokens":1}"#, UsageReported(model: "m", inputTokens: 1, outputTokens: 0)),
        (
            #""usage":{"prompt_tokens":1.0,"completion_tokens":-2}"#,
            UsageReported(model: "m", inputTokens: 1, outputTokens: 0)
        ),
        (
            #""usage":{"prompt_tokens":9,"completion_tokens":2,"prompt_cache_hit_tokens":4,"cost":0.5}"#,
            UsageReported(model: "m", inputTokens: 9, outputTokens: 2, cachedInputTokens: 4, other: ["cost": 0.5])
        ),
        (
            #""x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
            UsageReported(model: "m", inputTokens: 1, outputTokens: 2)
        ),
    ]

    @Test(arguments: Self.usages)
    func theUsageIsReadWhereProvidersPutIt(member: String, usage: UsageReported?) {
        let chunk = #"{"choices":[],\#(member)}"#
        let answer = PlayedAnswer.chat([Chunk.text("a"), Chunk.finish("stop"), chunk])
        #expect(answer.usage == (usage.map { [$0] } ?? []))
        #expect(answer.outcome == .whole)
    }

    @Test func theLastOfSeveralUsagesCounts() {
        let chunk = { (count: Int) in
            #"{"choices":[{"index":0,"delta":{"content":"a"},"usage":{"prompt_tokens":7,"completion_tokens":\#(count)}}]}"#
        }
        let answer = PlayedAnswer.chat([chunk(1), chunk(2), Chunk.finish("stop")])
        #expect(answer.usage == [UsageReported(model: "m", inputTokens: 7, outputTokens: 2)])
    }

    @Test func onlyTheFirstChoiceCounts() {
        let choices = { (choices: String) in #"{"choices":[\#(choices)]}"# }
        let answer = PlayedAnswer.chat([
            choices(
                #"{"index":1,"delta":{"content":"b"},"finish_reason":"length"},{"index":0,"delta":{"content":"a"}}"#),
            choices(#"{"delta":{"content":"c"},"finish_reason":"stop"}"#),
        ])
        #expect(answer == PlayedAnswer([.text("a"), .text("c")], .whole))
    }

    private static let errors: [(String, ModelError.Code, String)] = [
        (#"{"error":{"message":"busy","type":"server_error","code":null}}"#, .unavailable, "busy"),
        (#"{"error":{"message":"slow","code":"rate_limit_exceeded"}}"#, .rateLimited, "slow"),
        (#"{"error":{"message":"slow","code":429}}"#, .rateLimited, "slow"),
        (#"{"error":{"message":"slow","code":"429"}}"#, .rateLimited, "slow"),
        (#"{"error":{"message":"no","code":502},"choices":[{"index":0,"finish_reason":"error"}]}"#, .unavailable, "no"),
        (#"{"error":{"message":"long","code":"context_length_exceeded"}}"#, .refused, "long"),
        (#"{"error":{"message":"key","type":"authentication_error"}}"#, .unauthorized, "key"),
        (#"{"error":{"message":"bad","code":"content_filter"}}"#, .filtered, "bad"),
        (#"{"error":"a text"}"#, .unavailable, "a text"),
        (#"{"object":"error","message":"older","code":400}"#, .refused, "older"),
        (#"[{"error":{"code":503,"message":"in an array","status":"UNAVAILABLE"}}]"#, .unavailable, "in an array"),
        (#"{"error":{}}"#, .unavailable, ""),
    ]

    @Test(arguments: Self.errors)
    func anErrorWithinAnAnswerEndsIt(event: String, code: ModelError.Code, word: String) {
        let answer = PlayedAnswer.chat([Chunk.text("a"), event, Chunk.text("b")])
        #expect(answer.parts == [.text("a")])
        #expect(answer.outcome == .failed(code))
        #expect(answer.message.contains(word), "\(answer.message)")
    }

    @Test(arguments: ["overloaded", #"{"message":"overloaded"}"#, #"{"error":{"message":"overloaded"}}"#])
    func anEventOfTheTypeErrorIsAnError(data: String) {
        let machine = ChatCompletionStateMachine(model: "m", names: FunctionNames(ModelRequest()))
        let answer = PlayedAnswer.of(machine, body: [Array("event: error\ndata: \(data)\n\n".utf8)])
        #expect(answer.outcome == .failed(.unavailable))
        #expect(answer.message.contains("overloaded"))
    }

    @Test(arguments: [ModelError(.timedOut, "x"), ModelError(.cutOff, "x")])
    func whatBreaksTheConnectionAfterTheReasonIsNoLoss(cause: ModelError) {
        let events = [Chunk.text("a"), Chunk.finish("stop")]
        #expect(PlayedAnswer.chat(events, done: false, cause: cause).outcome == .whole)
        #expect(PlayedAnswer.chat([Chunk.text("a")], done: false, cause: cause).outcome == .failed(cause.code))
    }

    // MARK: Answers that are no stream

    private static let documents: [(String, PlayedAnswer)] = [
        (
            #"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hello","reasoning_content":"t"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
            PlayedAnswer(
                [
                    .thought("t"), .text("Hello"),
                    .usage(UsageReported(model: "m", inputTokens: 1, outputTokens: 2)),
                ], .whole)
        ),
        (
            #" {"choices":[{"message":{"content":null,"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{}"}},{"id":"d","function":{"name":"g","arguments":{"a":1}}}]}}]}"#,
            PlayedAnswer(
                [
                    .call(ModelCall(tool: "f", arguments: .json([:]))),
                    .call(ModelCall(tool: "g", arguments: .json(["a": 1]))),
                ], .whole)
        ),
        (
            #"{"choices":[{"message":{"content":"He"},"finish_reason":"length"}]}"#,
            PlayedAnswer([.text("He")], .failed(.tooLong))
        ),
        (#"{"choices":[]}"#, PlayedAnswer([], .failed(.malformed))), ("[]", PlayedAnswer([], .failed(.malformed))),
        (#"{"error":{"message":"no","code":429}}"#, PlayedAnswer([], .failed(.rateLimited))),
        (#"{"choices":[{"mess"#, PlayedAnswer([], .failed(.malformed))),
        ("<html>", PlayedAnswer([], .failed(.malformed))), ("hello", PlayedAnswer([], .failed(.cutOff))),
    ]

    @Test(arguments: Self.documents)
    func anAnswerThatIsOneDocumentIsRead(document: String, expected: PlayedAnswer) {
        let machine = ChatCompletionStateMachine(model: "m", names: FunctionNames(ModelRequest()))
        for pieces in [[Array(document.utf8)], document.utf8.map { [$0] }] {
            let answer = PlayedAnswer.of(machine, body: pieces)
            #expect(answer.parts == expected.parts)
            #expect(answer.outcome == expected.outcome)
        }
    }

    @Test func aWholeMessageInOneEventIsRead() {
        let answer = PlayedAnswer.chat([#"{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}]}"#])
        #expect(answer == PlayedAnswer([.text("a")], .whole))
    }

    @Test func whatIsTooLargeIsMalformed() {
        let machine = ChatCompletionStateMachine(model: "m", names: FunctionNames(ModelRequest()))
        let piece = [UInt8](repeating: 0x20, count: 1 << 20)
        #expect(PlayedAnswer.of(machine, body: [Array("data: ".utf8), piece]).outcome == .failed(.malformed))
        #expect(
            PlayedAnswer.of(machine, body: [Array("{".utf8)] + Array(repeating: piece, count: 4)).outcome
                == .failed(.malformed))
    }

    /// Comments, CRLF, and cuts inside of characters and of lines.
    @Test func whereTheBytesAreCutMakesNoDifference() {
        let body = Array(
            (": keep-alive\r\n\r\n" + "data: \(Chunk.text("é🧭"))\r\n\r\n: \r\n\r\n"
                + "data: \(Chunk.calls(#"{"index":0,"function":{"name":"f","arguments":"{\"ü\":1}"}}"#))\r\n\r\n"
                + "data: \(Chunk.finish("tool_calls"))\r\n\r\ndata: \(Chunk.usage)\r\n\r\ndata: [DONE]\r\n\r\n").utf8)
        let machine = ChatCompletionStateMachine(model: "m", names: FunctionNames(ModelRequest()))
        let whole = PlayedAnswer.of(machine, body: [body])
        #expect(whole.text == "é🧭")
        #expect(whole.calls == [ModelCall(tool: "f", arguments: .json(["ü": 1]))])
        #expect(whole.outcome == .whole)
        for cut in body.indices {
            #expect(PlayedAnswer.of(machine, body: [Array(body[..<cut]), Array(body[cut...])]) == whole)
            let broken = PlayedAnswer.of(machine, body: [Array(body[..<cut])])
            // Each cut before the reason is seen, and none gives a call.
            #expect(broken.outcome == .whole || broken.outcome == .failed(.cutOff) && broken.calls.isEmpty)
        }
    }
}
