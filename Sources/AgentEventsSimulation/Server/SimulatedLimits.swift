/// The limits of a connection, small, so that every one of them is met.
struct SimulatedLimits {
    let watermarkByteCount: Int
    let pageByteCount = 512
    let maximumWriteByteCount = 1024
    /// How many bytes of what is committed may wait for an event loop.
    let maximumInboxByteCount = 4096
    /// How many bytes of answers may wait for a client that takes nothing.
    let maximumBacklogByteCount = 2048
    /// How many requests of a connection may wait to be carried out.
    let maximumQueuedRequests = 6
    /// How many threads a connection may follow: as many as a client reads, and the one that it asks for besides.
    static let maximumFollowedCount = 4
    /// The largest event that is made here, about.
    let largestEventByteCount = 512
    let heartbeatMilliseconds: UInt32 = 25_000
    let stallMilliseconds: UInt32 = 60_000
    let sweepMilliseconds: Int64 = 5000
    let closeMilliseconds: Int64 = 2000

    /// What may wait for a client at most, in bytes of events: the watermark, and what was on its way when it was reached.
    var maximumPendingEventByteCount: Int {
        watermarkByteCount + maximumWriteByteCount + pageByteCount + 2 * largestEventByteCount
    }
}
