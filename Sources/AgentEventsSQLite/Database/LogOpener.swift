import AgentEvents
import Foundation
import GRDB

/// Opens a file for writing: lock, connections, schema, generation, and the tail of the index.
struct LogOpener {
    let path: String
    let configuration: SQLiteEventLog.Configuration

    struct Opened {
        var writer: LogWriter
        var retention: LogRetention
        var opening: LogOpening
    }

    func open() throws(EventLogError) -> Opened {
        try makeFolder()
        let lock = try FileLock(path: path + ".lock")
        let pool: DatabasePool
        do {
            pool = try DatabasePool(path: path, configuration: databaseConfiguration)
        } catch {
            // The cause is not in SQLite's error, and neither is the connection that has it.
            throw EventLogError(error, doing: "opening", path: path, systemError: accessError())
        }
        do {
            try migrate(pool)
            let (indexedThrough, generation, lastStart, removed) = try pool.read { database in
                (
                    try LogDatabase.meta("indexed_through", in: database),
                    try LogDatabase.meta("generation", in: database),
                    try LogDatabase.meta("last_start", in: database),
                    try RetentionDatabase.removed(in: database)
                )
            }
            let recovery = SegmentRecovery(
                folder: path + "-blocks",
                indexedThrough: indexedThrough,
                generation: generation,
                lastStart: lastStart,
                removed: removed,
                limits: SegmentStore.Limits(
                    segmentByteCount: configuration.segmentByteCount,
                    allocationByteCount: configuration.durability == .disk ? configuration.allocationByteCount : 0,
                    now: configuration.now,
                    monotonicNow: configuration.monotonicNow
                )
            )
            let (blocks, end) = try recovery.open()
            let state = try pool.writeWithoutTransaction {
                try recover($0, blocks: blocks, from: indexedThrough, end: end)
            }
            let connection = LogConnection(
                path: path, blocks: blocks, pool: pool, tail: state.tail, removed: removed, lock: lock)
            let indexWriter = IndexWriter(connection: connection)
            let writer = LogWriter(
                connection: connection,
                indexWriter: indexWriter,
                durability: configuration.durability,
                position: state.position,
                nextThread: state.lastThread + 1
            )
            let opening = LogOpening(
                generation: state.generation,
                threadsWithOpenRuns: state.threadsWithOpenRuns,
                endOffset: LogOffset(block: writer.position, eventCount: 0).number
            )
            let retention = LogRetention(connection: connection, indexWriter: indexWriter)
            return Opened(writer: writer, retention: retention, opening: opening)
        } catch {
            let error = EventLogError(error, doing: "opening", path: path)
            try? pool.close()
            throw error
        }
    }

    private func makeFolder() throws(EventLogError) {
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        } catch {
            throw EventLogError(
                .unavailable,
                "the folder \(folder.path) cannot be made: \(error.localizedDescription)",
                cause: error
            )
        }
    }

    private func accessError() -> CInt {
        FileManager.default.fileExists(atPath: path) && !FileManager.default.isWritableFile(atPath: path) ? EACCES : 0
    }

    private var databaseConfiguration: GRDB.Configuration {
        var database = GRDB.Configuration()
        database.label = "agent-events"
        database.busyMode = .timeout(1)
        // Reads on the log's threads and the cooperative pool's together, so that none waits for another.
        database.maximumReaderCount = configuration.readerCount + ProcessInfo.processInfo.activeProcessorCount + 2
        database.prepareDatabase { database in
            // What the index says is on the disk once it is written: it is written seldom, and in bulk.
            try database.execute(
                sql: "PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF; PRAGMA cache_size = -16384")
        }
        return database
    }

    private func migrate(_ pool: DatabasePool) throws {
        let migrator = LogSchema.migrator
        guard try !pool.read(migrator.hasBeenSuperseded) else {
            throw EventLogError(.unavailable, "\(path) was written by another version of this program")
        }
        try migrator.migrate(pool)
    }

    private struct Recovery {
        var generation: UInt64
        /// Where the blocks of this opening begin.
        var position: Int64
        var threadsWithOpenRuns: [ThreadID]
        var tail: LogTail
        var lastThread: UInt64
    }

    /// Reads what is not in the index, and starts a generation.
    private func recover(
        _ database: Database,
        blocks: SegmentStore,
        from indexedThrough: Int64,
        end: Int64
    ) throws -> Recovery {
        let limits = LogTail.Limits(
            chunkReferenceCount: configuration.chunkReferenceCount,
            eventCount: configuration.tailEventCount,
            threadCount: configuration.threadsInMemory,
            updateCount: configuration.indexUpdateCount
        )
        var tail = LogTail(limits: limits, end: indexedThrough)
        var scan = TailScan(blocks: blocks, database: database, end: end)
        try scan.run(into: &tail)
        // The blocks know a later generation only where the file of the index was lost.
        let last = max(UInt64(try LogDatabase.meta("generation", in: database)), scan.generation)
        // Of the last opening nothing may be left; its positions are not used again all the same.
        let behind = max(end, try LogDatabase.meta("last_start", in: database))
        guard behind < LogOffset.endOfBlocks - Segment.openingGap, last <= GenerationSource.maximumLast else {
            throw LogConnection.corrupt("its last opening has the number \(last), and began at \(behind)")
        }
        let generation = configuration.generations.next(after: last)
        let position = last == 0 ? 0 : behind + Segment.openingGap
        try database.inTransaction(.immediate) {
            try LogDatabase.setMeta("generation", to: Int64(generation), in: database)
            try LogDatabase.setMeta("last_start", to: position, in: database)
            return .commit
        }
        let lastStored = try LogDatabase.lastThread(in: database)
        return Recovery(
            generation: generation,
            position: position,
            threadsWithOpenRuns: try threadsWithOpenRuns(tail: tail, in: database),
            tail: tail,
            lastThread: max(lastStored, scan.lastThread)
        )
    }

    /// The threads with an open run, by age.
    private func threadsWithOpenRuns(tail: LogTail, in database: Database) throws -> [ThreadID] {
        var open: [UInt64: ThreadID] = [:]
        for number in try LogDatabase.threadsWithOpenRuns(in: database) {
            open[number] = try LogDatabase.threadID(number: number, in: database)
        }
        for state in tail.runStates { open[state.number] = state.isOpen ? state.thread : nil }
        return open.sorted { $0.key < $1.key }.map(\.value)
    }
}
