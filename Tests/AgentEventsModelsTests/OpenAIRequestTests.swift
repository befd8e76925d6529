import AgentEvents
import Testing

@testable import AgentEventsModels

/// What providers are asked.
struct OpenAIRequestTests {
    private func call(_ tool: ToolName, _ arguments: JSONValue, _ result: TranscriptResult) -> TranscriptCall {
        TranscriptCall(id: "c_of_the_log", tool: tool, arguments: arguments, result: result)
    }

    private func turn(_ text: String, thoughts: [String] = [], _ calls: [TranscriptCall] = []) -> TranscriptItem {
        .assistant(TranscriptTurn(run: "r_1", agent: "guide", thoughts: thoughts, text: text, calls: calls))
    }

    private func user(_ text: String, _ data: JSONValue? = nil) -> TranscriptItem {
        .user(TranscriptMessage(id: "m_1", author: "u_1", text: text, data: data))
    }

    /// Servers that read arguments into an object refuse everything else, and with it the whole conversation.
    @Test(
        arguments: [
            (["a": 1], #"{"a":1}"#), ("{\"build\":", #"{"arguments":"{\"build\":"}"#), ([1], #"{"arguments":[1]}"#),
            ("…", #"{"arguments":"…"}"#),
        ] as [(JSONValue, String)])
    func argumentsAreAlwaysAnObject(arguments: JSONValue, sent: String) {
        #expect(ProviderTranscript.arguments(of: call("f", arguments, .succeeded(nil))) == sent)
    }

    /// Thoughts are kept for those that send them.
    @Test func onlyAModelThatSendsThoughtsWantsThem() throws {
        var configuration = OpenAIConfiguration()
        let url = "http://127.0.0.1:1/v1"
        #expect(try !OpenAICompatibleModel(url: url, model: "m", configuration: configuration).wantsThoughts)
        configuration.thoughtsName = "reasoning_content"
        #expect(try OpenAICompatibleModel(url: url, model: "m", configuration: configuration).wantsThoughts)
        #expect(
            try !OpenAICompatibleModel(url: url, model: "m", dialect: .responses, configuration: configuration)
                .wantsThoughts)
    }

    private var request: ModelRequest {
        ModelRequest(
            instructions: "Be brief.",
            transcript: Transcript(items: [
                user("Look at this.", ["file": "a.txt"]), user("", [1]),
                turn(
                    "", thoughts: ["one", "two"],
                    [
                        call("file.read", ["path": "a.txt"], .succeeded("é\n")),
                        call("count", [:], .succeeded(["n": 2])), call("count", [:], .succeeded(nil)),
                        call("count", [:], .succeeded("")),
                    ]),
                turn("", thoughts: ["only a thought"]), user("Go on."),
                turn("Done.", [call("count", [:], .failed(code: "approval.denied", sentence: "A person said no."))]),
            ]),
            tools: [
                ToolDescription(name: "file.read", text: "Reads a file.", parameters: ["type": "object"]),
                ToolDescription(name: "count", text: "Counts.", parameters: ["type": "object", "properties": [:]]),
            ], maximumOutputTokens: 100)
    }

    @Test func chatCompletionsAreToldOfAllThatWasSaidAndDone() throws {
        let body = ChatCompletionBody.object(
            request, model: "m", names: FunctionNames(request), configuration: OpenAIConfiguration())
        let expected = #"""
            {"model":"m","messages":[{"role":"system","content":"Be brief."},
            {"role":"user","content":"Look at this.\n\n{\"file\":\"a.txt\"}"},{"role":"user","content":"[1]"},
            {"role":"assistant","content":null,"tool_calls":[
            {"id":"call00001","type":"function","function":{"name":"file_read","arguments":"{\"path\":\"a.txt\"}"}},
            {"id":"call00002","type":"function","function":{"name":"count","arguments":"{}"}},
            {"id":"call00003","type":"function","function":{"name":"count","arguments":"{}"}},
            {"id":"call00004","type":"function","function":{"name":"count","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"call00001","content":"é\n"},
            {"role":"tool","tool_call_id":"call00002","content":"{\"n\":2}"},
            {"role":"tool","tool_call_id":"call00003","content":"The call succeeded. It has no result."},
            {"role":"tool","tool_call_id":"call00004","content":"\"\""},
            {"role":"user","content":"Go on."},
            {"role":"assistant","content":"Done.","tool_calls":[
            {"id":"call00005","type":"function","function":{"name":"count","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"call00005","content":"A person said no."}],
            "stream":true,"stream_options":{"include_usage":true},
            "tools":[{"type":"function","function":{"name":"file_read","description":"Reads a file.","parameters":{"type":"object"}}},
            {"type":"function","function":{"name":"count","description":"Counts.","parameters":{"type":"object","properties":{}}}}],
            "max_tokens":100}
            """#
        #expect(JSONValue.object(body) == (try JSONValue(parsing: Array(expected.utf8))))
    }

    @Test func responsesAreToldOfTheSame() throws {
        let body = ResponsesBody.object(request, model: "m", names: FunctionNames(request))
        let expected = #"""
            {"model":"m","input":[{"role":"user","content":"Look at this.\n\n{\"file\":\"a.txt\"}"},
            {"role":"user","content":"[1]"},
            {"type":"function_call","call_id":"call00001","name":"file_read","arguments":"{\"path\":\"a.txt\"}"},
            {"type":"function_call","call_id":"call00002","name":"count","arguments":"{}"},
            {"type":"function_call","call_id":"call00003","name":"count","arguments":"{}"},
            {"type":"function_call","call_id":"call00004","name":"count","arguments":"{}"},
            {"type":"function_call_output","call_id":"call00001","output":"é\n"},
            {"type":"function_call_output","call_id":"call00002","output":"{\"n\":2}"},
            {"type":"function_call_output","call_id":"call00003","output":"The call succeeded. It has no result."},
            {"type":"function_call_output","call_id":"call00004","output":"\"\""},
            {"role":"user","content":"Go on."},{"role":"assistant","content":"Done."},
            {"type":"function_call","call_id":"call00005","name":"count","arguments":"{}"},
            {"type":"function_call_output","call_id":"call00005","output":"A person said no."}],
            "stream":true,"store":false,"instructions":"Be brief.",
            "tools":[{"type":"function","name":"file_read","description":"Reads a file.","parameters":{"type":"object"},"strict":false},
            {"type":"function","name":"count","description":"Counts.","parameters":{"type":"object","properties":{}},"strict":false}],
            "max_output_tokens":100}
            """#
        #expect(JSONValue.object(body) == (try JSONValue(parsing: Array(expected.utf8))))
    }

    @Test func aRequestWithoutAnythingHasNothingOfIt() {
        let body = ChatCompletionBody.object(
            ModelRequest(), model: "m", names: FunctionNames(ModelRequest()), configuration: OpenAIConfiguration())
        #expect(body.keys == ["model", "messages", "stream", "stream_options"])
        #expect(body["messages"] == [])
        let input = ResponsesBody.object(ModelRequest(), model: "m", names: FunctionNames(ModelRequest()))
        #expect(input.keys == ["model", "input", "stream", "store"])
    }

    @Test func settingsNameTheMembersThatDiffer() {
        let configuration = OpenAIConfiguration(
            outputLimitName: "max_completion_tokens", thoughtsName: "reasoning_content")
        let body = ChatCompletionBody.object(
            request, model: "m", names: FunctionNames(request), configuration: configuration)
        #expect(body["max_completion_tokens"] == 100)
        #expect(body["max_tokens"] == nil)
        #expect(body["messages"]?.arrayValue?[3]["reasoning_content"] == "one\n\ntwo")
    }

    @Test func namesFitWhatProvidersTake() {
        let long = String(repeating: "a", count: 70)
        let tools: [ToolName] = [
            "a.b", "a b", "a_b", "é", ToolName(stringLiteral: long), ToolName(stringLiteral: long + "b"), "a.b",
        ]
        let request = ModelRequest(
            transcript: Transcript(items: [turn("", [call("gone tool", [:], .succeeded(nil))])]),
            tools: tools.map { ToolDescription(name: $0, text: "", parameters: [:]) })
        let names = FunctionNames(request)
        // A name that is right is kept, whatever stands before it.
        #expect(
            tools.map { names.name(of: $0) } == [
                "a_b_2", "a_b_3", "a_b", "__", String(repeating: "a", count: 64),
                String(repeating: "a", count: 62) + "_2", "a_b_2",
            ])
        #expect(names.name(of: "gone tool") == "gone_tool")
        for tool in tools { #expect(names.tool(named: names.name(of: tool)) == tool.rawValue) }
        #expect(names.tool(named: "nobody") == "nobody")
    }

    @Test(arguments: [(1, "call00001"), (99_999, "call99999"), (100_000, "call100000")])
    func idsOfCallsAreNineLettersAndDigits(number: Int, id: String) {
        #expect(ProviderTranscript.callID(number) == id)
    }
}
