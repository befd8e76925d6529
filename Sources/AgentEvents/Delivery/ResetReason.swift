/// Why a reader has to drop what it holds of a thread, and begin again with the oldest event that is kept.
@nonexhaustive
public enum ResetReason: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
    /// What the reader has is another history than the log's: the log lost events that it has seen, is a restored backup, or
    /// is another log.
    case diverged
    /// The reader's next event is older than what the log keeps.
    case trimmed
    /// The reader's cursor is beyond the thread's last event, and nobody can have been given it.
    case unknown
    /// A reason that this version does not know, as the service sent it.
    case unrecognized(String)

    public init(rawValue: String) {
        switch rawValue {
        case "diverged": self = .diverged
        case "trimmed": self = .trimmed
        case "unknown": self = .unknown
        default: self = .unrecognized(rawValue)
        }
    }

    /// - Returns: `nil` for a position in the log.
    package init?(_ resolved: ResolvedStart) {
        switch resolved {
        case .position: return nil
        case .diverged: self = .diverged
        case .trimmed: self = .trimmed
        case .unknown: self = .unknown
        }
    }

    /// The reason as it stands on the wire.
    public var rawValue: String {
        switch self {
        case .diverged: "diverged"
        case .trimmed: "trimmed"
        case .unknown: "unknown"
        case .unrecognized(let text): text
        }
    }

    public var description: String { rawValue }
}
