/// Why a reader has to drop what it holds of a thread and begin anew.
public struct ResetReason: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The reason as it stands on the wire.
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    /// What the reader has is another history than the log's: the log lost events that it has seen, is a restored backup, or
    /// is another log.
    public static let diverged = ResetReason(rawValue: "diverged")
    /// The events are older than the log keeps.
    public static let trimmed = ResetReason(rawValue: "trimmed")
    /// The cursor is beyond the thread's last event, and nobody can have been given it.
    public static let unknown = ResetReason(rawValue: "unknown")

    public var description: String { rawValue }
}
