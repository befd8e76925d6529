/// How an ``AgentEventsService`` works. Every value has a default that suits a development machine.
public struct ServiceConfiguration: Sendable {
    /// The name or address to listen on. Default: 127.0.0.1.
    public var host = "127.0.0.1"
    /// The port to listen on; 0 for any that is free. Default: 8080.
    public var port = 8080
    /// How often a connection is pinged, in seconds. Default: 25.
    public var heartbeatSeconds: Double = 25
    /// The largest message of a client, in bytes. Default: 1 MiB.
    public var maximumMessageByteCount = 1024 * 1024
    /// The largest body of an HTTP request with events, in bytes. Default: 16 MiB.
    public var maximumBodyByteCount = 16 * 1024 * 1024
    /// How many events one request may emit. Default: 1000.
    public var maximumBatchEvents = 1000
    /// How many threads one connection may be subscribed to. Default: 1000.
    public var maximumSubscriptionsPerConnection = 1000
    /// From so many bytes on that a connection has not taken yet, it is sent nothing more until it has. Default:
    /// 256 KiB.
    public var outboundWatermarkByteCount = 256 * 1024
    /// How many agents may run at once. Default: 256.
    public var maximumConcurrentRuns = 256
    /// The origins whose web pages may use the service, such as `https://chat.example.com`; `*` for all. The service's
    /// own pages always may. Default: none.
    public var allowedOrigins: Set<String> = []
    /// How long a shutdown may take, in seconds. Agents get half of it to end by themselves once they are cancelled.
    /// Default: 5.
    public var shutdownGraceSeconds: Double = 5

    public init() {}

    /// What one WebSocket connection may use.
    var streamLimits: StreamLimits {
        var limits = StreamLimits()
        limits.maximumMessageByteCount = maximumMessageByteCount
        limits.maximumBatchEvents = maximumBatchEvents
        limits.maximumSubscriptions = maximumSubscriptionsPerConnection
        limits.outboundWatermarkByteCount = outboundWatermarkByteCount
        limits.heartbeatMilliseconds = Int64(heartbeatSeconds * 1000)
        return limits
    }
}
