import AgentEvents

/// One event in a few words, for tables: its type, and what tells it from others of its type.
enum EventSummary {
    private static let maximumLength = 60

    static func text(_ event: AgentEvent) -> String {
        let detail = detail(of: event)
        let text = detail.isEmpty ? event.typeName : "\(event.typeName) \(detail)"
        return text.count > maximumLength ? text.prefix(maximumLength - 1) + "…" : text
    }

    private static func detail(of event: AgentEvent) -> String {
        switch event.payload {
        case .agentQueued, .agentStarted: event.agent?.rawValue ?? ""
        case .inputTaken(let taken): taken.messageIDs.map(\.rawValue).joined(separator: " ")
        case .agentThinking(let thinking): PatternText.quoted(thinking.text)
        case .agentProgress(let progress): progress.message.map(PatternText.quoted) ?? ""
        case .messageDelta(let delta): PatternText.quoted(delta.text)
        case .messageCompleted(let completed): PatternText.quoted(completed.text)
        case .toolExecuting(let executing): "\(executing.tool) \(PatternText.json(executing.arguments))"
        case .toolProgress(let progress): progress.message.map(PatternText.quoted) ?? progress.callID.rawValue
        case .toolCompleted(let completed): joined("\(completed.tool) \(completed.status.rawValue)", completed.result)
        case .approvalRequested(let requested): PatternText.quoted(requested.prompt)
        case .approvalResolved(let resolved): resolved.decision.rawValue
        case .usageReported(let report): "\(report.inputTokens) in, \(report.outputTokens) out"
        case .agentPaused(let paused): paused.reason.map(PatternText.quoted) ?? ""
        case .agentResumed(let resumed): resumed.reason.map(PatternText.quoted) ?? ""
        case .agentCompleted(let completed): joined("", completed.result)
        case .agentFailed(let failed): "\(failed.error.code): \(failed.error.message)"
        case .agentCancelled(let cancelled): cancelled.reason.map(PatternText.quoted) ?? ""
        case .userMessage(let message): PatternText.quoted(message.text)
        case .stateUpdated(let updated): updated.key
        case .custom(let custom): joined(custom.name, custom.value)
        case .unknown: ""
        }
    }

    private static func joined(_ text: String, _ json: JSONValue?) -> String {
        [text, json.map(PatternText.json) ?? ""].filter { !$0.isEmpty }.joined(separator: " ")
    }
}
