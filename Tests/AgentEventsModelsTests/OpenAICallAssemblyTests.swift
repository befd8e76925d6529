import AgentEvents
import Testing

@testable import AgentEventsModels

/// Calls of tools in the pieces in which providers send them.
struct OpenAICallAssemblyTests {
    /// What stands in `tool_calls` of each chunk, and the calls with their arguments.
    private static let table: [(String, [String], [String])] = [
        (
            "as the protocol has it",
            [
                #"{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}"#,
                #"{"index":0,"function":{"arguments":"{\"a\""}}"#, #"{"index":0,"function":{"arguments":":1}"}}"#,
            ], [#"f{"a":1}"#]
        ),
        (
            "two interleaved by index",
            [
                #"{"index":0,"id":"c1","function":{"name":"f","arguments":"{"}}"#,
                #"{"index":1,"id":"c2","function":{"name":"g","arguments":"{\"b\":"}}"#,
                #"{"index":0,"function":{"arguments":"\"a\":1}"}}"#, #"{"index":1,"function":{"arguments":"2}"}}"#,
            ], [#"f{"a":1}"#, #"g{"b":2}"#]
        ),
        (
            "two in one chunk",
            [
                #"{"index":0,"id":"c1","function":{"name":"f","arguments":"{}"}},{"index":1,"id":"c2","function":{"name":"f","arguments":"{}"}}"#
            ], ["f{}", "f{}"]
        ),
        (
            "the index of both is 0, the ids differ",
            [
                #"{"index":0,"id":"c1","function":{"name":"f","arguments":"{\"a\":1}"}}"#,
                #"{"index":0,"id":"c2","function":{"name":"f","arguments":"{\"a\":2}"}}"#,
            ], [#"f{"a":1}"#, #"f{"a":2}"#]
        ),
        (
            "the index of both is 0, without ids",
            [
                #"{"index":0,"function":{"name":"f","arguments":"{\"a\":1}"}}"#,
                #"{"index":0,"function":{"name":"f","arguments":"{\"a\":2}"}}"#,
            ], [#"f{"a":1}"#, #"f{"a":2}"#]
        ),
        (
            "no index, whole calls in one chunk",
            [
                #"{"id":"c1","function":{"name":"f","arguments":"{}"}},{"id":"c2","function":{"name":"g","arguments":"{}"}}"#
            ], ["f{}", "g{}"]
        ),
        (
            "no index, no ids, one tool twice",
            [
                #"{"function":{"name":"f","arguments":"{\"a\":1}"}},{"function":{"name":"f","arguments":"{\"a\":1}"}}"#
            ], [#"f{"a":1}"#, #"f{"a":1}"#]
        ),
        (
            "no index, no ids, no arguments, one tool twice",
            [#"{"function":{"name":"f"}},{"function":{"name":"f"}}"#], ["f{}", "f{}"]
        ),
        (
            "no index, in pieces",
            [
                #"{"id":"c1","function":{"name":"f","arguments":""}}"#, #"{"function":{"arguments":"{\"a\""}}"#,
                #"{"function":{"arguments":":1}"}}"#, #"{"id":"c2","function":{"name":"g"}}"#,
                #"{"function":{"arguments":"{}"}}"#,
            ], [#"f{"a":1}"#, "g{}"]
        ),
        (
            "no index, interleaved by id",
            [
                #"{"id":"c1","function":{"name":"f","arguments":"{"}}"#,
                #"{"id":"c2","function":{"name":"g","arguments":"{"}}"#, #"{"id":"c1","function":{"arguments":"}"}}"#,
                #"{"id":"c2","function":{"arguments":"}"}}"#,
            ], ["f{}", "g{}"]
        ),
        (
            "one id for two calls",
            [
                #"{"id":"c","function":{"name":"f","arguments":"{}"}}"#,
                #"{"id":"c","function":{"name":"g","arguments":"{}"}}"#,
            ], ["f{}", "g{}"]
        ),
        (
            "one id for two calls, by index",
            [
                #"{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}"#,
                #"{"index":1,"id":"c","function":{"name":"g","arguments":"{}"}}"#,
            ], ["f{}", "g{}"]
        ),
        (
            "another id with each piece",
            [
                #"{"index":0,"id":"c1","function":{"name":"f","arguments":""}}"#,
                #"{"index":0,"id":"c2","function":{"arguments":"{\"a\""}}"#,
                #"{"index":0,"id":"c3","function":{"arguments":":1}"}}"#,
            ], [#"f{"a":1}"#]
        ),
        (
            "the id, the type and the name with each piece",
            [
                #"{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\""}}"#,
                #"{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":":1}"}}"#,
            ], [#"f{"a":1}"#]
        ),
        (
            "the name in pieces",
            [
                #"{"index":0,"id":"c1","function":{"name":"search"}}"#, #"{"index":0,"function":{"name":"_builds"}}"#,
                #"{"index":0,"function":{"arguments":"{}"}}"#,
            ], ["search_builds{}"]
        ),
        (
            "the name after the first arguments",
            [
                #"{"id":"c1","function":{"arguments":"{\"a\""}}"#,
                #"{"id":"c1","function":{"name":"f","arguments":":1}"}}"#,
            ], [#"f{"a":1}"#]
        ),
        (
            "an index from the second piece on",
            [
                #"{"id":"c1","function":{"name":"f","arguments":"{"}}"#,
                #"{"index":0,"function":{"arguments":"}"}}"#,
            ], ["f{}"]
        ),
        (
            "null for what is not there",
            [
                #"{"index":0,"id":null,"function":{"name":"f","arguments":null}}"#,
                #"{"index":0,"id":"","function":{"name":null,"arguments":"{}"}}"#,
            ], ["f{}"]
        ),
        ("no arguments", [#"{"index":0,"function":{"name":"f"}}"#], ["f{}"]),
        ("empty arguments", [#"{"index":0,"function":{"name":"f","arguments":""}}"#], ["f{}"]),
        ("blank arguments", [#"{"index":0,"function":{"name":"f","arguments":" \n"}}"#], ["f{}"]),
        ("null as arguments", [#"{"index":0,"function":{"name":"f","arguments":"null"}}"#], ["f{}"]),
        ("an object as arguments", [#"{"index":0,"function":{"name":"f","arguments":{"a":[1]}}}"#], [#"f{"a":[1]}"#]),
        ("no object", [#"{"index":0,"function":{"name":"f","arguments":"[5]"}}"#], ["f[5]"]),
        ("no function", [#"{"index":0,"id":"c"}"#], ["{}"]),
        ("not even an object", ["5"], ["{}"]),
    ]

    private func shown(_ calls: [ModelCall]) -> [String] {
        calls.map { call in
            switch call.arguments {
            case .json(let value): call.tool + String(decoding: value.encoded(), as: UTF8.self)
            case .unreadable(let text): "\(call.tool) unreadable \(text)"
            }
        }
    }

    @Test(arguments: Self.table)
    func piecesBecomeTheCallsThatWereMeant(name: String, chunks: [String], expected: [String]) {
        let answer = PlayedAnswer.chat(chunks.map(Chunk.calls) + [Chunk.finish("tool_calls")])
        #expect(shown(answer.calls) == expected, "\(name)")
        #expect(answer.outcome == .whole)
    }

    @Test(arguments: [
        (#"{\"a\":1"#, #"{"a":1"#), (#"{\"a\":1}{\"a\":1}"#, #"{"a":1}{"a":1}"#), ("{'a':1}", "{'a':1}"),
        ("deploy it", "deploy it"), (#"{\"a\":1,\"a\":2}"#, #"{"a":1,"a":2}"#),
    ])
    func argumentsThatAreNotJSONAreUnreadable(written: String, text: String) {
        let answer = PlayedAnswer.chat([
            Chunk.calls(#"{"index":0,"function":{"name":"f","arguments":"\#(written)"}}"#), Chunk.finish("tool_calls"),
        ])
        #expect(answer.calls == [ModelCall(tool: "f", arguments: .unreadable(text))])
    }

    @Test func aCallIsToldByTheNameOfTheTool() {
        let answer = PlayedAnswer.chat(
            [
                Chunk.calls(#"{"index":0,"function":{"name":"editor_undo"}},{"index":1,"function":{"name":"nobody"}}"#),
                Chunk.finish("tool_calls"),
            ], tools: ["editor.undo"])
        #expect(answer.calls.map(\.tool) == ["editor.undo", "nobody"])
    }

    @Test func callsAreBounded() {
        let many = (0...ModelCallAssembly.maximumCallCount).map {
            Chunk.calls(#"{"index":\#($0),"function":{"name":"f"}}"#)
        }
        #expect(PlayedAnswer.chat(many).outcome == .failed(.malformed))
        #expect(PlayedAnswer.chat(Array(many.dropLast())).calls.count == ModelCallAssembly.maximumCallCount)
        let piece = Chunk.calls(
            #"{"index":0,"function":{"name":"f","arguments":"\#(String(repeating: "a", count: 1 << 16))"}}"#)
        #expect(PlayedAnswer.chat(Array(repeating: piece, count: 15)).outcome == .whole)
        #expect(PlayedAnswer.chat(Array(repeating: piece, count: 17)).outcome == .failed(.malformed))
    }
}
