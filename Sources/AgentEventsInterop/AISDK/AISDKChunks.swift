import AgentEvents
import AgentEventsProtocol

/// The versions of the AI SDK's client, as far as they take different chunks. The version is not on the wire: a client before 6 says
/// so in the URL.
package enum AISDKDialect: Hashable, Sendable {
    /// 6 and 7.
    case version6
    /// 5: it knows no approvals, and fails at a chunk of a type that it does not know.
    case version5
}

/// Makes chunks of the UI message stream v1, with no member that any of its versions refuses.
struct AISDKChunks: Hashable, Sendable {
    let dialect: AISDKDialect

    /// The bytes that stand after the last chunk of a stream.
    static let ending: StaticString = "data: [DONE]\n\n"
    /// The member of messages' metadata that is this package's.
    static let metadata = "agentEvents"

    private func chunk(_ type: String, _ members: [(String, JSONValue?)] = []) -> StreamFrame {
        var json: JSONObject = ["type": .string(type)]
        for case (let name, let value?) in members { json[name] = value }
        return StreamFrame(json)
    }

    // MARK: The message

    func start(_ message: String) -> [StreamFrame] {
        [chunk("start", [("messageId", .string(message))]), chunk("start-step")]
    }

    func nextStep() -> [StreamFrame] { [chunk("finish-step"), chunk("start-step")] }

    /// - Parameter status: that of the run; `waiting` when it waits for people.
    func finish(_ status: String, cursor: Cursor?) -> [StreamFrame] {
        let own = JSONObject(present: [("status", .string(status)), ("cursor", cursor.map { .string("\($0)") })])
        return [chunk("finish-step"), chunk("finish", [("messageMetadata", .object([Self.metadata: .object(own)]))])]
    }

    /// A client throws at it: nothing that follows is looked at.
    func error(_ text: String) -> StreamFrame { chunk("error", [("errorText", .string(text))]) }

    /// A part of the application's own. One with the same id takes the place of that before.
    func data(_ name: String, id: String, _ value: JSONValue) -> StreamFrame {
        chunk("data-\(name)", [("id", .string(id)), ("data", value)])
    }

    // MARK: Parts

    func textStart(_ id: String) -> StreamFrame { chunk("text-start", [("id", .string(id))]) }

    func text(_ id: String, _ text: String) -> [StreamFrame] {
        text.isEmpty ? [] : [chunk("text-delta", [("id", .string(id)), ("delta", .string(text))])]
    }

    func textEnd(_ id: String) -> StreamFrame { chunk("text-end", [("id", .string(id))]) }

    func thoughtStart(_ id: String) -> StreamFrame { chunk("reasoning-start", [("id", .string(id))]) }

    func thought(_ id: String, _ text: String) -> [StreamFrame] {
        text.isEmpty ? [] : [chunk("reasoning-delta", [("id", .string(id)), ("delta", .string(text))])]
    }

    func thoughtEnd(_ id: String) -> StreamFrame { chunk("reasoning-end", [("id", .string(id))]) }

    func call(_ id: String, _ tool: ToolName, _ input: JSONValue) -> [StreamFrame] {
        let name: [(String, JSONValue?)] = [("toolCallId", .string(id)), ("toolName", .string(tool.rawValue))]
        let kind: [(String, JSONValue?)] = [("providerExecuted", true), ("dynamic", true)]
        return [
            chunk("tool-input-start", name + kind), chunk("tool-input-available", name + [("input", input)] + kind),
        ]
    }

    func result(ofCall id: String, _ completed: ToolCompleted) -> StreamFrame {
        let call: (String, JSONValue?) = ("toolCallId", .string(id))
        let kind: [(String, JSONValue?)] = [("providerExecuted", true), ("dynamic", true)]
        switch (completed.status, dialect) {
        case (.succeeded, _):
            return chunk("tool-output-available", [call, ("output", completed.result ?? .null)] + kind)
        case (.denied, .version6):
            return chunk("tool-output-denied", [call])
        case (.denied, .version5), (.failed, _), (.timedOut, _), (.cancelled, _):
            let text = completed.error?.message ?? completed.status.rawValue
            return chunk("tool-output-error", [call, ("errorText", .string(text))] + kind)
        }
    }

    // MARK: Questions

    /// - Parameters:
    ///   - id: the question.
    ///   - call: the call that waits for the answer; `nil` for none.
    func approval(_ id: String, call: String?, _ request: ApprovalRequested) -> StreamFrame {
        if dialect == .version6, let call {
            return chunk("tool-approval-request", [("approvalId", .string(id)), ("toolCallId", .string(call))])
        }
        return data("approval", id: id, Self.question(id, call: call, request, decision: nil))
    }

    /// - Returns: nothing for a question that stands at its call: the end of the call tells it.
    func resolved(
        _ id: String,
        call: String?,
        _ request: ApprovalRequested,
        _ decision: ApprovalDecision
    ) -> [StreamFrame] {
        if dialect == .version6, call != nil { return [] }
        return [data("approval", id: id, Self.question(id, call: call, request, decision: decision))]
    }

    private static func question(
        _ id: String,
        call: String?,
        _ request: ApprovalRequested,
        decision: ApprovalDecision?
    ) -> JSONValue {
        .object(
            JSONObject(
                present: [
                    ("id", .string(id)), ("toolCallId", call.map { .string($0) }), ("prompt", .string(request.prompt)),
                    ("schema", request.schema), ("expiresAt", request.expiresAt.map { .string($0.rfc3339) }),
                    ("decision", decision.map { .string($0.rawValue) }),
                ]))
    }
}
