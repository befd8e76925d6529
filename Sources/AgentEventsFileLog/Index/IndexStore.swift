import AgentEvents
import AgentEventsFiles
import Dispatch
import GRDB
import GRDBSQLite
import Synchronization

/// The index of a log, and the values beside its events: a database in a file, or in memory.
///
/// A transaction is on the disk when it returns. All else of the log knows nothing of SQLite: it has what it needs read
/// or written by the statements of ``LogDatabase``, ``RetentionDatabase`` and ``StateDatabase``.
final class IndexStore: Sendable {
    private let path: String
    private let database: any DatabaseWriter
    private let memory: MemoryIndex?
    /// The reads under way. None begins once the file is being closed: GRDB would give it a closed connection, and SQLite would end
    /// the process.
    private let reads = DispatchGroup()
    private let isClosed = Mutex(false)

    /// Opens the file, makes it when there is none, and brings it up to date.
    ///
    /// - Parameter readerCount: how many read at a time at most.
    init(path: String, place: IndexPlace, readerCount: Int, in files: any FileSystem) throws(EventLogError) {
        self.path = path
        do {
            switch place {
            case .file:
                // SQLite would let everybody read it. Nobody else has it open here: closing it would take their locks.
                if !files.exists(path) { _ = try? files.open(path, .creatingIfMissing) }
                database = try DatabasePool(path: path, configuration: Self.configuration(readerCount: readerCount))
                memory = nil
            case .memory(let memory):
                database = memory.database
                self.memory = memory
            }
        } catch {
            // The cause is not in SQLite's error, and neither is the connection that has it.
            throw EventLogError(error, doing: "opening", path: path, reason: Self.reason(path, files))
        }
    }

    private static func reason(_ path: String, _ files: any FileSystem) -> FileError.Kind {
        guard files.exists(path) else { return .other }
        do throws(FileError) {
            _ = try files.open(path, .readingAndWriting)
            return .other
        } catch {
            return error.kind == .readOnly ? .readOnly : .other
        }
    }

    static func configuration(readerCount: Int) -> GRDB.Configuration {
        var configuration = GRDB.Configuration()
        configuration.label = "agent-events"
        configuration.busyMode = .timeout(1)
        configuration.maximumReaderCount = readerCount
        configuration.prepareDatabase { database in
            // What the index says is on the disk once it is written: it is written seldom, and in bulk.
            try database.execute(
                sql: "PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF; PRAGMA cache_size = -16384")
        }
        return configuration
    }

    /// Brings the tables up to date.
    ///
    /// - Throws: `log.unavailable` when a later version of this program wrote them.
    func migrate() throws(EventLogError) {
        do {
            let migrator = LogSchema.migrator
            guard try !database.read(migrator.hasBeenSuperseded) else {
                throw EventLogError(.unavailable, "\(path) was written by another version of this program")
            }
            try migrator.migrate(database)
        } catch {
            throw EventLogError(error, doing: "opening", path: path)
        }
    }

    /// Uses the writing connection in a transaction, which is on the disk then.
    func transaction(_ doing: String, _ body: (Database) throws -> Void) throws(EventLogError) {
        try write(doing) { database in
            try memory?.willCommit()
            try database.inTransaction(.immediate) {
                try body(database)
                return .commit
            }
            try memory?.didCommit()
        }
    }

    /// Uses the writing connection, without a transaction.
    func write<Result>(_ doing: String, _ body: (Database) throws -> Result) throws(EventLogError) -> Result {
        var reason = FileError.Kind.other
        do {
            return try database.writeWithoutTransaction { database in
                do {
                    return try body(database)
                } catch {
                    reason = FileError(systemError: sqlite3_system_errno(database.sqliteConnection)).kind
                    throw error
                }
            }
        } catch {
            throw EventLogError(error, doing: doing, path: path, reason: reason)
        }
    }

    /// Uses a reading connection, or, where there is no descriptor left for one, the writing one; all that is read is of
    /// one moment.
    func read<Result>(_ body: (Database) throws -> Result) throws(EventLogError) -> Result {
        try beginRead()
        defer { reads.leave() }
        do {
            // In memory there is one connection, for one thread: nothing else is written meanwhile.
            if memory != nil { return try database.writeWithoutTransaction(body) }
            do {
                return try database.read(body)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CANTOPEN {
                return try database.write(body)
            }
        } catch {
            throw EventLogError(error, doing: "reading", path: path)
        }
    }

    private func beginRead() throws(EventLogError) {
        let begins = isClosed.withLock { isClosed in
            if !isClosed { reads.enter() }
            return !isClosed
        }
        guard begins else { throw EventLogError(.closed, "the log is closed") }
    }

    /// Writes the file again without the pages that are free, in which something that was deleted may stand, and empties
    /// the write-ahead log.
    func compact() throws(EventLogError) {
        guard memory == nil else { return }
        try write("compacting") { try $0.execute(sql: "VACUUM") }
        try emptyWriteAheadLog()
    }

    /// Writes the write-ahead log into the file, and cuts it to nothing.
    ///
    /// - Throws: also when a reader holds it up for longer than a second.
    func emptyWriteAheadLog() throws(EventLogError) {
        guard memory == nil else { return }
        try write("emptying the write-ahead log of") { _ = try $0.checkpoint(.truncate) }
    }

    /// Copies the file, as it is at one moment, into another database.
    func backUp(to copy: any DatabaseWriter) throws(EventLogError) {
        try beginRead()
        defer { reads.leave() }
        do {
            try database.backup(to: copy)
        } catch {
            // SQLite says only of one kind of full disk that it is one.
            let reason = copy.writeWithoutTransaction { copy in
                FileError(systemError: sqlite3_system_errno(copy.sqliteConnection)).kind
            }
            throw EventLogError(error, doing: "copying", path: path, reason: reason)
        }
    }

    /// Writes the write-ahead log into the file, so that the file is whole. Where it cannot be done, it stays beside it.
    func checkpoint() {
        guard memory == nil else { return }
        _ = try? database.writeWithoutTransaction { try $0.checkpoint(.truncate) }
    }

    /// Waits for the reads under way, and gives the file free.
    func close() throws(EventLogError) {
        guard memory == nil else { return }
        isClosed.withLock { $0 = true }
        reads.wait()
        do {
            try database.close()
        } catch {
            throw EventLogError(error, doing: "closing", path: path)
        }
    }
}
