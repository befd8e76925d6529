/// Why a reader has to drop what it holds of a thread.
package enum ResetReason: String, CaseIterable, Sendable {
    /// The log lost events that the reader has seen, or never had them.
    case diverged
    /// The reader's next event is older than what the log keeps.
    case trimmed
}
