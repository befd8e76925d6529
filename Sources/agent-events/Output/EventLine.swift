package import AgentEvents

/// One event as a line for people: time, id, agent, type and the little of its data that tells most.
package struct EventLine: Sendable {
    private let style: Style
    private static let maximumTextLength = 160

    package init(isColoured: Bool) { style = Style(isColoured: isColoured) }

    package func line(for event: AgentEvent) -> String {
        let (colour, indent, text) = body(of: event.payload)
        var parts = [style.apply(.dim, "\(clock(event.time)) \(event.id)")]
        if let agent = event.agent { parts.append(Self.printable(agent.rawValue)) }
        var type = indent + event.typeName
        if let colour { type = style.apply(colour, type) }
        parts.append(type)
        let short = Self.shortened(Self.printable(text))
        if !short.isEmpty { parts.append(short) }
        // What people name, or fill in, is whole, whatever is cut before.
        let named = Self.printable(named(in: event))
        if !named.isEmpty { parts.append(named) }
        return parts.joined(separator: "  ")
    }

    /// The ids for the options of `command`, and the fields of a form: people need them in order to act on the event.
    private func named(in event: AgentEvent) -> String {
        switch event.payload {
        case .agentQueued, .agentStarted:
            event.runID.map { "run \($0)" } ?? ""
        case .approvalRequested(let approval):
            Self.form(approval.schema)
        case .userMessage(let message):
            message.replaces.map { "instead of \($0)" } ?? ""
        case .agentCancelled(let cancelled):
            cancelled.isDiscarded ? "discarded" : ""
        case .inputTaken, .agentThinking, .agentProgress, .messageDelta, .messageCompleted, .toolExecuting,
            .toolProgress,
            .toolCompleted, .approvalResolved, .usageReported, .agentPaused, .agentResumed, .agentCompleted,
            .agentFailed,
            .stateUpdated, .custom, .unknown:
            ""
        }
    }

    private static func form(_ schema: JSONValue?) -> String {
        let fields = schema?["properties"]?.objectValue?.keys.joined(separator: ", ") ?? ""
        return fields.isEmpty ? "" : "form: \(fields)"
    }

    private func clock(_ time: Timestamp) -> String { String(time.rfc3339.dropFirst(11).dropLast()) }

    private func body(of payload: EventPayload) -> (colour: Style.Colour?, indent: String, text: String) {
        switch payload {
        case .agentQueued(let queued):
            (.bold, "", Self.joined([queued.by.map { "by \($0)" }, Self.text(queued.input)]))
        case .agentStarted(let started): (.bold, "", Self.text(started.input))
        case .inputTaken(let taken): (.dim, "  ", taken.messageIDs.map(\.rawValue).joined(separator: " "))
        case .agentThinking(let thinking): (.dim, "  ", thinking.text)
        case .agentProgress(let progress):
            (.dim, "  ", Self.joined([progress.message, Self.percent(progress.fraction), Self.step(progress)]))
        case .messageDelta(let delta): (nil, "  ", delta.text)
        case .messageCompleted(let message): (nil, "  ", message.text)
        case .toolExecuting(let tool): (.cyan, "  ", "\(tool.tool) \(Self.text(tool.arguments))")
        case .toolProgress(let progress):
            (.dim, "    ", Self.joined([progress.callID.rawValue, progress.message, Self.percent(progress.fraction)]))
        case .toolCompleted(let tool): Self.body(of: tool)
        case .approvalRequested(let approval): (.yellow, "  ", "\(approval.approvalID) \(approval.prompt)")
        case .approvalResolved(let approval):
            (.yellow, "  ", Self.joined([approval.decision.rawValue, approval.by.map { "by \($0)" }]))
        case .usageReported(let report):
            (
                .dim, "  ",
                Self.joined([report.model, "\(report.inputTokens) in", "\(report.outputTokens) out"])
            )
        case .agentPaused(let paused): (.yellow, "  ", Self.joined([paused.by.map { "by \($0)" }, paused.reason]))
        case .agentResumed(let resumed): (.yellow, "  ", Self.joined([resumed.by.map { "by \($0)" }, resumed.reason]))
        case .agentCompleted(let completed):
            (.green, "", "after \(completed.durationMilliseconds) ms \(Self.text(completed.result))")
        case .agentFailed(let failed):
            (.red, "", "after \(failed.durationMilliseconds) ms \(failed.error.code): \(failed.error.message)")
        case .agentCancelled(let cancelled):
            (
                .red, "",
                Self.joined([
                    "after \(cancelled.durationMilliseconds) ms", cancelled.by.map { "by \($0)" }, cancelled.reason,
                ])
            )
        case .userMessage(let message): (.blue, "", "\(message.userID): \(message.text)")
        case .stateUpdated(let update): (.dim, "", update.key)
        case .custom(let custom): (nil, "  ", "\(custom.name) \(Self.text(custom.value))")
        case .unknown: (.dim, "  ", "")
        }
    }

    private static func body(of tool: ToolCompleted) -> (colour: Style.Colour?, indent: String, text: String) {
        let start = "\(tool.tool) \(tool.status.rawValue) in \(tool.durationMilliseconds) ms"
        if let error = tool.error { return (.red, "  ", "\(start) \(error.code): \(error.message)") }
        return (.cyan, "  ", "\(start) \(text(tool.result))")
    }

    private static func text(_ value: JSONValue?) -> String {
        guard let value else { return "" }
        return value.stringValue ?? String(decoding: value.encoded(), as: UTF8.self)
    }

    private static func percent(_ fraction: Double?) -> String? {
        fraction.map { "\(Int(($0 * 100).rounded())) %" }
    }

    private static func step(_ progress: AgentProgress) -> String? {
        guard let step = progress.step else { return nil }
        return progress.total.map { "step \(step) of \($0)" } ?? "step \(step)"
    }

    private static func joined(_ parts: [String?]) -> String { parts.compactMap { $0 }.joined(separator: " ") }

    /// Without anything that would move the cursor or colour the terminal: the text is somebody else's.
    private static func printable(_ text: String) -> String {
        var printable = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A: printable += "⏎"
            case 0x09: printable += " "
            case 0x00...0x1F, 0x7F...0x9F, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: printable += "\u{FFFD}"
            default: printable.unicodeScalars.append(scalar)
            }
        }
        return printable
    }

    private static func shortened(_ text: String) -> String {
        text.count > maximumTextLength ? text.prefix(maximumTextLength) + "…" : text
    }
}
