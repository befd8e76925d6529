import AgentEvents

/// The parts of a message that chunks lead to: the rules of the AI SDK's client, for a page that is loaded again.
struct AISDKReducer: Hashable, Sendable {
    private struct Part: Hashable, Sendable {
        var json: JSONObject
        /// Beside the rest, so that a text that grows is not copied; `nil` for a part without one.
        var text: String?
        var byteCount = 0
    }

    private var list: [Part] = []
    /// The number of parts that came before those in the list and were dropped.
    private var droppedCount = 0
    /// Texts and thoughts that grow, by their number.
    private var growing: [String: Int] = [:]
    private let maximumByteCount: Int
    /// At most the size of the parts as JSON.
    private(set) var byteCount = 0

    /// - Parameter maximumByteCount: with more, the oldest parts are left out.
    init(maximumByteCount: Int = .max) { self.maximumByteCount = maximumByteCount }

    var parts: [JSONObject] {
        list.map { part in
            var json = part.json
            if let text = part.text { json["text"] = .string(text) }
            return json
        }
    }

    var json: JSONValue { .array(parts.map { .object($0) }) }

    mutating func apply(_ chunk: JSONObject) {
        guard let type = chunk["type"]?.stringValue else { return }
        switch type {
        case "start-step": append(Part(json: ["type": "step-start"]))
        case "text-start": open("text", chunk)
        case "reasoning-start": open("reasoning", chunk)
        case "text-delta", "reasoning-delta":
            guard let place = place(of: chunk), let delta = chunk["delta"]?.stringValue else { return }
            list[place].text?.append(delta)
            grow(place, by: EncodedSize.text(delta))
        case "text-end", "reasoning-end":
            guard let place = place(of: chunk) else { return }
            list[place].json["state"] = "done"
        case "tool-input-available":
            append(
                Part(json: [
                    "type": "dynamic-tool", "toolName": chunk["toolName"] ?? "",
                    "toolCallId": chunk["toolCallId"] ?? "", "state": "input-available",
                    "input": chunk["input"] ?? .null, "providerExecuted": true,
                ]))
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
        growing[id] = droppedCount + list.count
        append(Part(json: ["type": .string(type), "text": "", "state": "streaming"], text: ""))
    }

    private func place(of chunk: JSONObject) -> Int? {
        let place = chunk["id"]?.stringValue.flatMap { growing[$0] }.map { $0 - droppedCount }
        return place.flatMap { $0 < 0 ? nil : $0 }
    }

    private mutating func change(_ chunk: JSONObject, _ body: (inout JSONObject) -> Void) {
        guard let place = list.lastIndex(where: { $0.json["toolCallId"] == chunk["toolCallId"] }) else { return }
        body(&list[place].json)
        measure(place)
    }

    private mutating func data(_ chunk: JSONObject) {
        if let place = list.firstIndex(where: { $0.json["type"] == chunk["type"] && $0.json["id"] == chunk["id"] }) {
            list[place].json = chunk
            measure(place)
        } else {
            append(Part(json: chunk))
        }
    }

    // MARK: The bound

    private mutating func append(_ part: Part) {
        list.append(part)
        measure(list.count - 1)
    }

    private mutating func measure(_ place: Int) {
        grow(place, by: JSONValue.object(list[place].json).encoded().count + 50 - list[place].byteCount)
    }

    /// With too much, half of it goes at once.
    private mutating func grow(_ place: Int, by count: Int) {
        list[place].byteCount += count
        byteCount += count
        guard byteCount > maximumByteCount, list.count > 1 else { return }
        var count = 0
        while byteCount > maximumByteCount / 2, count < list.count - 1 {
            byteCount -= list[count].byteCount
            count += 1
        }
        list.removeFirst(count)
        droppedCount += count
    }
}
