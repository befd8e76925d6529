/// A change of the thread's shared state. Belongs to the thread. On the wire: `state_updated`.
public struct StateUpdated: Hashable, Sendable {
    /// The version of the state after the change; at least 1.
    public var version: Int64
    /// The key of the entry.
    public var key: String
    /// Its new value, or its removal.
    public var change: StateChange
    /// When the entry lapses.
    public var expiresAt: Timestamp?
    /// The user who changed it.
    public var by: UserID?
    /// The reason, such as `expired`.
    public var reason: String?

    public init(
        version: Int64,
        key: String,
        change: StateChange,
        expiresAt: Timestamp? = nil,
        by: UserID? = nil,
        reason: String? = nil
    ) {
        self.version = version
        self.key = key
        self.change = change
        self.expiresAt = expiresAt
        self.by = by
        self.reason = reason
    }
}

/// A change of one entry of the thread's shared state: on the wire either `value`, or `removed` as `true`.
public enum StateChange: Hashable, Sendable {
    case value(JSONValue)
    case removed
}
