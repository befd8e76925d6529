import AgentEvents

/// The body of a request to `/responses`. The provider is asked to store nothing: the conversation is in the log.
enum ResponsesBody {
    static func object(_ request: ModelRequest, model: String, names: FunctionNames) -> JSONObject {
        var body: JSONObject = [
            "model": .string(model), "input": .array(input(request, names)), "stream": true, "store": false,
        ]
        if !request.instructions.isEmpty { body["instructions"] = .string(request.instructions) }
        if !request.tools.isEmpty {
            body["tools"] = .array(
                request.tools.map { tool in
                    [
                        "type": "function", "name": .string(names.name(of: tool.name)),
                        "description": .string(tool.text), "parameters": tool.parameters, "strict": false,
                    ]
                })
        }
        if let limit = request.maximumOutputTokens { body["max_output_tokens"] = .integer(limit) }
        return body
    }

    private static func input(_ request: ModelRequest, _ names: FunctionNames) -> [JSONValue] {
        var input: [JSONValue] = []
        var callCount = 0
        for item in request.transcript.items {
            switch item {
            case .user(let message):
                input.append(["role": "user", "content": .string(ProviderTranscript.text(of: message))])
            case .assistant(let turn):
                if !turn.text.isEmpty { input.append(["role": "assistant", "content": .string(turn.text)]) }
                var results: [JSONValue] = []
                for call in turn.calls {
                    callCount += 1
                    let id = JSONValue.string(ProviderTranscript.callID(callCount))
                    input.append([
                        "type": "function_call", "call_id": id, "name": .string(names.name(of: call.tool)),
                        "arguments": .string(ProviderTranscript.arguments(of: call)),
                    ])
                    results.append([
                        "type": "function_call_output", "call_id": id,
                        "output": .string(ProviderTranscript.text(of: call.result)),
                    ])
                }
                input += results
            }
        }
        return input
    }
}
