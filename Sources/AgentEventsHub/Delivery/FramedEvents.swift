import AgentEvents
import NIOCore

/// Consecutive events of one thread, framed once for all WebSockets that get them.
struct FramedEvents: Sendable {
    let thread: ThreadID
    /// The first event's number; the others follow without a gap.
    let firstSequence: UInt64
    let lastID: EventID
    /// All frames, one after the other.
    private let buffer: ByteBuffer
    /// Where each frame but the first one begins.
    private let offsets: [Int]

    var lastSequence: UInt64 { lastID.sequence }
    var byteCount: Int { buffer.readableBytes }

    /// - Parameter events: at least one, rising by one.
    init(_ events: some Collection<StoredEvent>, thread: ThreadID, allocator: ByteBufferAllocator) {
        var framer = Framer(
            frameCount: events.count, payloadByteCount: events.reduce(0) { $0 + $1.bytes.count }, allocator: allocator)
        for event in events { framer.append(event.id, event.bytes) }
        self.init(framer, thread: thread)
    }

    /// For a reader that is behind: fragments have become one event, and get one frame.
    ///
    /// - Parameter merged: at least one, each starting where the one before ended, plus one.
    init(_ merged: [MergedEvent], thread: ThreadID, allocator: ByteBufferAllocator) {
        var framer = Framer(
            frameCount: merged.count, payloadByteCount: merged.reduce(0) { $0 + $1.event.bytes.count },
            allocator: allocator)
        for item in merged { framer.append(item) }
        self.init(framer, thread: thread)
    }

    /// Copies what several commits have into one.
    ///
    /// - Parameter parts: at least one, of the same thread, each adjoining the one before.
    init(joining parts: [FramedEvents]) {
        guard let first = parts.first, let last = parts.last else { preconditionFailure("no events to join") }
        thread = first.thread
        firstSequence = first.firstSequence
        lastID = last.lastID
        var buffer = ByteBufferAllocator().buffer(capacity: parts.reduce(0) { $0 + $1.byteCount })
        var offsets: [Int] = []
        offsets.reserveCapacity(Int(last.lastSequence - first.firstSequence))
        for part in parts {
            let start = buffer.readableBytes
            if start > 0 { offsets.append(start) }
            for offset in part.offsets { offsets.append(start + offset) }
            buffer.writeImmutableBuffer(part.buffer)
        }
        self.buffer = buffer
        self.offsets = offsets
    }

    init(_ framer: Framer, thread: ThreadID) {
        guard let first = framer.firstSequence, let last = framer.lastID else {
            preconditionFailure("no event to frame")
        }
        self.thread = thread
        firstSequence = first
        lastID = last
        buffer = framer.buffer
        offsets = framer.offsets
    }

    /// The frames of the events behind a sequence number, shared, not copied; `nil` when there are none.
    func frames(after sequence: UInt64) -> ByteBuffer? {
        if sequence < firstSequence { return buffer }
        if sequence >= lastSequence { return nil }
        let start = offsets[Int(sequence - firstSequence)]
        return buffer.getSlice(at: buffer.readerIndex + start, length: buffer.readableBytes - start)
    }

    /// The bytes of an event that has a frame of its own.
    func payload(of sequence: UInt64) -> [UInt8] {
        let index = Int(sequence - firstSequence)
        let start = index == 0 ? 0 : offsets[index - 1]
        let end = index < offsets.count ? offsets[index] : buffer.readableBytes
        var frame = buffer.readableBytesView[(buffer.readerIndex + start)..<(buffer.readerIndex + end)]
        WebSocketFraming.removeHeader(of: &frame)
        return [UInt8](frame)
    }

    /// Gathers frames of consecutive events.
    struct Framer {
        private(set) var buffer: ByteBuffer
        private(set) var offsets: [Int] = []
        private(set) var firstSequence: UInt64?
        private(set) var lastID: EventID?

        init(frameCount: Int, payloadByteCount: Int, allocator: ByteBufferAllocator) {
            buffer = allocator.buffer(
                capacity: WebSocketFraming.capacity(frameCount: frameCount, payloadByteCount: payloadByteCount))
        }

        mutating func append(_ id: EventID, _ bytes: [UInt8]) {
            if firstSequence == nil { firstSequence = id.sequence } else { offsets.append(buffer.readableBytes) }
            lastID = id
            WebSocketFraming.appendText(bytes, to: &buffer)
        }

        /// All events that a merged one stands for are found at its frame.
        mutating func append(_ merged: MergedEvent) {
            let id = merged.event.id
            append(id, merged.event.bytes)
            guard merged.firstSequence < id.sequence else { return }
            let start = offsets.last ?? 0
            if offsets.isEmpty { firstSequence = merged.firstSequence }
            offsets.append(contentsOf: repeatElement(start, count: Int(id.sequence - merged.firstSequence)))
        }
    }
}
