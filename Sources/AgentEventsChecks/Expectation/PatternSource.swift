import AgentEvents

/// A pattern of `AgentEventsTesting` as it is written: `.tool("search", arguments: ["query": "x"]) { … }`.
struct PatternSource: Hashable {
    private static let lineLength = 120
    private static let indentation = "    "

    var name: String
    var arguments: [String] = []
    /// The patterns in its braces; without braces when there are none.
    var body: [PatternSource] = []

    /// The lines, indented by this number of levels.
    func lines(depth: Int) -> [String] {
        let indent = String(repeating: Self.indentation, count: depth)
        var lines = head(indent)
        guard !body.isEmpty else { return lines }
        lines[lines.count - 1] += " {"
        return lines + body.flatMap { $0.lines(depth: depth + 1) } + [indent + "}"]
    }

    private func head(_ indent: String) -> [String] {
        if arguments.isEmpty { return ["\(indent).\(name)\(body.isEmpty ? "()" : "")"] }
        let line = "\(indent).\(name)(\(arguments.joined(separator: ", ")))"
        let isShort = line.count + (body.isEmpty ? 0 : " {".count) <= Self.lineLength
        guard !isShort, arguments.count > 1 else { return [line] }
        let inner = arguments.enumerated().map { offset, argument in
            indent + Self.indentation + argument + (offset == arguments.count - 1 ? "" : ",")
        }
        return ["\(indent).\(name)("] + inner + ["\(indent))"]
    }
}

// A pattern tells what an agent does, not the ids, times and numbers that differ from run to run.

extension PatternSource {
    /// The length of the beginning by which a text is told.
    private static let textLength = 80
    /// The length up to which JSON is shown; longer values, and members of an object that would exceed it, are left out.
    private static let jsonLength = 160

    /// The pattern of one event, alone.
    static func event(_ event: AgentEvent) -> PatternSource {
        switch event.payload {
        case .agentQueued(let queued):
            PatternSource(
                name: "agentQueued",
                arguments: (event.agent.map { ["agent: \(SwiftLiteral.text($0.rawValue))"] } ?? [])
                    + json("input", queued.input) + equal("attempt", queued.attempt.map { "\($0)" }))
        case .agentStarted: started("agentStarted", event)
        case .inputTaken: PatternSource(name: "inputTaken")
        case .agentThinking(let thinking): thought(thinking.text)
        case .agentProgress(let progress):
            PatternSource(
                name: "agentProgress",
                arguments: equal("message", progress.message.map(SwiftLiteral.text))
                    + equal("fraction", progress.fraction.map { "\($0)" })
                    + equal("step", progress.step.map { "\($0)" }) + equal("total", progress.total.map { "\($0)" }))
        case .messageDelta(let delta):
            PatternSource(name: "messageDelta", arguments: containing(delta.text))
        case .messageCompleted(let completed): message("messageCompleted", completed)
        case .toolExecuting(let executing):
            PatternSource(name: "toolExecuting", arguments: call(executing))
        case .toolProgress(let progress):
            PatternSource(
                name: "toolProgress",
                arguments: equal("message", progress.message.map(SwiftLiteral.text))
                    + equal("fraction", progress.fraction.map { "\($0)" }))
        case .toolCompleted(let completed):
            PatternSource(
                name: "toolCompleted",
                arguments: [SwiftLiteral.text(completed.tool.rawValue), "status: .\(completed.status)"]
                    + json("result", completed.result))
        case .approvalRequested(let requested):
            PatternSource(
                name: "approvalRequested",
                arguments: containing(requested.prompt) + including("schema", requested.schema))
        case .approvalResolved(let resolved):
            PatternSource(
                name: "approvalResolved", arguments: [".\(resolved.decision)"] + including("data", resolved.data))
        case .usageReported(let report):
            PatternSource(
                name: "usageReported",
                arguments: (report.model.map { ["model: \(SwiftLiteral.text($0))"] } ?? [])
                    + equal("inputTokens", "\(report.inputTokens)") + equal("outputTokens", "\(report.outputTokens)"))
        case .agentPaused(let paused):
            PatternSource(name: "agentPaused", arguments: equal("reason", paused.reason.map(SwiftLiteral.text)))
        case .agentResumed(let resumed):
            PatternSource(name: "agentResumed", arguments: equal("reason", resumed.reason.map(SwiftLiteral.text)))
        case .agentCompleted(let completed):
            PatternSource(name: "agentCompleted", arguments: json("result", completed.result))
        case .agentFailed(let failed):
            PatternSource(name: "agentFailed", arguments: ["code: \(SwiftLiteral.text(failed.error.code))"])
        case .agentCancelled(let cancelled):
            PatternSource(
                name: "agentCancelled",
                arguments: cancelled.reason.map { ["reason: \(SwiftLiteral.text($0))"] } ?? [])
        case .userMessage(let message):
            PatternSource(
                name: "userMessage", arguments: containing(message.text) + including("data", message.data))
        case .stateUpdated(let updated):
            PatternSource(
                name: "stateUpdated",
                arguments: ["key: \(SwiftLiteral.text(updated.key))"] + equal("change", change(updated.change)))
        case .custom(let custom):
            PatternSource(
                name: "custom", arguments: [SwiftLiteral.text(custom.name)] + json("value", custom.value))
        case .unknown(let unknown): other(unknown.typeName)
        }
    }

