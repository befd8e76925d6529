import AgentEvents
import Testing

@testable import AgentEventsModels

/// The answers of `/responses`.
struct OpenAIResponsesTests {
    private static let usage =
        #""usage":{"input_tokens":12,"input_tokens_details":{"cached_tokens":3},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":17}"#
    private static let completed =
        #"{"type":"response.completed","response":{"id":"r","status":"completed","error":null,"output":[],\#(usage)}}"#

    private static func text(_ text: String) -> String {
        #"{"type":"response.output_text.delta","item_id":"m","output_index":0,"content_index":0,"delta":"\#(text)"}"#
    }

    @Test func anAnswerIsGivenAsItComes() {
        let answer = PlayedAnswer.responses([
            #"{"type":"response.created","response":{"id":"r","status":"in_progress","error":null}}"#,
            #"{"type":"response.in_progress","response":{"id":"r","status":"in_progress"}}"#,
            #"{"type":"response.output_item.added","output_index":0,"item":{"id":"rs","type":"reasoning","summary":[]}}"#,
            #"{"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":0}"#,
            #"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"I "}"#,
            #"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"look."}"#,
            #"{"type":"response.reasoning_summary_text.done","output_index":0,"text":"I look."}"#,
            #"{"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":1}"#,
            #"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":1,"delta":"Then."}"#,
            #"{"type":"response.output_item.added","output_index":1,"item":{"id":"m","type":"message","content":[]}}"#,
            Self.text("Hel"), Self.text("lo"), #"{"type":"response.output_text.done","text":"Hello"}"#,
            #"{"type":"response.output_item.done","output_index":1,"item":{"id":"m","type":"message","content":[{"type":"output_text","text":"Hello"}]}}"#,
            #"{"type":"response.some_news","delta":"?"}"#, Self.completed,
        ])
        #expect(answer.thoughts == "I look.\n\nThen.")
        #expect(answer.text == "Hello")
        #expect(answer.usage == [.ofChunk])
        #expect(answer.parts.last == .usage(.ofChunk))
        #expect(answer.outcome == .whole)
    }

    private static func added(_ index: Int, _ name: String, _ arguments: String = "") -> String {
        #"{"type":"response.output_item.added","output_index":\#(index),"item":{"id":"fc_\#(index)","type":"function_call","name":"\#(name)","call_id":"c","arguments":"\#(arguments)","status":"in_progress"}}"#
    }

    private static func piece(_ index: Int, _ delta: String) -> String {
        #"{"type":"response.function_call_arguments.delta","item_id":"fc_\#(index)","output_index":\#(index),"delta":"\#(delta)"}"#
    }

    private static func done(
        _ index: Int, _ name: String, _ arguments: String, status: String = "completed"
    ) -> String {
        #"{"type":"response.output_item.done","output_index":\#(index),"item":{"id":"fc_\#(index)","type":"function_call","name":"\#(name)","call_id":"c","arguments":\#(arguments),"status":"\#(status)"}}"#
    }

