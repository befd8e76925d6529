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
    /// Whether anything was written since the last call.
    func takeHasWritten() -> Bool
}
