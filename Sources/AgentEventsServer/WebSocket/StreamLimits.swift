/// What one WebSocket connection may use.
public struct StreamLimits: Hashable, Sendable {
    /// The largest message from a client, in bytes; a larger one closes the connection with 1009. Default: 1 MiB.
    public var maximumMessageByteCount = 1024 * 1024
    /// How many events one `emit` may carry. Default: 1000.
    public var maximumBatchEvents = 1000
    /// How many threads one connection may follow at a time. Default: 1000.
    public var maximumSubscriptions = 1000
    /// How many emissions of a connection may wait to be carried out; with more, nothing further is read from it.
    /// Default: 4096.
    public var maximumQueuedEmissions = 4096
    /// From so many bytes on that the client has not taken, nothing further is sent until half of them are taken; what
    /// was not sent comes from the log. Default: 256 KiB.
    public var outboundWatermarkByteCount = 256 * 1024
    /// How many bytes of events are read from the log at a time for a client that catches up. Default: 64 KiB.
    public var pageByteCount = 64 * 1024
    /// How long a connection without traffic is left alone before it gets a ping, in milliseconds. Default: 25 000.
    public var heartbeatMilliseconds: Int64 = 25_000
    /// How long a client may take for its first request, in seconds. Default: 10.
    public var handshakeSeconds: Int64 = 10
    /// How long a client may take to answer a close, in seconds. Default: 2.
    public var closeSeconds: Int64 = 2

    public init() {}
}