    private static let calls: [(String, [String], [ModelCall])] = [
        (
            "all events",
            [
                added(0, "f"), piece(0, #"{\"a\""#), piece(0, ":1}"),
                #"{"type":"response.function_call_arguments.done","output_index":0,"arguments":"{\"a\":1}"}"#,
                done(0, "f", #""{\"a\":1}""#),
            ], [ModelCall(tool: "f", arguments: .json(["a": 1]))]
        ),
        (
            "two interleaved",
            [
                added(0, "f"), added(1, "g"), piece(1, #"{\"b\":"#), piece(0, "{}"), piece(1, "2}"),
                done(1, "g", "null"), done(0, "f", "null"),
            ],
            [
                ModelCall(tool: "g", arguments: .json(["b": 2])), ModelCall(tool: "f", arguments: .json([:])),
            ]
        ),
        ("the item alone", [done(0, "f", #""{}""#)], [ModelCall(tool: "f", arguments: .json([:]))]),
        (
            "the item twice", [done(0, "f", #""{}""#), done(0, "f", #""{}""#)],
            [ModelCall(tool: "f", arguments: .json([:]))]
        ),
        ("an object", [done(0, "f", #"{"a":1}"#)], [ModelCall(tool: "f", arguments: .json(["a": 1]))]),
        ("no arguments", [done(0, "f", #""""#)], [ModelCall(tool: "f", arguments: .json([:]))]),
        ("cut arguments", [done(0, "f", #""{\"a""#)], [ModelCall(tool: "f", arguments: .unreadable(#"{"a"#))]),
        ("not done", [added(0, "f"), piece(0, "{}")], [ModelCall(tool: "f", arguments: .json([:]))]),
        ("incomplete", [added(0, "f"), done(0, "f", #""{\"a""#, status: "incomplete")], []),
        ("pieces of nothing", [piece(4, "{}")], []),
    ]

    @Test(arguments: Self.calls)
    func aCallIsGivenWhenItIsDone(name: String, events: [String], calls: [ModelCall]) {
        let answer = PlayedAnswer.responses(events + [Self.completed])
        #expect(answer.calls == calls, "\(name)")
        #expect(answer.outcome == .whole)
    }

    /// However the calls of an answer are told, there is a largest number of them, and of their bytes.
    @Test(arguments: ["with places", "without places", "at the end", "long ones"])
    func theCallsOfAnAnswerAreLimited(_ form: String) {
        let anonymous =
            #"{"type":"response.output_item.done","item":{"type":"function_call","name":"f","arguments":"{}"}}"#
        let long = #"{\"a\":\""# + String(repeating: "x", count: 600_000) + #"\"}"#
        let item = #"{"type":"function_call","name":"f","arguments":"{}"}"#
        let items = Array(repeating: item, count: 257).joined(separator: ",")
        let events: [String] =
            switch form {
            case "with places": (0..<257).map { Self.done($0, "f", #""{}""#) }
            case "without places": Array(repeating: anonymous, count: 257)
            case "long ones": (0..<2).map { Self.done($0, "f", "\"\(long)\"") }
            default: [#"{"type":"response.completed","response":{"status":"completed","output":[\#(items)]}}"#]
            }
        let answer = PlayedAnswer.responses(events + [Self.completed])
        #expect(answer.outcome == .failed(.malformed))
        #expect(answer.calls.count <= 256)
    }

    @Test func aCallIsToldByTheNameOfTheTool() {
        let answer = PlayedAnswer.responses([Self.done(0, "a_b", #""{}""#), Self.completed], tools: ["a b"])
        #expect(answer.calls.map(\.tool) == ["a b"])
    }

    private static let endings: [(String, [String], PlayedAnswer.Outcome)] = [
        ("completed", [text("a"), completed], .whole), ("nothing", [], .failed(.cutOff)),
        ("just the end", [text("a")], .failed(.cutOff)), ("[DONE] is no end", [text("a"), "[DONE]"], .failed(.cutOff)),
        ("[DONE] after the end", [text("a"), completed, "[DONE]"], .whole),
        (
            "too long",
            [#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"#],
            .failed(.tooLong)
        ),
        (
            "filtered",
            [
                #"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"content_filter"}}}"#
            ], .failed(.filtered)
        ),
        ("incomplete", [#"{"type":"response.incomplete","response":{}}"#], .failed(.cutOff)),
        (
            "failed",
            [
                #"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error","message":"x"}}}"#
            ], .failed(.unavailable)
        ),
        (
            "failed for the rate",
            [#"{"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"x"}}}"#],
            .failed(.rateLimited)
        ),
        ("failed without a word", [#"{"type":"response.failed","response":{"error":null}}"#], .failed(.unavailable)),
        (
            "error", [#"{"type":"error","code":"rate_limit_exceeded","message":"x","param":null}"#],
            .failed(.rateLimited)
        ),
        ("error in an object", [#"{"type":"error","error":{"type":"invalid_request_error"}}"#], .failed(.refused)),
        ("error without a type", [#"{"error":{"message":"x","code":500}}"#], .failed(.unavailable)),
        ("cancelled", [#"{"type":"response.cancelled","response":{}}"#], .failed(.cutOff)),
        ("no JSON", ["{"], .failed(.malformed)), ("no object", ["5"], .failed(.cutOff)),
        ("an unknown status", [#"{"type":"response.completed","response":{"status":"odd"}}"#], .failed(.malformed)),
    ]

    @Test(arguments: Self.endings)
    func whatEndsAnAnswerDecidesWhetherItIsWhole(
        name: String, events: [String], outcome: PlayedAnswer.Outcome
    ) {
        let answer = PlayedAnswer.responses(events)
        #expect(answer.outcome == outcome, "\(name): \(answer)")
    }

    @Test func theUsageComesAlsoWithAnAnswerThatIsNotWhole() {
        let answer = PlayedAnswer.responses([
            Self.text("a"),
            #"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"},\#(Self.usage)}}"#,
        ])
        #expect(answer.parts == [.text("a"), .usage(.ofChunk)])
    }

    @Test func whatNoEventSaidIsTakenFromTheResponse() {
        let output =
            #"[{"type":"reasoning","summary":[{"type":"summary_text","text":"t"}]},{"type":"message","content":[{"type":"output_text","text":"a"}]},{"type":"function_call","name":"f","arguments":"{}"}]"#
        let end = #"{"type":"response.completed","response":{"status":"completed","output":\#(output)}}"#
        let all: [ModelPart] = [.thought("t"), .text("a"), .call(ModelCall(tool: "f", arguments: .json([:])))]
        #expect(PlayedAnswer.responses([end]) == PlayedAnswer(all, .whole))
        #expect(PlayedAnswer.responses([Self.text("a"), Self.done(2, "f", #""{}""#), end]).parts.count == 3)
        // The same as one document.
        let document = #"{"object":"response","status":"completed","error":null,"output":\#(output)}"#
        let machine = ResponsesStateMachine(model: "m", names: FunctionNames(ModelRequest()))
        #expect(PlayedAnswer.of(machine, body: [Array(document.utf8)]) == PlayedAnswer(all, .whole))
        let error = PlayedAnswer.of(machine, body: [Array(#"{"error":{"message":"x","code":429}}"#.utf8)])
        #expect(error.outcome == .failed(.rateLimited))
    }

    @Test func theTypeMayStandInTheEventAlone() {
        let machine = ResponsesStateMachine(model: "m", names: FunctionNames(ModelRequest()))
        let body = "event: response.output_text.delta\ndata: {\"delta\":\"a\"}\n\n"
        #expect(PlayedAnswer.of(machine, body: [Array(body.utf8)], ends: false).parts == [.text("a")])
    }

    @Test func callsAreBounded() {
        let many = (0...ModelCallAssembly.maximumCallCount).map { Self.added($0, "f") }
        #expect(PlayedAnswer.responses(many).outcome == .failed(.malformed))
        let large = String(repeating: "a", count: 1 << 18)
        let pieces = [Self.added(0, "f")] + Array(repeating: Self.piece(0, large), count: 5)
        #expect(PlayedAnswer.responses(pieces).outcome == .failed(.malformed))
    }
}
