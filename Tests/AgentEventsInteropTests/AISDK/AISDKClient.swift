import AgentEvents

@testable import AgentEventsInterop

/// The rules by which a client of the AI SDK takes a stream: what makes it throw, in each version, and the parts that it ends with.
struct AISDKClient {
    struct Fault: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private static let members5: [String: Set<String>] = [
        "start": ["messageId", "messageMetadata"], "start-step": [], "finish-step": [], "finish": ["messageMetadata"],
        "error": ["errorText"], "text-start": ["id", "providerMetadata"],
        "text-delta": ["id", "delta", "providerMetadata"], "text-end": ["id", "providerMetadata"],
        "reasoning-start": ["id", "providerMetadata"], "reasoning-delta": ["id", "delta", "providerMetadata"],
        "reasoning-end": ["id", "providerMetadata"],
        "tool-input-start": ["toolCallId", "toolName", "providerExecuted", "dynamic"],
        "tool-input-available": ["toolCallId", "toolName", "input", "providerExecuted", "providerMetadata", "dynamic"],
        "tool-output-available": ["toolCallId", "output", "providerExecuted", "dynamic", "preliminary"],
        "tool-output-error": ["toolCallId", "errorText", "providerExecuted", "dynamic"],
    ]

    private static let members6: [String: Set<String>] = [
        "tool-approval-request": ["approvalId", "toolCallId"], "tool-output-denied": ["toolCallId"],
    ]

    let dialect: AISDKDialect
    private(set) var reducer = AISDKReducer()
    private var openTexts: Set<String> = []
    private var openThoughts: Set<String> = []
    private var calls: Set<String>
    private(set) var message: String?
    private(set) var hasEnded = false

    /// - Parameter calls: those of the message that the stream continues.
    init(_ dialect: AISDKDialect, calls: Set<String> = []) {
        self.dialect = dialect
        self.calls = calls
    }

    mutating func apply(_ frames: [StreamFrame]) throws { for frame in frames { try apply(frame.json) } }

    mutating func apply(_ chunk: JSONObject) throws {
        let type = chunk["type"]?.stringValue ?? ""
        guard !hasEnded else { throw Fault("\(type) after the end") }
        try check(type, chunk)
        let id = chunk["id"]?.stringValue ?? ""
        let call = chunk["toolCallId"]?.stringValue ?? ""
        switch type {
        case "start": message = chunk["messageId"]?.stringValue
        case "text-start": openTexts.insert(id)
        case "reasoning-start": openThoughts.insert(id)
        case "text-delta": guard openTexts.contains(id) else { throw Fault("missing text part \(id)") }
        case "text-end": guard openTexts.remove(id) != nil else { throw Fault("missing text part \(id)") }
        case "reasoning-delta": guard openThoughts.contains(id) else { throw Fault("missing reasoning part \(id)") }
        case "reasoning-end": guard openThoughts.remove(id) != nil else { throw Fault("missing reasoning part \(id)") }
        case "tool-input-available": calls.insert(call)
        case "tool-output-available", "tool-output-error", "tool-output-denied", "tool-approval-request":
            guard calls.contains(call) else { throw Fault("no tool invocation \(call)") }
        case "finish-step":
            // The client forgets what is open.
            guard openTexts.isEmpty, openThoughts.isEmpty else { throw Fault("a step ends while something is open") }
        case "finish", "error": hasEnded = true
        default: break
        }
        reducer.apply(chunk)
    }

    /// The rule by which a client sends the answers by itself, once a person has answered all questions: in the last step there is one, and
    /// nothing else there is open.
    var sendsAnswers: Bool {
        let last = reducer.parts.lastIndex { $0["type"] == "step-start" } ?? 0
        let states = reducer.parts[last...].compactMap { $0["type"] == "dynamic-tool" ? $0["state"] : nil }
        return states.contains("approval-requested")
            && states.allSatisfy {
                ["approval-requested", "output-available", "output-error", "output-denied"].contains($0)
            }
    }

    private func check(_ type: String, _ chunk: JSONObject) throws {
        if type.hasPrefix("data-") {
            for name in chunk.keys where !["type", "id", "data", "transient"].contains(name) {
                throw Fault("unknown member \(name) of \(type)")
            }
            return
        }
        let known = Self.members5[type] ?? (dialect == .version6 ? Self.members6[type] : nil)
        guard let known else { throw Fault("unknown type \(type)") }
        for name in chunk.keys where name != "type" && !known.contains(name) {
            throw Fault("unknown member \(name) of \(type)")
        }
    }
}
