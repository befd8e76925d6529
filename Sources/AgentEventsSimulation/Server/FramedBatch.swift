import AgentEvents

/// Mirrors `FramedEvents`: consecutive events of one thread, shared by all who get them.
final class FramedBatch {
    /// What a WebSocket frame adds, about.
    static let frameByteCount = 4

    let thread: Int
    let firstSequence: UInt64
    let lastID: EventID
    let byteCount: Int
    /// The frames, in order.
    let frames: [MergedEvent]
    /// Whether a frame stands for more than one event.
    private let isMerged: Bool

    /// - Parameter events: at least one, rising by one.
    init(_ events: [StoredEvent], thread: Int, merging: Bool = false) {
        guard let first = events.first, let last = events.last else { preconditionFailure("no event to frame") }
        self.thread = thread
        firstSequence = first.id.sequence
        lastID = last.id
        frames =
            merging
            ? FragmentMerge.merging(events)
            : events.map { MergedEvent(firstSequence: $0.id.sequence, event: $0) }
        isMerged = frames.count < events.count
        byteCount = frames.reduce(0) { $0 + $1.event.bytes.count + Self.frameByteCount }
    }

    /// Several of one thread, each adjoining the one before.
    init(joining parts: [FramedBatch]) {
        guard let first = parts.first, let last = parts.last else { preconditionFailure("no events to join") }
        thread = first.thread
        firstSequence = first.firstSequence
        lastID = last.lastID
        frames = parts.flatMap(\.frames)
        isMerged = parts.contains { $0.isMerged }
        byteCount = parts.reduce(0) { $0 + $1.byteCount }
    }

    var lastSequence: UInt64 { lastID.sequence }

    /// The number of the first frame with events behind a sequence number; `nil` when there is none.
    func firstFrame(after sequence: UInt64) -> Int? {
        if sequence < firstSequence { return 0 }
        if sequence >= lastSequence { return nil }
        guard isMerged else { return Int(sequence + 1 - firstSequence) }
        return frames.firstIndex { $0.event.id.sequence > sequence }
    }

    func byteCount(from frame: Int) -> Int {
        frame == 0 ? byteCount : frames[frame...].reduce(0) { $0 + $1.event.bytes.count + Self.frameByteCount }
    }
}
