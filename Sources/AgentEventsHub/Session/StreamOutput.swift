import NIOCore

/// The way out of a session: finished frames, written below any encoder. Confined to the event loop.
protocol StreamOutput: AnyObject {
    /// Whether less than the outbound watermark waits to be taken by the client.
    var isWritable: Bool { get }
    /// Writes a text message.
    func write(_ message: [UInt8])
    /// Writes finished frames, which others may share.
    func write(frames: ByteBuffer)
    func flush()
    /// Closes with a close frame; what was written before goes out first.
    func close(_ code: WebSocketCloseCode, reason: String)
    /// Reads from the client again, if that had stopped.
    func resumeReading()
    /// Whether the client may subscribe to further threads.
    var takesSubscriptions: Bool { get }
    /// Whether the client may emit further events.
    var takesEmissions: Bool { get }
    /// Tells the client, once, that the service is about to stop.
    func drain(reconnectMilliseconds: Int64)
    /// The service stops: closes, at once when nothing that the client asked for is still to be answered.
    func leave(isIdle: Bool)
    /// All that the client asked for is answered.
    func becameIdle()
    /// Looks after the connection: pings it when it is silent, and closes it when it is dead.
    func sweep(elapsed milliseconds: UInt32)
}
