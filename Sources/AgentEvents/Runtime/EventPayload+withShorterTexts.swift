extension EventPayload {
    /// The end of a failed or cancelled run with the end of its longest text cut off, so that its event is smaller by some
    /// bytes; `nil` for another event, and when there is nothing left to cut.
    ///
    /// - Parameter byteCount: how many bytes, as they stand in JSON, must go; above 0.
    func withShorterTexts(byteCount: Int) -> EventPayload? {
        switch self {
        case .agentFailed(var failed):
            let cutsCode = failed.error.code.utf8.count > failed.error.message.utf8.count
            let text = cutsCode ? failed.error.code : failed.error.message
            guard let shorter = Self.cut(text, by: byteCount) else { return nil }
            if cutsCode { failed.error.code = shorter } else { failed.error.message = shorter }
            return .agentFailed(failed)
        case .agentCancelled(var cancelled):
            guard let shorter = cancelled.reason.flatMap({ Self.cut($0, by: byteCount) }) else { return nil }
            cancelled.reason = shorter
            return .agentCancelled(cancelled)
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta,
            .messageCompleted, .toolExecuting, .toolProgress, .toolCompleted, .approvalRequested, .approvalResolved,
            .usageReported, .agentPaused, .agentResumed, .agentCompleted, .userMessage, .stateUpdated, .custom,
            .unknown:
            return nil
        }
    }

    private static let ellipsis = "…"

    /// A text cut between two characters, with an ellipsis for what is missing; `nil` when it is none but that.
    private static func cut(_ text: String, by byteCount: Int) -> String? {
        guard text.utf8.count > ellipsis.utf8.count else { return nil }
        var scalars = text.unicodeScalars[...]
        var missing = byteCount + ellipsis.utf8.count
        while missing > 0, let last = scalars.popLast() {
            missing -= JSONWriter.escapedByteCount(of: String(last))
        }
        return String(scalars) + ellipsis
    }
}
