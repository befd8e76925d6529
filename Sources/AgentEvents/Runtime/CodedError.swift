/// An error that says how it stands in `tool_completed` and `agent_failed`. Other errors stand there under the code
/// `error` and with their description.
public protocol CodedError: Error {
    /// Dotted and stable: `file.unreadable`.
    var eventCode: String { get }
    /// For people; it goes to frontends.
    var eventMessage: String { get }
    /// Whether trying again may help. Default: `false`.
    var isRetryable: Bool { get }
}

extension CodedError {
    public var isRetryable: Bool { false }
}

extension AgentEventsError: CodedError {
    public var eventCode: String { code.rawValue }
    public var eventMessage: String { message }
}

extension ToolFailure {
    init(describing error: any Error) {
        if let coded = error as? any CodedError {
            self.init(code: shortened(coded.eventCode), message: shortened(coded.eventMessage))
        } else if error is CancellationError {
            self.init(code: "cancelled", message: "the call was cancelled")
        } else {
            self.init(code: "error", message: shortened("\(error)"))
        }
    }
}

extension RunFailure {
    init(describing error: any Error) {
        if let coded = error as? any CodedError {
            self.init(
                code: shortened(coded.eventCode), message: shortened(coded.eventMessage), retryable: coded.isRetryable,
                details: (error as? TokenBudgetError)?.details)
        } else {
            self.init(code: "error", message: shortened("\(error)"), retryable: false)
        }
    }
}

extension AgentEventsError {
    /// An end that could not be logged, after the work itself had failed: neither error is lost.
    func endingAfter(_ error: any Error) -> AgentEventsError {
        var combined = self
        combined.message += " (while ending after: \(error))"
        combined.cause = error
        return combined
    }
}

/// An error's text goes into an event, which has a limit; what ends a run must never be refused for its length. What is cut
/// off is marked by `…`.
private func shortened(_ text: String) -> String {
    let kept = text.unicodeScalars.prefix(1000)
    return kept.endIndex == text.unicodeScalars.endIndex ? text : String(kept) + "…"
}
