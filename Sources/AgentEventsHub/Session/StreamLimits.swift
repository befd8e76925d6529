/// The limits of one connection.
package struct StreamLimits: Hashable, Sendable {
    /// The largest message from a client, in bytes; a larger one closes the connection with 1009. Default: 1 MiB.
    package var maximumMessageByteCount = 1024 * 1024
    /// The largest number of events in one `emit`. Default: 1000.
    package var maximumBatchEvents = 1000
    /// The largest number of threads that one connection follows at a time. Default: 1000.
    package var maximumSubscriptions = 1000
    /// The number of commands that a connection may give within a second; further ones are refused with `limits.commands`.
    /// Default: 50.
    package var maximumCommandsPerSecond = 50
    /// The number of requests of a connection that wait to be carried out; with more, nothing further is read from it.
    /// Default: 4096.
    package var maximumQueuedRequests = 4096
    /// The size of those requests together, in bytes. Default: 4 MiB.
    package var maximumQueuedByteCount = 4 * 1024 * 1024
    /// The largest message that is parsed on an event loop, in bytes; a larger one is parsed elsewhere. Default: 64
    /// KiB.
    package var maximumInlineByteCount = 64 * 1024
    /// The number of bytes of answers that wait for a client that takes nothing; with more, nothing further is read
    /// from it. Default: 64 KiB.
    package var maximumBacklogByteCount = 64 * 1024
    /// The number of bytes not yet taken by the client at which nothing further is sent until half of them are taken;
    /// events that were not sent come from the log. Default: 256 KiB.
    package var outboundWatermarkByteCount = 256 * 1024
    /// The number of bytes, approximately, that the kernel takes for a client that is not ready for them; the rest
    /// waits here, up to the watermark. Default: 128 KiB.
    package var unsentByteCount = 128 * 1024
    /// The number of bytes of events that are read from the log at a time for a client that catches up. Default: 64
    /// KiB.
    package var pageByteCount = 64 * 1024
    /// The number of such pages that are read for the connections of one event loop at a time, so that replays never
    /// keep commits waiting for long. Default: 4.
    package var maximumPages = 4
    /// The number of committed bytes that wait for an event loop that is busy; its subscribers read everything beyond
    /// that from the log. Default: 4 MiB.
    package var maximumInboxByteCount = 4 * 1024 * 1024
    /// The most that is written at a time, in bytes: a larger commit comes to the client page by page, from the log.
    /// So no connection has more than this and the watermark waiting for it, besides its answers. Default: 1 MiB.
    package var maximumWriteByteCount = 1024 * 1024
    /// The time for which a connection may be silent, in either direction, before it gets a ping, in milliseconds.
    /// Default: 25 000.
    package var heartbeatMilliseconds: UInt32 = 25_000
    /// The longest time for which a connection whose client can say nothing is silent, in milliseconds. Proxies close what is silent
    /// for a minute. Default: 15 000.
    package var oneWaySilenceMilliseconds: UInt32 = 15_000
    /// The time for which a client may take nothing of what waits for it, in milliseconds. Default: 60 000.
    package var stallMilliseconds: UInt32 = 60_000
    /// The longest time that a client takes for its first request, in seconds. Default: 10.
    package var handshakeSeconds: Int64 = 10
    /// The longest time that a client without credentials takes for the message with its token, and that until it is checked,
    /// in milliseconds. Default: 5000.
    package var authenticationMilliseconds: Int64 = 5000
    /// The longest time that a connection stays when the server that carries it stops and the hub does not, in
    /// milliseconds. Default: 5000.
    package var leaveMilliseconds: Int64 = 5000
    /// The longest that a client is asked to wait until it comes back, in milliseconds. Default: 30 000.
    package var reconnectMilliseconds: Int64 = 30_000
    /// The longest time that a client takes to answer a close, in milliseconds. Default: 2000.
    package var closeMilliseconds: Int64 = 2000

    /// The rates at which messages and bytes are taken from a connection. Default: none.
    package var rates = LimitConfiguration.none

    package init() {}

    /// The time between two sweeps over the connections of an event loop, in milliseconds.
    package var sweepMilliseconds: UInt32 { min(max(min(heartbeatMilliseconds, stallMilliseconds) / 5, 10), 5000) }

    /// The silence after which a connection whose client can say nothing gets a ping: a sweep may come late by a whole one.
    var oneWayPingMilliseconds: UInt32 {
        let longest = min(heartbeatMilliseconds, oneWaySilenceMilliseconds)
        return longest > sweepMilliseconds ? longest - sweepMilliseconds : 1
    }
}
