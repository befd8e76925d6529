import AgentEvents

/// Gathers a page of one thread's events out of blocks, by references in order. References may overlap.
struct ThreadCollector: ~Copyable {
    /// A read that takes longer came from the disk.
    private static let slowRead = Duration.microseconds(40)

    private let thread: ThreadID
    private let number: UInt64
    /// The last sequence that is wanted.
    private let head: UInt64
    private let request: LogRead
    private let blocks: SegmentStore
    private var buffer = BlockBuffer()
    private var byteCount = 0
    /// Whether blocks come from the disk, and not from the memory of the system. They lie far apart, so the system does
    /// not guess which comes next.
    private var isCold = false
    /// The sequence that comes next.
    private(set) var next: UInt64
    private(set) var events: [StoredEvent] = []

    init(
        thread: ThreadID,
        number: UInt64,
        after: UInt64,
        head: UInt64,
        request: LogRead,
        blocks: SegmentStore
    ) {
        self.thread = thread
        self.number = number
        self.head = head
        self.request = request
        self.blocks = blocks
        next = after + 1
    }

    /// Whether the page has all that was asked for.
    var isComplete: Bool {
        next > head || !events.isEmpty && byteCount >= request.maximumByteCount
            || events.count >= request.maximumCount
    }

    /// Begins after a sequence; nothing was gathered yet.
    mutating func begin(after sequence: UInt64) { next = sequence + 1 }

    /// Whether the next event is before all of these references.
    func needsMore(than references: [BlockReference]) -> Bool {
        references.first.map { $0.sequence > next } ?? true
    }

    /// Takes what is wanted out of the blocks.
    ///
    /// - Parameter end: the last sequence that these references lead to.
    /// - Returns: whether the page has room for more.
    mutating func collect(_ references: [BlockReference], end: UInt64) throws(EventLogError) -> Bool {
        guard !isComplete, end >= next, !references.isEmpty else { return !isComplete }
        let start = references.lastIndex { $0.sequence <= next } ?? 0
        if isCold { readAhead(references[start...]) }
        var time = blocks.monotonicNow()
        for index in start..<references.count where !isComplete {
            var block = try blocks.block(at: references[index].block, &buffer)
            try collect(&block)
            let now = blocks.monotonicNow()
            if !isCold, now - time > Self.slowRead {
                isCold = true
                readAhead(references[(index + 1)...])
            }
            time = now
        }
        return !isComplete
    }

    /// - Parameter references: those that come next; nearly each has an event that is wanted.
    private func readAhead(_ references: ArraySlice<BlockReference>) {
        guard !isComplete else { return }
        // As many as the page has room for, when the events that come are as large as those before.
        let room = (request.maximumByteCount - byteCount) / max(1, byteCount / max(1, events.count))
        blocks.willRead(references.prefix(min(request.maximumCount - events.count, max(1, room))))
    }

    private mutating func collect(_ block: inout BlockReader) throws(EventLogError) {
        while !isComplete, let head = try block.nextEvent() {
            let bytes = try block.content(head)
            guard head.thread == number, head.sequence == next else { continue }
            events.append(
                StoredEvent(
                    thread: thread,
                    id: EventID(generation: block.generation, sequence: next),
                    bytes: [UInt8](bytes)
                )
            )
            byteCount += bytes.count
            next += 1
        }
    }
}
