import AgentEvents
import Foundation
import GRDB

/// Opens a file for writing: lock, connections, schema, generation, and the tail of the index.
struct LogOpener {
    /// Left free between the blocks of two generations, so that an offset into a tail that the loss of power took is
    /// before everything that came after.
    private static let blockGap: Int64 = 1 << 20

    let path: String
    let configuration: SQLiteEventLog.Configuration

    func open() throws(EventLogError) -> (writer: LogWriter, opening: LogOpening) {
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
            let state = try pool.writeWithoutTransaction { try recover($0) }
            let connection = LogConnection(path: path, pool: pool, tail: state.tail, lock: lock)
            let checkpointer = try Checkpointer(path: path, threshold: configuration.checkpointPageCount)
            let writer = LogWriter(
                connection: connection,
                checkpointer: checkpointer,
                configuration: configuration,
                nextBlock: state.tail.end == 0 ? 1 : state.tail.end + 1 + Self.blockGap,
                nextThread: state.lastThread + 1,
                indexedThrough: state.indexedThrough
            )
            return (writer, state.opening)
        } catch {
            try? pool.close()
            throw EventLogError(error, doing: "opening", path: path)
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
        database.persistentReadOnlyConnections = true
        let maximumPageCount = configuration.maximumPageCount
        database.prepareDatabase { database in
            try database.execute(sql: "PRAGMA secure_delete = OFF; PRAGMA cache_size = -8192")
            guard !database.configuration.readonly else { return }
            // The checkpointer does it.
            try database.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            if let maximumPageCount { try database.execute(sql: "PRAGMA max_page_count = \(maximumPageCount)") }
        }
        return database
    }

    private func migrate(_ pool: DatabasePool) throws {
        let migrator = LogSchema.migrator
        guard try !pool.read(migrator.hasBeenSuperseded) else {
            throw EventLogError(.unavailable, "\(path) was written by a newer version of this program")
        }
        try migrator.migrate(pool)
    }

    private struct Recovery {
        var opening: LogOpening
        var tail: LogTail
        var lastThread: UInt64
        var indexedThrough: Int64
    }

    /// Starts a generation and reads what is not in chunks.
    private func recover(_ database: Database) throws -> Recovery {
        try database.execute(sql: "PRAGMA synchronous = FULL")
        var generation: Int64 = 0
        try database.inTransaction(.immediate) {
            generation = try LogDatabase.meta("generation", in: database) + 1
            try LogDatabase.setMeta("generation", to: generation, in: database)
            return .commit
        }
        if configuration.durability == .process { try database.execute(sql: "PRAGMA synchronous = NORMAL") }
        let indexedThrough = try LogDatabase.meta("indexed_through", in: database)
        let limits = LogTail.Limits(
            chunkReferenceCount: configuration.chunkReferenceCount,
            eventCount: configuration.tailEventCount,
            threadCount: configuration.threadsInMemory
        )
        var tail = LogTail(limits: limits, lastBlock: indexedThrough)
        try TailScan(database: database).run(into: &tail)
        return Recovery(
            opening: LogOpening(
                generation: UInt64(generation),
                threadsWithOpenRuns: try threadsWithOpenRuns(tail: tail, in: database),
                endOffset: LogOffset(block: tail.end + 1, eventCount: 0).number
            ),
            tail: tail,
            lastThread: UInt64(try LogDatabase.number("SELECT max(number) FROM thread", in: database)),
            indexedThrough: indexedThrough
        )
    }

    /// The threads with an open run, by age.
    private func threadsWithOpenRuns(tail: LogTail, in database: Database) throws -> [ThreadID] {
        var open: [UInt64: ThreadID] = [:]
        for number in try LogDatabase.threadsWithOpenRuns(in: database) {
            guard let thread = try LogDatabase.thread(number: number, in: database) else {
                throw LogConnection.corrupt("there is no thread number \(number)")
            }
            open[number] = thread.owner.thread
        }
        for state in tail.runStates { open[state.number] = state.isOpen ? state.thread : nil }
        return open.sorted { $0.key < $1.key }.map(\.value)
    }
}
