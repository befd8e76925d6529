import AgentEvents
import AgentEventsProtocol

/// Makes events of AG-UI. An optional member that is not there is left out: `null` is refused by clients.
struct AGUIEvents: Hashable, Sendable {
    let dialect: AGUIDialect
    /// As the client names them.
    let thread: String
    let run: String

    /// - Parameter subagent: the child that the event is of; `nil` for the run itself.
    private func event(_ type: String, _ subagent: RunID?, _ members: [(String, JSONValue?)]) -> StreamFrame {
        var json: JSONObject = ["type": .string(type)]
        if dialect == .version1 { json["subagentRunId"] = subagent?.json }
        for case (let name, let value?) in members { json[name] = value }
        return StreamFrame(json)
    }

    private func event(_ type: String, _ members: [(String, JSONValue?)]) -> StreamFrame { event(type, nil, members) }

    // MARK: The run

    func runStarted() -> StreamFrame {
        event(
            "RUN_STARTED",
            [
                ("threadId", .string(thread)), ("runId", .string(run)),
                ("protocolVersion", dialect == .version1 ? "1.0" : nil),
            ])
    }

    private func runFinished(outcome: JSONValue?, result: JSONValue? = nil, usage: TokenUsage? = nil) -> StreamFrame {
        event(
            "RUN_FINISHED",
            [
                ("threadId", .string(thread)), ("runId", .string(run)), ("result", result), ("outcome", outcome),
                ("usage", AGUIUsage.json(usage)),
            ])
    }

    func succeeded(_ completed: AgentCompleted) -> [StreamFrame] {
        let result = completed.result == JSONValue.null ? nil : completed.result
        return [
            runFinished(
                outcome: dialect == .version1 ? ["type": "success"] : nil, result: result, usage: completed.usage)
        ]
    }

    /// Clients before 1.0 fail at an outcome of this type.
    func cancelled(_ cancelled: AgentCancelled) -> [StreamFrame] {
        let value = JSONObject(
            present: [("reason", cancelled.reason.map { .string($0) }), ("by", cancelled.by?.json)])
        let told = custom("agent-events.cancelled", .object(value), nil)
        switch dialect {
        case .version1: return [told, runFinished(outcome: ["type": "cancelled"], usage: cancelled.usage)]
        case .version0: return [told, runFinished(outcome: nil, usage: cancelled.usage)]
        }
    }

    func failed(_ message: String, code: String, usage: TokenUsage? = nil) -> StreamFrame {
        event("RUN_ERROR", [("message", .string(message)), ("code", .string(code)), ("usage", AGUIUsage.json(usage))])
    }

    func interrupted(_ interrupts: [JSONValue]) -> StreamFrame {
        runFinished(outcome: ["type": "interrupt", "interrupts": .array(interrupts)])
    }

    func finished() -> StreamFrame { runFinished(outcome: dialect == .version1 ? ["type": "success"] : nil) }

    // MARK: Children

    func childStarted(_ run: RunID, _ agent: AgentName?, parent: RunID?, call: String?) -> StreamFrame {
        guard dialect == .version1 else {
            return event("STEP_STARTED", [("stepName", .string(StreamNames.step(agent, of: run)))])
        }
        return event(
            "SUBAGENT_STARTED", run,
            [
                ("name", .string(agent?.rawValue ?? "agent")), ("parentSubagentRunId", parent?.json),
                ("parentToolCallId", call.map { .string($0) }),
            ])
    }

    func childFinished(_ run: RunID, _ agent: AgentName?, result: JSONValue?) -> StreamFrame {
        guard dialect == .version1 else { return stepFinished(run, agent) }
        return event(
            "SUBAGENT_FINISHED", run,
            [("result", result == JSONValue.null ? nil : result), ("outcome", ["type": "success"])])
    }

    func childSuspended(_ run: RunID, _ agent: AgentName?, interrupts: [String]) -> StreamFrame {
        guard dialect == .version1 else { return stepFinished(run, agent) }
        let names: JSONValue = .array(interrupts.map { .string($0) })
        return event("SUBAGENT_FINISHED", run, [("outcome", ["type": "suspended", "interruptIds": names])])
    }

    func childFailed(_ run: RunID, _ agent: AgentName?, _ message: String, code: String) -> StreamFrame {
        guard dialect == .version1 else { return stepFinished(run, agent) }
        return event("SUBAGENT_ERROR", run, [("message", .string(message)), ("code", .string(code))])
    }

    private func stepFinished(_ run: RunID, _ agent: AgentName?) -> StreamFrame {
        event("STEP_FINISHED", [("stepName", .string(StreamNames.step(agent, of: run)))])
    }

    // MARK: Messages

