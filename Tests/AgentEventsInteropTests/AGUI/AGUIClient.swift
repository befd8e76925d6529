import AgentEvents

@testable import AgentEventsInterop

/// The messages that a client of AG-UI has after a stream, by the rules of its default reducer: a known message is not opened again,
/// arguments are appended, a result always makes a message, and a snapshot replaces all.
struct AGUIClient: Equatable {
    private(set) var messages: [JSONObject] = []

    mutating func apply(_ frames: [StreamFrame]) { for frame in frames { apply(frame.json) } }

    private mutating func apply(_ event: JSONObject) {
        let delta = event["delta"]?.stringValue ?? ""
        switch event["type"]?.stringValue {
        case "TEXT_MESSAGE_START":
            guard place(event["messageId"]) == nil else { return }
            messages.append(["id": event["messageId"] ?? "", "role": event["role"] ?? "", "content": ""])
        case "TEXT_MESSAGE_CONTENT":
            guard let place = place(event["messageId"]) else { return }
            messages[place]["content"] = .string((messages[place]["content"]?.stringValue ?? "") + delta)
        case "TOOL_CALL_START":
            guard place(event["toolCallId"]) == nil else { return }
            let function: JSONValue = ["name": event["toolCallName"] ?? "", "arguments": ""]
            messages.append([
                "id": event["toolCallId"] ?? "", "role": "assistant",
                "toolCalls": [["id": event["toolCallId"] ?? "", "type": "function", "function": function]],
            ])
        case "TOOL_CALL_ARGS":
            guard let place = place(event["toolCallId"]),
                var call = messages[place]["toolCalls"]?.arrayValue?.first?.objectValue,
                var function = call["function"]?.objectValue
            else { return }
            function["arguments"] = .string((function["arguments"]?.stringValue ?? "") + delta)
            call["function"] = .object(function)
            messages[place]["toolCalls"] = [.object(call)]
        case "TOOL_CALL_RESULT":
            messages.append([
                "id": event["messageId"] ?? "", "role": "tool", "toolCallId": event["toolCallId"] ?? "",
                "content": event["content"] ?? "",
            ])
        case "MESSAGES_SNAPSHOT":
            messages = (event["messages"]?.arrayValue ?? []).compactMap(\.objectValue).map { message in
                var message = message
                // These do not come with single events.
                message["error"] = nil
                message["subagentRunId"] = nil
                return message
            }
        default: break
        }
    }

    private func place(_ id: JSONValue?) -> Int? { messages.firstIndex { $0["id"] == id } }
}
