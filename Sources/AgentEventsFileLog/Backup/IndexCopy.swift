import AgentEvents
import AgentEventsFiles
import GRDB
import GRDBSQLite

/// The index in a backup. SQLite reads and writes its file by itself; in simulations the file has its bytes, and goes the way
/// of all others.
struct IndexCopy {
    let path: String
    let place: IndexPlace
    let files: any FileSystem

    /// Copies an index as it is at one moment, while it is used.
    func make(of index: IndexStore) throws(EventLogError) {
        switch place {
        case .memory:
            let bytes = try index.read { try Self.bytes(of: $0) }
            try FileCopier(files: files).write(bytes, to: path)
        case .file:
            // SQLite would let everybody read it.
            try logErrors("making", path) { () throws(FileError) in _ = try files.open(path, .creating) }
            try using(isReadOnly: false) { copy in
                try index.backUp(to: copy)
                // One file, with nothing beside it.
                try copy.writeWithoutTransaction { _ = try String.fetchOne($0, sql: "PRAGMA journal_mode = DELETE") }
            }
            try logErrors("flushing", path) { () throws(FileError) in
                try files.open(path, .readingAndWriting).synchronize()
            }
        }
    }

    /// Reads it, and changes nothing.
    func read<Result>(_ body: (Database) throws -> Result) throws(EventLogError) -> Result {
        try using(isReadOnly: true) { try $0.read(body) }
    }

    /// The first fault that SQLite finds in the file.
    func integrityProblem() throws(EventLogError) -> String? {
        let found = try read { try String.fetchOne($0, sql: "PRAGMA integrity_check") }
        return found == "ok" ? nil : found ?? "it cannot be checked"
    }

    /// Gives a copy that was put into a new log the number of its last opening.
    func begin(generation: UInt64) throws(EventLogError) {
        func change(_ database: Database) throws {
            try database.inTransaction(.immediate) {
                try LogDatabase.setMeta("generation", to: Int64(generation), in: database)
                return .commit
            }
        }
        switch place {
        case .file:
            try using(isReadOnly: false) { try $0.writeWithoutTransaction(change) }
        case .memory(let memory):
            try using(isReadOnly: true) { copy in
                try copy.backup(to: memory.database)
                try memory.database.writeWithoutTransaction(change)
            }
        }
    }

    private func using<Result>(
        isReadOnly: Bool,
        _ body: (DatabaseQueue) throws -> Result
    ) throws(EventLogError) -> Result {
        do {
            var configuration = IndexStore.configuration(readerCount: 1)
            let queue: DatabaseQueue
            switch place {
            case .file:
                configuration.readonly = isReadOnly
                queue = try DatabaseQueue(path: path, configuration: configuration)
            case .memory:
                let bytes = try FileCopier(files: files).bytes(of: path)
                queue = try DatabaseQueue(configuration: configuration)
                try queue.writeWithoutTransaction { try Self.load(bytes, into: $0) }
            }
            let result = try body(queue)
            try queue.close()
            return result
        } catch {
            throw EventLogError(error, doing: "using", path: path)
        }
    }

    private static func bytes(of database: Database) throws -> [UInt8] {
        var count: sqlite3_int64 = 0
        guard let bytes = sqlite3_serialize(database.sqliteConnection, "main", &count, 0) else {
            throw DatabaseError(resultCode: .SQLITE_NOMEM)
        }
        defer { sqlite3_free(bytes) }
        return [UInt8](UnsafeBufferPointer(start: bytes, count: Int(count)))
    }

    private static func load(_ bytes: [UInt8], into database: Database) throws {
        guard let memory = sqlite3_malloc64(UInt64(max(1, bytes.count))) else {
            throw DatabaseError(resultCode: .SQLITE_NOMEM)
        }
        bytes.withUnsafeBytes {
            UnsafeMutableRawPointer(memory).copyMemory(
                from: $0.baseAddress ?? UnsafeRawPointer(memory), byteCount: bytes.count)
        }
        // SQLite frees it.
        let flags = UInt32(SQLITE_DESERIALIZE_FREEONCLOSE) | UInt32(SQLITE_DESERIALIZE_RESIZEABLE)
        let code = sqlite3_deserialize(
            database.sqliteConnection, "main", memory.assumingMemoryBound(to: UInt8.self), sqlite3_int64(bytes.count),
            sqlite3_int64(bytes.count), flags)
        guard code == SQLITE_OK else { throw DatabaseError(resultCode: ResultCode(rawValue: code)) }
    }
}
