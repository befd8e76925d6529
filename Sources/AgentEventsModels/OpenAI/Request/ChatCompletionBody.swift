import AgentEvents

/// The body of a request to `/chat/completions`.
enum ChatCompletionBody {
    static func object(
        _ request: ModelRequest, model: String, names: FunctionNames, configuration: OpenAIConfiguration
    ) -> JSONObject {
        var body: JSONObject = [
            "model": .string(model), "messages": .array(messages(request, names, configuration)), "stream": true,
            "stream_options": ["include_usage": true],
        ]
        if !request.tools.isEmpty {
            body["tools"] = .array(
                request.tools.map { tool in
                    [
                        "type": "function",
                        "function": [
                            "name": .string(names.name(of: tool.name)), "description": .string(tool.text),
                            "parameters": tool.parameters,
                        ],
                    ]
                })
        }
        if let limit = request.maximumOutputTokens { body[configuration.outputLimitName] = .integer(limit) }
        return body
    }

    private static func messages(
        _ request: ModelRequest, _ names: FunctionNames, _ configuration: OpenAIConfiguration
    ) -> [JSONValue] {
        var messages: [JSONValue] = []
        if !request.instructions.isEmpty {
            messages.append(["role": "system", "content": .string(request.instructions)])
        }
        var callCount = 0
        for item in request.transcript.items {
            switch item {
            case .user(let message):
                messages.append(["role": "user", "content": .string(ProviderTranscript.text(of: message))])
            case .assistant(let turn):
                messages += self.messages(turn, names, configuration, &callCount)
            }
        }
        return messages
    }

    /// The answer, and then the result of each of its calls. A turn of thoughts alone is left out: no message may be empty.
    private static func messages(
        _ turn: TranscriptTurn, _ names: FunctionNames, _ configuration: OpenAIConfiguration, _ callCount: inout Int
    ) -> [JSONValue] {
        guard !turn.text.isEmpty || !turn.calls.isEmpty else { return [] }
        var message: JSONObject = ["role": "assistant", "content": turn.text.isEmpty ? .null : .string(turn.text)]
        if let name = configuration.thoughtsName, !turn.thoughts.isEmpty {
            message[name] = .string(turn.thoughts.joined(separator: "\n\n"))
        }
        var calls: [JSONValue] = []
        var results: [JSONValue] = []
        for call in turn.calls {
            callCount += 1
            let id = JSONValue.string(ProviderTranscript.callID(callCount))
            calls.append([
                "id": id, "type": "function",
                "function": [
                    "name": .string(names.name(of: call.tool)),
                    "arguments": .string(ProviderTranscript.arguments(of: call)),
                ],
            ])
            results.append([
                "role": "tool", "tool_call_id": id, "content": .string(ProviderTranscript.text(of: call.result)),
            ])
        }
        if !calls.isEmpty { message["tool_calls"] = .array(calls) }
        return [.object(message)] + results
    }
}
