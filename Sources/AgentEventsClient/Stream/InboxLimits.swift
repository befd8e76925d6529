/// The limits on what waits for the reader of one thread. An event beyond either limit is never held.
public struct InboxLimits: Hashable, Sendable {
    /// Default: 1024. At least 1.
    public var eventCount = 1024
    /// Default: 1 MiB. At least 1; a single event may be larger.
    public var byteCount = 1024 * 1024

    public init() {}
}
