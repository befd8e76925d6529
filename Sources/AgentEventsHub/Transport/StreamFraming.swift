public import AgentEvents
public import NIOCore

/// The way in which a kind of transport writes messages as bytes: what stands before and after the JSON of each.
///
/// Events are framed once for each commit and framing, and the bytes are shared by all transports that have the framing. So a
/// framing depends on nothing of a single connection.
public struct StreamFraming: Hashable, Sendable {
    /// A message that is framed.
    public struct Message: Hashable, Sendable {
        /// The size of the message, in bytes.
        public var byteCount: Int
        /// The event that the message is; `nil` for everything else.
        public var event: EventID?
    }

    /// Writes a part of a frame.
    public typealias Part = @Sendable (Message, inout ByteBuffer) -> Void

    /// Tells framings apart: of one name there is one framing in a process.
    public let name: String
    private let maximumOverheadByteCount: Int
    private let prefix: Part
    private let suffix: Part?

    /// - Parameters:
    ///   - maximumOverheadByteCount: how many bytes prefix and suffix have at most, for the size of buffers.
    ///   - prefix: writes what stands before a message.
    ///   - suffix: writes what stands after it; `nil` for nothing.
    public init(
        _ name: String,
        maximumOverheadByteCount: Int,
        prefix: @escaping Part,
        suffix: Part? = nil
    ) {
        self.name = name
        self.maximumOverheadByteCount = maximumOverheadByteCount
        self.prefix = prefix
        self.suffix = suffix
    }

    /// Each message after its size, as four bytes with the highest first.
    public static let lengthPrefixed = StreamFraming("length-prefixed", maximumOverheadByteCount: 4) {
        message, buffer in
        buffer.writeInteger(UInt32(message.byteCount))
    }

    /// The name of the framing of WebSockets.
    package static let webSocketName = "websocket"
    /// The name of the framing of server-sent events.
    package static let serverSentEventsName = "sse"
    /// The name of the framing of Socket.IO.
    package static let socketIOName = "socket.io"

    public static func == (first: StreamFraming, second: StreamFraming) -> Bool { first.name == second.name }

    public func hash(into hasher: inout Hasher) { hasher.combine(name) }

    /// The room for this number of frames with this number of bytes of messages in all.
    func capacity(frameCount: Int, payloadByteCount: Int) -> Int {
        frameCount * maximumOverheadByteCount + payloadByteCount
    }

    /// Appends the frame of a message.
    ///
    /// - Returns: how many bytes stand before the message.
    @discardableResult
    func append(_ message: [UInt8], event: EventID?, to buffer: inout ByteBuffer) -> Int {
        let description = Message(byteCount: message.count, event: event)
        let start = buffer.writerIndex
        prefix(description, &buffer)
        let prefixByteCount = buffer.writerIndex - start
        buffer.writeBytes(message)
        suffix?(description, &buffer)
        return prefixByteCount
    }

    /// The frame of a message that is not an event.
    package func frame(_ message: [UInt8]) -> ByteBuffer { frame(message, event: nil) }

    /// The frame of an event.
    package func frame(_ message: [UInt8], of event: EventID) -> ByteBuffer { frame(message, event: event) }

    private func frame(_ message: [UInt8], event: EventID?) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: capacity(frameCount: 1, payloadByteCount: message.count))
        append(message, event: event, to: &buffer)
        return buffer
    }
}
