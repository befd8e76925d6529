package import AgentEvents

/// Why a reader has to drop what it holds of a thread.
package enum ResetReason: String, CaseIterable, Sendable {
    /// The log lost events that the reader has seen.
    case diverged
    /// The reader's next event is older than what the log keeps.
    case trimmed
    /// The reader's cursor is beyond the thread's last event, or the thread has none that the reader may know of.
    case unknown

    /// - Returns: `nil` for a position in the log.
    package init?(_ resolved: ResolvedStart) {
        switch resolved {
        case .position: return nil
        case .diverged: self = .diverged
        case .trimmed: self = .trimmed
        case .unknown: self = .unknown
        }
    }
}
