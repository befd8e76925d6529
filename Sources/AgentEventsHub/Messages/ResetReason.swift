package import AgentEvents

/// Why a reader has to drop what it holds of a thread.
package enum ResetReason: String, CaseIterable, Sendable {
    /// What the reader has is another history than the log's: the log lost events that it has seen, is a restored backup, or
    /// is another log.
    case diverged
    /// The reader's next event is older than what the log keeps.
    case trimmed
    /// The reader's cursor is beyond the thread's last event, and nobody can have been given it.
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
