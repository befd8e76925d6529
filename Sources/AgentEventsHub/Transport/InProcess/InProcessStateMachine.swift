import AgentEventsProtocol
import NIOCore

/// Decides what passes between the two ends of a connection in one process, and who waits.
///
///     open -> ended      (by the hub, with a code and a reason, or by the client)
///
/// Both directions are bounded: the hub stops writing events when its client has not taken a watermark of them, and the
/// client waits to send while the hub does not read, or has much that it has not looked at.
struct InProcessStateMachine {
    /// The way in which the connection ended.
    enum End: Hashable, Sendable {
        case closed(StreamCloseCode, reason: String)
        /// The client has left.
        case left
    }

    private let watermarkByteCount: Int
    /// Each with one or more whole messages.
    private var unflushed: [ByteBuffer] = []
    private var flushed: [ByteBuffer] = []
    /// The number of bytes that the client has not taken.
    private(set) var pendingByteCount = 0
    private(set) var isWritable = true
    private var isReading = true
    /// The number of bytes that the hub was sent and has not looked at.
    private var inFlightByteCount = 0
    private var end: End?

    /// - Parameter watermarkByteCount: with this number of bytes that the client has not taken, the hub writes no
    ///   events.
    init(watermarkByteCount: Int) { self.watermarkByteCount = watermarkByteCount }

    // MARK: The hub's end

    mutating func write(_ messages: ByteBuffer) {
        guard end == nil else { return }
        unflushed.append(messages)
        pendingByteCount += messages.readableBytes
        if pendingByteCount >= watermarkByteCount { isWritable = false }
    }

    /// - Returns: whether to wake the client's end.
    mutating func flush() -> Bool {
        guard !unflushed.isEmpty else { return false }
        flushed += unflushed
        unflushed = []
        return true
    }

    /// - Returns: whether clients that wait to send may do so now.
    mutating func setReading(_ isEnabled: Bool) -> Bool {
        isReading = isEnabled
        return mayReceive
    }

    /// The hub has looked at something that it was sent.
    ///
    /// - Returns: whether clients that wait to send may do so now.
    mutating func didReceive(byteCount: Int) -> Bool {
        inFlightByteCount -= byteCount
        return mayReceive
    }

    /// The hub closes: messages written before can still be taken.
    mutating func close(_ code: StreamCloseCode, reason: String) {
        _ = flush()
        if end == nil { end = .closed(code, reason: reason) }
    }

    // MARK: The client's end

    enum TakeAction {
        /// - Parameter becameWritable: tell the hub that it may write again.
        case message(ByteBuffer, becameWritable: Bool)
        /// Wait until the hub has flushed something.
        case wait
        case ended(End)
    }

    mutating func take() -> TakeAction {
        guard var first = flushed.first else { return end.map { .ended($0) } ?? .wait }
        let before = first.readableBytes
        guard let length = first.readInteger(as: UInt32.self), let message = first.readSlice(length: Int(length)) else {
            preconditionFailure("a length stands before each message")
        }
        if first.readableBytes == 0 { flushed.removeFirst() } else { flushed[0] = first }
        pendingByteCount -= before - first.readableBytes
        let becameWritable = !isWritable && pendingByteCount <= watermarkByteCount / 2
        if becameWritable { isWritable = true }
        return .message(message, becameWritable: becameWritable && end == nil)
    }

    enum SendAction: Equatable {
        /// Hand it over; ``didReceive(byteCount:)`` follows.
        case handOver
        /// Wait, and ask again.
        case wait
        case ended(End)
    }

    mutating func send(byteCount: Int) -> SendAction {
        if let end { return .ended(end) }
        guard mayReceive else { return .wait }
        inFlightByteCount += byteCount
        return .handOver
    }

    private var mayReceive: Bool { end != nil || isReading && inFlightByteCount < watermarkByteCount }

    /// The client leaves; what it has not taken is dropped.
    ///
    /// - Returns: whether to tell the session.
    mutating func leave() -> Bool {
        let isOpen = end == nil
        end = end ?? .left
        unflushed = []
        flushed = []
        pendingByteCount = 0
        return isOpen
    }
}
