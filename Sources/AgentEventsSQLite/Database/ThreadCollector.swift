import AgentEvents
import GRDB

/// Gathers a page of one thread's events out of blocks, by references in order. References may overlap.
struct ThreadCollector {
    private let thread: ThreadID
    private let number: UInt64
    /// The last sequence that is wanted.
    private let head: UInt64
    private let request: LogRead
    private var byteCount = 0
    /// The sequence that comes next.
    private(set) var next: UInt64
    private(set) var events: [StoredEvent] = []

    init(thread: ThreadID, number: UInt64, after: UInt64, head: UInt64, request: LogRead) {
        self.thread = thread
        self.number = number
        self.head = head
        self.request = request
        next = after + 1
    }

    private var isFull: Bool {
        next > head || !events.isEmpty && byteCount >= request.maximumByteCount
            || events.count >= request.maximumCount
    }

    /// Whether the page has all that was asked for.
    var isComplete: Bool { isFull }

    /// Whether the next event is before all of these references.
    func needsMore(than references: [BlockReference]) -> Bool {
        references.first.map { $0.sequence > next } ?? true
    }

    /// Takes what is wanted out of the blocks.
    ///
    /// - Parameter end: the last sequence that these references lead to.
    /// - Returns: whether the page has room for more.
    mutating func collect(_ references: [BlockReference], end: UInt64, in database: Database) throws -> Bool {
        guard !isFull, end >= next, !references.isEmpty else { return !isFull }
        let statement = try RawStatement("SELECT generation, body FROM block WHERE id = ?", in: database)
        defer { statement.reset() }
        let start = references.lastIndex { $0.sequence <= next } ?? 0
        for reference in references[start...] where !isFull {
            statement.reset()
            statement.bind(reference.block, at: 1)
            guard try statement.step() else { throw LogConnection.corrupt("block \(reference.block) is missing") }
            try collect(statement.bytes(1), block: reference.block, generation: statement.unsigned(0))
        }
        return !isFull
    }

    private mutating func collect(_ bytes: UnsafeRawBufferPointer, block: Int64, generation: UInt64) throws {
        var reader = try BlockReader(bytes, block: block, generation: generation)
        while !isFull, let head = try reader.next() {
            let bytes = try reader.eventBytes(head)
            guard head.thread == number, head.sequence == next else { continue }
            events.append(
                StoredEvent(
                    thread: thread,
                    id: EventID(generation: generation, sequence: next),
                    bytes: [UInt8](bytes)
                )
            )
            byteCount += bytes.count
            next += 1
        }
    }
}
