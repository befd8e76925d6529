package import AgentEvents
package import NIOCore

/// The rules by which a client of the AI SDK takes a stream: what makes it throw, in each version, and the parts that it ends
/// with.
package struct AISDKClient: FrameVerifier {
    private enum Rule: String, CaseIterable {
        case known = "a chunk is of a type that the client knows, and so are its members"
        case part = "a text or a thought that continues was opened"
        case call = "an output or a question is of a call that was told"
        case step = "a step ends when nothing is open in it"
        case end = "nothing follows the end, and [DONE] only it"
    }

    /// Stands after the last frame.
    private static let ending = ByteBuffer(staticString: AISDKChunks.ending)

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

    package let dialect: AISDKDialect
    private(set) var reducer = AISDKReducer()
    private var openTexts: Set<String> = []
    private var openThoughts: Set<String> = []
    private var calls: Set<String>
    package private(set) var message: String?
    package private(set) var hasEnded = false
    private var isDone = false

    /// - Parameter calls: those of the message that the stream continues.
    package init(_ dialect: AISDKDialect, calls: Set<String> = []) {
        self.dialect = dialect
        self.calls = calls
    }

    package var rules: [String] { [SentMessage.rule] + Rule.allCases.map(\.rawValue) }

    package mutating func check(_ frame: ByteBuffer, of event: EventID?) throws(FrameFault) {
        guard frame == Self.ending else { return try apply(SentMessage(frame).object()) }
        guard hasEnded, !isDone else { throw fault(.end, "[DONE] where the message has not ended, or again") }
        isDone = true
    }

    private func fault(_ rule: Rule, _ description: String) -> FrameFault { FrameFault(rule.rawValue, description) }

    mutating func apply(_ frames: [StreamFrame]) throws(FrameFault) { for frame in frames { try apply(frame.json) } }

    package mutating func apply(_ chunk: JSONObject) throws(FrameFault) {
        let type = chunk["type"]?.stringValue ?? ""
        guard !hasEnded else { throw fault(.end, "\(type) after the end") }
        try check(type, chunk)
        let id = chunk["id"]?.stringValue ?? ""
        let call = chunk["toolCallId"]?.stringValue ?? ""
        switch type {
        case "start": message = chunk["messageId"]?.stringValue
        case "text-start": openTexts.insert(id)
        case "reasoning-start": openThoughts.insert(id)
        case "text-delta": guard openTexts.contains(id) else { throw fault(.part, "missing text part \(id)") }
        case "text-end": guard openTexts.remove(id) != nil else { throw fault(.part, "missing text part \(id)") }
        case "reasoning-delta":
            guard openThoughts.contains(id) else { throw fault(.part, "missing reasoning part \(id)") }
        case "reasoning-end":
            guard openThoughts.remove(id) != nil else { throw fault(.part, "missing reasoning part \(id)") }
        case "tool-input-available": calls.insert(call)
        case "tool-output-available", "tool-output-error", "tool-output-denied", "tool-approval-request":
            guard calls.contains(call) else { throw fault(.call, "no tool invocation \(call)") }
        case "finish-step":
            // The client forgets what is open.
            guard openTexts.isEmpty, openThoughts.isEmpty else {
                throw fault(.step, "a step ends while something is open")
            }
        case "finish", "error": hasEnded = true
        default: break
        }
        reducer.apply(chunk)
    }

    /// The rule by which a client sends the answers by itself, once a person has answered all questions: in the last step there
    /// is one, and nothing else there is open.
    var sendsAnswers: Bool {
        let last = reducer.parts.lastIndex { $0["type"] == "step-start" } ?? 0
        let states = reducer.parts[last...].compactMap { $0["type"] == "dynamic-tool" ? $0["state"] : nil }
        return states.contains("approval-requested")
            && states.allSatisfy {
                ["approval-requested", "output-available", "output-error", "output-denied"].contains($0)
            }
    }

    private func check(_ type: String, _ chunk: JSONObject) throws(FrameFault) {
        if type.hasPrefix("data-") {
            for name in chunk.keys where !["type", "id", "data", "transient"].contains(name) {
                throw fault(.known, "unknown member \(name) of \(type)")
            }
            return
        }
        let known = Self.members5[type] ?? (dialect == .version6 ? Self.members6[type] : nil)
        guard let known else { throw fault(.known, "unknown type \(type)") }
        for name in chunk.keys where name != "type" && !known.contains(name) {
            throw fault(.known, "unknown member \(name) of \(type)")
        }
    }
}
