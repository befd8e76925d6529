import AgentEvents
import GRDB
import GRDBSQLite
import Synchronization

/// An open log: its blocks, the index of them in memory and in a file, and the lock.
final class LogConnection: Sendable {
    let path: String
    let blocks: SegmentStore
    let pool: DatabasePool
    let tail: Mutex<LogTail>
    /// The blocks that are gone.
    let removed: Mutex<[RemovedBlocks]>
    private let names: Mutex<ThreadNames>
    private let lock: FileLock

    init(
        path: String,
        blocks: SegmentStore,
        pool: DatabasePool,
        tail: LogTail,
        removed: [RemovedBlocks],
        lock: FileLock
    ) {
        self.path = path
        self.blocks = blocks
        self.pool = pool
        self.tail = Mutex(tail)
        self.removed = Mutex(removed)
        names = Mutex(ThreadNames(limit: 65_536))
        self.lock = lock
    }

    /// Uses the writing connection of the index, without a transaction.
    func write<Result>(
        _ doing: String,
        _ body: (Database) throws -> Result
    ) throws(EventLogError) -> Result {
        var systemError: CInt = 0
        do {
            return try pool.writeWithoutTransaction { database in
                do {
                    return try body(database)
                } catch {
                    systemError = sqlite3_system_errno(database.sqliteConnection)
                    throw error
                }
            }
        } catch {
            throw EventLogError(error, doing: doing, path: path, systemError: systemError)
        }
    }

    /// Uses a reading connection of the index, or, where there is no descriptor left for one, the writing one; all that
    /// is read is of one moment.
    func read<Result>(_ body: (Database) throws -> Result) throws(EventLogError) -> Result {
        do {
            do {
                return try pool.read(body)
            } catch let error as DatabaseError where error.resultCode == .SQLITE_CANTOPEN {
                return try pool.write(body)
            }
        } catch {
            throw EventLogError(error, doing: "reading", path: path)
        }
    }

    /// The thread that has a number.
    func thread(number: UInt64) throws(EventLogError) -> ThreadID {
        if let known = names.withLock({ $0[number] }) { return known }
        // The memory first, the file second: what leaves the one is in the other before.
        let inMemory = tail.withLock { $0.thread(number: number) }
        let thread: ThreadID
        if let inMemory {
            thread = inMemory
        } else {
            thread = try read { try LogDatabase.threadID(number: number, in: $0) }
        }
        names.withLock { $0.remember(thread, number: number) }
        return thread
    }

    /// Waits for the reads under way, and gives the file free.
    func close() throws(EventLogError) {
        defer { lock.release() }
        do {
            try pool.close()
        } catch {
            throw EventLogError(error, doing: "closing", path: path)
        }
    }

    /// An error about what is stored.
    static func corrupt(_ what: String) -> EventLogError {
        EventLogError(.corrupt, "the log is damaged: \(what); restore it from a copy")
    }
}
