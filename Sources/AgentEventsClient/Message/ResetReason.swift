/// Why a reader has to drop what it holds of a thread and begin anew.
public struct ResetReason: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// The reason as it stands on the wire.
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }

    /// The log lost events that the reader has seen.
    public static let diverged = ResetReason(rawValue: "diverged")
    /// The events are older than the log keeps.
    public static let trimmed = ResetReason(rawValue: "trimmed")
    /// The cursor is none of the thread.
    public static let unknown = ResetReason(rawValue: "unknown")

    public var description: String { rawValue }
}
