/// What one WebSocket connection may use.
struct StreamLimits: Hashable, Sendable {
    /// The largest message from a client, in bytes; a larger one closes the connection with 1009. Default: 1 MiB.
    var maximumMessageByteCount = 1024 * 1024
    /// How many events one `emit` may carry. Default: 1000.
    var maximumBatchEvents = 1000
    /// How many threads one connection may follow at a time. Default: 1000.
    var maximumSubscriptions = 1000
    /// How many emissions of a connection may wait to be carried out; with more, nothing further is read from it.
    /// Default: 4096.
    var maximumQueuedEmissions = 4096
    /// From so many bytes on that the client has not taken, nothing further is sent until half of them are taken; what
    /// was not sent comes from the log. Default: 256 KiB.
    var outboundWatermarkByteCount = 256 * 1024
    /// How many bytes of events are read from the log at a time for a client that catches up. Default: 64 KiB.
    var pageByteCount = 64 * 1024
    /// How long a connection without traffic is left alone before it gets a ping, in milliseconds. Default: 25 000.
    var heartbeatMilliseconds: Int64 = 25_000
    /// How long a client may take for its first request, in seconds. Default: 10.
    var handshakeSeconds: Int64 = 10
    /// How long a client may take to answer a close, in seconds. Default: 2.
    var closeSeconds: Int64 = 2

    init() {}
}
