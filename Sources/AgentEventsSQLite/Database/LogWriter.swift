import AgentEvents
import GRDB
import Synchronization

/// Writes commits. One at a time, on a thread that may block.
struct LogWriter: Sendable {
    private static let pageSize = 4096
    /// Pages that a commit writes besides those of its rows, about.
    private static let pagesPerCommit = 2

    let connection: LogConnection
    private let checkpointer: Checkpointer
    private let configuration: SQLiteEventLog.Configuration
    private var nextBlock: Int64
    private var nextThread: UInt64
    /// The watermark in the file.
    private var indexedThrough: Int64
    /// Set by a failure, after which the file and the memory may differ.
    private var hasFailed = false

    init(
        connection: LogConnection,
        checkpointer: Checkpointer,
        configuration: SQLiteEventLog.Configuration,
        nextBlock: Int64,
        nextThread: UInt64,
        indexedThrough: Int64
    ) {
        self.connection = connection
        self.checkpointer = checkpointer
        self.configuration = configuration
        self.nextBlock = nextBlock
        self.nextThread = nextThread
        self.indexedThrough = indexedThrough
    }

    mutating func append(_ commit: LogCommit) throws(EventLogError) {
        guard !hasFailed else {
            throw EventLogError(.closed, "an append to \(connection.path) failed before; open the log again")
        }
        try makeKnown(commit.entries)
        let entries = commit.entries
        let chunkLimit = max(4, entries.count / 8)
        let plan = try connection.tail.withLock { (tail) throws(EventLogError) in
            try tail.plan(entries, chunkLimit: chunkLimit)
        }
        let blocks = BlockEncoder.encode(entries, at: plan.placements, firstID: nextBlock)
        let raisesWatermark = plan.indexedThrough >= indexedThrough + configuration.watermarkStep
        do {
            try connection.write("writing") { database in
                try database.inTransaction(.immediate) {
                    try Self.write(blocks, in: database)
                    for thread in plan.newThreads { try LogDatabase.insert(thread, in: database) }
                    for due in plan.chunks { try LogDatabase.insert(due.chunk, in: database) }
                    if raisesWatermark {
                        try LogDatabase.setMeta("indexed_through", to: plan.indexedThrough, in: database)
                    }
                    try Self.write(commit.keys, time: commit.time, in: database)
                    return .commit
                }
            }
        } catch {
            hasFailed = true
            throw error
        }
        if raisesWatermark { indexedThrough = plan.indexedThrough }
        nextBlock += Int64(blocks.count)
        connection.tail.withLock { $0.apply(plan, entries: entries, blocks: blocks) }
        let pageCount = blocks.reduce(Self.pagesPerCommit) { $0 + 1 + $1.bytes.count / Self.pageSize }
        checkpointer.committed(
            pageCount: pageCount + plan.chunks.count + plan.newThreads.count + commit.keys.count * 2,
            connection: connection
        )
    }

    /// Takes the threads of entries into memory that are not.
    private mutating func makeKnown(_ entries: [LogEntry]) throws(EventLogError) {
        let unknown = try connection.tail.withLock { (tail) throws(EventLogError) in
            var unknown: [ThreadOwner] = []
            var previous: ThreadOwner?
            for entry in entries where entry.owner !== previous {
                previous = entry.owner
                if try !tail.knows(entry.owner) { unknown.append(entry.owner) }
            }
            return unknown
        }
        for owner in unknown {
            // It may have become known by an entry before, with an equal owner or this one.
            if try connection.tail.withLock({ (tail) throws(EventLogError) in try tail.knows(owner) }) { continue }
            let stored = try connection.write("reading") { try LogDatabase.thread(owner.thread, in: $0) }
            if let stored {
                try LogTail.check(owner, against: stored.owner)
                connection.tail.withLock { $0.insert(stored.owned(by: owner), isStored: true) }
            } else {
                let thread = StoredThread(number: nextThread, owner: owner, generation: 0)
                nextThread += 1
                connection.tail.withLock { $0.insert(thread, isStored: false) }
            }
        }
    }

    private static func write(_ blocks: [EncodedBlock], in database: Database) throws {
        let statement = try RawStatement("INSERT INTO block VALUES (?, ?, ?)", in: database)
        for block in blocks {
            statement.bind(block.id, at: 1)
            statement.bind(block.generation, at: 2)
            try statement.run(binding: block.bytes, at: 3)
        }
    }

    private static func write(_ keys: [KeyedEvents], time: Timestamp, in database: Database) throws {
        guard !keys.isEmpty else { return }
        for keyed in keys {
            guard let thread = try LogDatabase.thread(keyed.thread, in: database) else { continue }
            try LogDatabase.insert(keyed, number: thread.number, time: time, in: database)
        }
        try LogDatabase.forgetKeys(before: time, limit: keys.count * 2 + 16, in: database)
    }

    /// Writes all that is in no chunk, and closes the file.
    mutating func close() throws(EventLogError) {
        defer { hasFailed = true }
        if !hasFailed {
            let remaining = connection.tail.withLock { ($0.remainingChunks(), $0.end) }
            try connection.write("closing") { database in
                try database.inTransaction(.immediate) {
                    for chunk in remaining.0 { try LogDatabase.insert(chunk, in: database) }
                    try LogDatabase.setMeta("indexed_through", to: remaining.1, in: database)
                    return .commit
                }
            }
        }
        do {
            try checkpointer.close()
        } catch {
            throw EventLogError(error, doing: "closing", path: connection.path)
        }
        try connection.close()
    }
}