    /// A run with everything in it.
    static func run(_ start: AgentEvent, body: [PatternSource]) -> PatternSource {
        var source = started("run", start)
        source.body = body
        return source
    }

    /// A thought, by its whole text.
    static func thought(_ text: String) -> PatternSource {
        PatternSource(name: "agentThinking", arguments: containing(text))
    }

    /// A message, with its fragments or without.
    static func message(_ name: String, _ completed: MessageCompleted) -> PatternSource {
        let role = completed.role == .assistant ? [] : equal("role", ".\(completed.role)")
        return PatternSource(name: name, arguments: containing(completed.text) + role)
    }

    /// A call with everything in it.
    static func tool(_ start: ToolExecuting, _ end: ToolCompleted, body: [PatternSource]) -> PatternSource {
        let status = end.status == .succeeded ? [] : ["status: .\(end.status)"]
        return PatternSource(name: "tool", arguments: call(start) + status + json("result", end.result), body: body)
    }

    private static func started(_ name: String, _ event: AgentEvent) -> PatternSource {
        var arguments = event.agent.map { ["agent: \(SwiftLiteral.text($0.rawValue))"] } ?? []
        if case .agentStarted(let started) = event.payload { arguments += json("input", started.input) }
        return PatternSource(name: name, arguments: arguments)
    }

    private static func other(_ typeName: String) -> PatternSource {
        let name = SwiftLiteral.text(typeName)
        return PatternSource(name: "event", arguments: [name, "where: { $0.typeName == \(name) }"])
    }

    // MARK: Arguments

    private static func call(_ executing: ToolExecuting) -> [String] {
        let isEmpty = executing.arguments.objectValue?.isEmpty ?? false
        return [SwiftLiteral.text(executing.tool.rawValue)] + (isEmpty ? [] : json("arguments", executing.arguments))
    }

    private static func containing(_ text: String) -> [String] {
        text.isEmpty ? [] : ["containing: \(SwiftLiteral.text(String(text.prefix(textLength))))"]
    }

    private static func equal(_ member: String, _ literal: String?) -> [String] {
        literal.map { [".equals(\\.\(member), \($0))"] } ?? []
    }

    private static func json(_ label: String, _ value: JSONValue?) -> [String] {
        shortened(value).map { ["\(label): \(SwiftLiteral.optionalJSON($0))"] } ?? []
    }

    private static func including(_ member: String, _ value: JSONValue?) -> [String] {
        shortened(value).flatMap { SwiftLiteral.json($0) }.map { [".includes(\\.\(member), \($0))"] } ?? []
    }

    private static func change(_ change: StateChange) -> String? {
        switch change {
        case .removed: ".removed"
        case .value(let value):
            value.encoded().count <= jsonLength ? SwiftLiteral.json(value).map { ".value(\($0))" } : nil
        }
    }

    /// As much of a value as a pattern asks for; a pattern asks for a part.
    private static func shortened(_ value: JSONValue?) -> JSONValue? {
        guard let value, value.encoded().count > jsonLength else { return value }
        guard let object = value.objectValue else { return nil }
        var length = 0
        let members = object.filter { member in
            let own = member.key.utf8.count + member.value.encoded().count
            guard length + own <= jsonLength else { return false }
            length += own
            return true
        }
        return members.isEmpty ? nil : .object(JSONObject(members.map { ($0.key, $0.value) }))
    }
}
