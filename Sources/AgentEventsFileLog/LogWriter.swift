import AgentEvents
import Synchronization

/// Writes commits. One at a time, on a thread that may block.
struct LogWriter: Sendable {
    let connection: LogConnection
    private let indexWriter: IndexWriter
    private let durability: FileEventLog.Durability
    /// The position of the next block.
    private(set) var position: Int64
    private var nextThread: UInt64
    /// Whether nothing was written since the log was opened.
    private var isFresh = true
    /// Set by a failure, after which the files and the memory may differ.
    private var hasFailed = false

    /// - Parameter position: where the blocks of this opening begin.
    init(
        connection: LogConnection,
        indexWriter: IndexWriter,
        durability: FileEventLog.Durability,
        position: Int64,
        nextThread: UInt64
    ) {
        self.connection = connection
        self.indexWriter = indexWriter
        self.durability = durability
        self.position = position
        self.nextThread = nextThread
    }

    mutating func append(_ commit: LogCommit) throws(EventLogError) {
        guard !hasFailed else {
            throw EventLogError(.closed, "an append to \(connection.path) failed before; open the log again")
        }
        do throws(EventLogError) {
            try indexWriter.check()
        } catch {
            hasFailed = true
            throw error
        }
        try makeKnown(commit.entries)
        let plan = try connection.tail.withLock { (tail) throws(EventLogError) in
            try tail.plan(commit.entries, keys: commit.keys, time: commit.time)
        }
        let encoded = BlockEncoder.encode(
            commit.entries, plan: plan, at: position, synced: connection.blocks.synced)
        let end = position + Int64(encoded.bytes.count)
        let completesFile: Bool
        do throws(EventLogError) {
            completesFile = try connection.blocks.write(encoded.bytes, at: position, isNewSegment: isFresh)
            if durability == .disk { try connection.blocks.synchronize(upTo: end) }
        } catch {
            hasFailed = true
            throw error
        }
        if completesFile { indexWriter.synchronize(upTo: position) }
        isFresh = false
        position = end
        let needsUpdate = connection.tail.withLock { tail in
            tail.apply(plan, entries: commit.entries, blocks: encoded.blocks, end: end)
            return tail.needsUpdate()
        }
        if needsUpdate { indexWriter.update() }
    }

    /// Seals the file that is written to: nothing changes it any longer.
    ///
    /// - Returns: all files of blocks, in which everything is that was appended.
    mutating func seal() throws(EventLogError) -> [Segment] {
        guard !hasFailed else {
            throw EventLogError(.closed, "an append to \(connection.path) failed before; open the log again")
        }
        try connection.blocks.seal()
        return connection.blocks.segments
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
            let mayBeDeleted = connection.deleted.hasAny
            let (stored, isDeleted) = try connection.index.read { database in
                (
                    try LogDatabase.thread(owner.thread, in: database),
                    try mayBeDeleted && DeletionDatabase.deletion(of: ThreadKey(owner.thread), in: database) != nil
                )
            }
            guard !isDeleted else { throw .deleted(owner.thread) }
            if let stored {
                try TailStateMachine.check(owner, against: stored.owner)
                connection.tail.withLock { $0.insert(stored.owned(by: owner), isStored: true) }
            } else {
                let thread = StoredThread(number: nextThread, owner: owner)
                nextThread += 1
                connection.tail.withLock { $0.insert(thread, isStored: false) }
            }
        }
    }

    /// Writes the whole index, and closes the files, whatever goes wrong on the way.
    mutating func close() throws(EventLogError) {
        var firstError: EventLogError?
        do throws(EventLogError) {
            try indexWriter.close(writingEverything: !hasFailed)
        } catch {
            firstError = error
        }
        connection.blocks.close()
        hasFailed = true
        connection.index.checkpoint()
        try connection.close()
        if let firstError { throw firstError }
    }
}