    func textStarted(_ id: String, _ role: MessageRole, _ subagent: RunID?) -> StreamFrame {
        event(
            "TEXT_MESSAGE_START", subagent,
            [("messageId", .string(id)), ("role", .string(AGUIRole.name(of: role)))])
    }

    /// - Returns: nothing for an empty text: clients refuse it.
    func text(_ id: String, _ text: String, _ subagent: RunID?) -> [StreamFrame] {
        guard !text.isEmpty else { return [] }
        return [event("TEXT_MESSAGE_CONTENT", subagent, [("messageId", .string(id)), ("delta", .string(text))])]
    }

    func textEnded(_ id: String, _ subagent: RunID?) -> StreamFrame {
        event("TEXT_MESSAGE_END", subagent, [("messageId", .string(id))])
    }

    func thoughtStarted(_ id: String, _ subagent: RunID?) -> [StreamFrame] {
        [
            event("REASONING_START", subagent, [("messageId", .string(id))]),
            event("REASONING_MESSAGE_START", subagent, [("messageId", .string(id)), ("role", "reasoning")]),
        ]
    }

    func thought(_ id: String, _ text: String, _ subagent: RunID?) -> [StreamFrame] {
        guard !text.isEmpty else { return [] }
        return [event("REASONING_MESSAGE_CONTENT", subagent, [("messageId", .string(id)), ("delta", .string(text))])]
    }

    func thoughtEnded(_ id: String, _ subagent: RunID?) -> [StreamFrame] {
        [
            event("REASONING_MESSAGE_END", subagent, [("messageId", .string(id))]),
            event("REASONING_END", subagent, [("messageId", .string(id))]),
        ]
    }

    // MARK: Calls

    func call(_ id: String, _ tool: ToolName, arguments: String, _ subagent: RunID?) -> [StreamFrame] {
        [
            event(
                "TOOL_CALL_START", subagent, [("toolCallId", .string(id)), ("toolCallName", .string(tool.rawValue))]),
            event("TOOL_CALL_ARGS", subagent, [("toolCallId", .string(id)), ("delta", .string(arguments))]),
            event("TOOL_CALL_END", subagent, [("toolCallId", .string(id))]),
        ]
    }

    /// A result has no member for an error: its status stands in the metadata.
    func result(ofCall id: String, _ completed: ToolCompleted, _ subagent: RunID?) -> StreamFrame {
        var frame = event(
            "TOOL_CALL_RESULT", subagent,
            [
                ("messageId", .string(StreamNames.result(ofCall: id))), ("toolCallId", .string(id)),
                ("content", .string(AGUIToolText.content(of: completed))), ("role", "tool"),
            ])
        frame.json["metadata"] = .object([AGUIMember.metadata: ["status": .string(completed.status.rawValue)]])
        return frame
    }

    // MARK: State, and the rest

    func messages(_ messages: JSONValue) -> StreamFrame { event("MESSAGES_SNAPSHOT", [("messages", messages)]) }

    func state(_ state: JSONObject) -> StreamFrame { event("STATE_SNAPSHOT", [("snapshot", .object(state))]) }

    func custom(_ name: String, _ value: JSONValue, _ subagent: RunID?) -> StreamFrame {
        event("CUSTOM", subagent, [("name", .string(name)), ("value", value)])
    }
}

/// The text of the result of a call: AG-UI before 1.0 has nothing but text there.
enum AGUIToolText {
    static func content(of completed: ToolCompleted) -> String {
        if let error = completed.error { return error.message }
        guard let result = completed.result else {
            return completed.status == .succeeded ? "" : completed.status.rawValue
        }
        return result.stringValue ?? String(decoding: result.encoded(), as: UTF8.self)
    }

    /// `nil` for a call that succeeded.
    static func error(of completed: ToolCompleted) -> String? {
        guard completed.status != .succeeded else { return nil }
        return completed.error?.message ?? completed.status.rawValue
    }
}

/// The tokens of a run. One count that is no whole number from 0 to 2^53-1 would have clients refuse the end of the run.
enum AGUIUsage {
    private static let maximumCount: Int64 = 1 << 53 - 1

    static func json(_ usage: TokenUsage?) -> JSONValue? {
        guard let usage else { return nil }
        let entry = JSONObject(
            present: [
                ("inputTokens", count(usage.inputTokens)), ("outputTokens", count(usage.outputTokens)),
                ("cachedInputTokens", count(usage.other["cached_input_tokens"]?.integerValue)),
                ("reasoningTokens", count(usage.other["reasoning_tokens"]?.integerValue)),
            ])
        return entry.isEmpty ? nil : [.object(entry)]
    }

    private static func count(_ count: Int64?) -> JSONValue? {
        guard let count, (0...maximumCount).contains(count) else { return nil }
        return .integer(count)
    }
}
