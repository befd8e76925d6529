import AgentEvents
import NIOCore

/// Consecutive events of one thread, framed once for all transports of one framing that get them.
struct FramedEvents: Sendable {
    let thread: ThreadID
    /// The first event's number; the others follow without a gap.
    let firstSequence: UInt64
    let lastID: EventID
    /// All frames, one after the other.
    private let buffer: ByteBuffer
    /// The starts of all frames but the first.
    private let offsets: [Int]
    /// The places of the bytes of each event, for pages; empty for commits.
    private let payloads: [Range<Int>]

    var lastSequence: UInt64 { lastID.sequence }
    var byteCount: Int { buffer.readableBytes }

    /// - Parameter events: at least one, rising by one.
    init(_ events: some Collection<StoredEvent>, thread: ThreadID, framing: StreamFraming) {
        var framer = Framer(
            framing, frameCount: events.count, payloadByteCount: events.reduce(0) { $0 + $1.bytes.count },
            keepsPayloads: true)
        for event in events { framer.append(event.id, event.bytes) }
        self.init(framer, thread: thread)
    }

    /// For a reader that catches up: merged fragments are one event, and get one frame.
    ///
    /// - Parameter merged: at least one, each starting where the one before ended, plus one.
    init(_ merged: [MergedEvent], thread: ThreadID, framing: StreamFraming) {
        var framer = Framer(
            framing, frameCount: merged.count, payloadByteCount: merged.reduce(0) { $0 + $1.event.bytes.count })
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
        var payloads: [Range<Int>] = []
        for part in parts {
            let start = buffer.readableBytes
            if start > 0 { offsets.append(start) }
            for offset in part.offsets { offsets.append(start + offset) }
            for range in part.payloads { payloads.append((start + range.lowerBound)..<(start + range.upperBound)) }
            buffer.writeImmutableBuffer(part.buffer)
        }
        self.buffer = buffer
        self.offsets = offsets
        self.payloads = payloads
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
        payloads = framer.payloads
    }

    /// The frames of the events after a sequence number, shared, not copied; `nil` when there are none.
    func frames(after sequence: UInt64) -> ByteBuffer? {
        if sequence < firstSequence { return buffer }
        if sequence >= lastSequence { return nil }
        let start = offsets[Int(sequence - firstSequence)]
        return buffer.getSlice(at: buffer.readerIndex + start, length: buffer.readableBytes - start)
    }

    /// The bytes of an event of a page that has a frame of its own.
    func payload(of sequence: UInt64) -> [UInt8] {
        let range = payloads[Int(sequence - firstSequence)]
        let start = buffer.readerIndex
        return [UInt8](buffer.readableBytesView[(start + range.lowerBound)..<(start + range.upperBound)])
    }

    /// Gathers frames of consecutive events.
    struct Framer {
        private let framing: StreamFraming
        private(set) var buffer: ByteBuffer
        private(set) var offsets: [Int] = []
        private(set) var payloads: [Range<Int>] = []
        private let keepsPayloads: Bool
        private(set) var firstSequence: UInt64?
        private(set) var lastID: EventID?

        /// - Parameter keepsPayloads: whether it is kept where the bytes of each event are.
        init(_ framing: StreamFraming, frameCount: Int, payloadByteCount: Int, keepsPayloads: Bool = false) {
            self.framing = framing
            self.keepsPayloads = keepsPayloads
            buffer = ByteBufferAllocator().buffer(
                capacity: framing.capacity(frameCount: frameCount, payloadByteCount: payloadByteCount))
        }

        mutating func append(_ id: EventID, _ bytes: [UInt8]) {
            if firstSequence == nil { firstSequence = id.sequence } else { offsets.append(buffer.readableBytes) }
            lastID = id
            let start = buffer.writerIndex
            let payload = start + framing.append(bytes, event: id, to: &buffer)
            if keepsPayloads { payloads.append(payload..<(payload + bytes.count)) }
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
