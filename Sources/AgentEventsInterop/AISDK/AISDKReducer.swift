import AgentEvents

/// The parts of a message that chunks lead to: the rules of the AI SDK's client, for a page that is loaded again.
struct AISDKReducer: Hashable, Sendable {
    private(set) var parts: [JSONObject] = []
    /// The places of texts and thoughts that grow.
    private var growing: [String: Int] = [:]

    var json: JSONValue { .array(parts.map { .object($0) }) }

    mutating func apply(_ chunk: JSONObject) {
        guard let type = chunk["type"]?.stringValue else { return }
        switch type {
        case "start-step": parts.append(["type": "step-start"])
        case "text-start": open("text", chunk)
        case "reasoning-start": open("reasoning", chunk)
        case "text-delta", "reasoning-delta":
            guard let place = place(of: chunk), let delta = chunk["delta"]?.stringValue else { return }
            parts[place]["text"] = .string((parts[place]["text"]?.stringValue ?? "") + delta)
        case "text-end", "reasoning-end":
            guard let place = place(of: chunk) else { return }
            parts[place]["state"] = "done"
        case "tool-input-available":
            parts.append([
                "type": "dynamic-tool", "toolName": chunk["toolName"] ?? "", "toolCallId": chunk["toolCallId"] ?? "",
                "state": "input-available", "input": chunk["input"] ?? .null, "providerExecuted": true,
            ])
        case "tool-approval-request":
            change(chunk) { part in
                part["state"] = "approval-requested"
                part["approval"] = ["id": chunk["approvalId"] ?? ""]
            }
        case "tool-output-available":
            change(chunk) { part in
                part["state"] = "output-available"
                part["output"] = chunk["output"] ?? .null
            }
        case "tool-output-error":
            change(chunk) { part in
                part["state"] = "output-error"
                part["errorText"] = chunk["errorText"] ?? ""
            }
        case "tool-output-denied":
            change(chunk) { $0["state"] = "output-denied" }
        default:
            if type.hasPrefix("data-") { data(chunk) }
        }
    }

    private mutating func open(_ type: String, _ chunk: JSONObject) {
        guard let id = chunk["id"]?.stringValue else { return }
        growing[id] = parts.count
        parts.append(["type": .string(type), "text": "", "state": "streaming"])
    }

    private func place(of chunk: JSONObject) -> Int? { chunk["id"]?.stringValue.flatMap { growing[$0] } }

    private mutating func change(_ chunk: JSONObject, _ body: (inout JSONObject) -> Void) {
        guard let place = parts.lastIndex(where: { $0["toolCallId"] == chunk["toolCallId"] }) else { return }
        body(&parts[place])
    }

    private mutating func data(_ chunk: JSONObject) {
        if let place = parts.firstIndex(where: { $0["type"] == chunk["type"] && $0["id"] == chunk["id"] }) {
            parts[place] = chunk
        } else {
            parts.append(chunk)
        }
    }
}
