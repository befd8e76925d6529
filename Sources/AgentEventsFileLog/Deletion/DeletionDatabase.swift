import AgentEvents
import GRDB

/// The statements on the table `deleted`: a row of each thread that was deleted, with its tenant, and hashes in the place of its id
/// and its user. The id is there until its bytes are erased.
enum DeletionDatabase {
    static func createTable(in database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE deleted (
                    thread BLOB PRIMARY KEY, owner BLOB NOT NULL, number INTEGER NOT NULL, deleted INTEGER NOT NULL,
                    erased INTEGER NOT NULL, id TEXT NOT NULL, checksum INTEGER NOT NULL
                ) WITHOUT ROWID
                """
        )
    }

    /// The tenant of each.
    static func addTenants(in database: Database) throws {
        try database.execute(sql: "ALTER TABLE deleted ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default'")
    }

    /// A thread whose bytes are not erased yet.
    struct Unfinished {
        var number: UInt64
        var id: ThreadID
        var tenant: TenantID
        var deletion: ThreadDeletion
    }

    private static let selection = "SELECT thread, owner, number, deleted, erased, id, checksum, tenant FROM deleted"

    static func deletion(of key: ThreadKey, in database: Database) throws -> ThreadDeletion? {
        let statement = try RawStatement("\(selection) WHERE thread = ?", in: database)
        defer { statement.reset() }
        statement.bind(ThreadDigest(of: key.thread, tenant: key.tenant).bytes, at: 1)
        return try statement.step() ? row(statement).deletion : nil
    }

    /// In the order in which they were deleted.
    static func unfinished(in database: Database) throws -> [Unfinished] {
        let statement = try RawStatement("\(selection) WHERE erased = 0 ORDER BY deleted, number", in: database)
        defer { statement.reset() }
        var unfinished: [Unfinished] = []
        while try statement.step() {
            let (number, id, tenant, deletion) = try row(statement)
            guard let id = try? ThreadID(id) else { throw damaged }
            unfinished.append(Unfinished(number: number, id: id, tenant: tenant, deletion: deletion))
        }
        return unfinished
    }

    static func hasAny(in database: Database) throws -> Bool { try lastThread(in: database) > 0 }

    /// The highest number of a deleted thread; 0 when there is none.
    static func lastThread(in database: Database) throws -> UInt64 {
        let statement = try RawStatement("SELECT max(number) FROM deleted", in: database)
        defer { statement.reset() }
        return try statement.step() ? statement.unsigned(0) : 0
    }

    /// Takes everything of a thread out of the index, and notes that it was deleted.
    static func delete(_ thread: StoredThread, at time: Timestamp, in database: Database) throws {
        for table in ["chunk", "open_run", "run", "keyed"] {
            let deletion = try RawStatement("DELETE FROM \(table) WHERE thread = ?", in: database)
            deletion.bind(thread.number, at: 1)
            try deletion.run()
        }
        let deletion = try RawStatement("DELETE FROM thread WHERE number = ?", in: database)
        deletion.bind(thread.number, at: 1)
        try deletion.run()
        if thread.key.tenant == .default { try CardDatabase.remove(thread.owner.thread, in: database) }
        let values = try RawStatement("DELETE FROM state WHERE tenant = ? AND thread = ?", in: database)
        values.bind(thread.key.tenant.rawValue, at: 1)
        values.bind(thread.key.thread.rawValue, at: 2)
        try values.run()
        try insert(
            ThreadDeletion(of: thread.owner, tenant: thread.key.tenant, at: time), number: thread.number,
            id: thread.owner.thread.rawValue, tenant: thread.key.tenant, in: database)
    }

    static func noteErased(_ erased: Unfinished, at time: Timestamp, in database: Database) throws -> ThreadDeletion {
        var deletion = erased.deletion
        deletion.erasedAt = time
        try insert(deletion, number: erased.number, id: "", tenant: erased.tenant, in: database)
        return deletion
    }

    private static func insert(
        _ deletion: ThreadDeletion,
        number: UInt64,
        id: String,
        tenant: TenantID,
        in database: Database
    ) throws {
        let insertion = try RawStatement(
            "INSERT OR REPLACE INTO deleted (thread, owner, number, deleted, erased, id, checksum, tenant) "
                + "VALUES (?, ?, ?, ?, ?, ?, ?, ?)", in: database)
        insertion.bind(deletion.thread.bytes, at: 1)
        insertion.bind(deletion.owner.bytes, at: 2)
        insertion.bind(number, at: 3)
        insertion.bind(deletion.deletedAt.milliseconds, at: 4)
        insertion.bind(deletion.erasedAt?.milliseconds ?? 0, at: 5)
        insertion.bind(id, at: 6)
        insertion.bind(checksum(deletion, number: number, id: id, tenant), at: 7)
        insertion.bind(tenant.rawValue, at: 8)
        try insertion.run()
    }

    private static func row(
        _ statement: RawStatement
    ) throws -> (number: UInt64, id: String, tenant: TenantID, deletion: ThreadDeletion) {
        guard let thread = ThreadDigest(bytes: [UInt8](statement.bytes(0))),
            let owner = ThreadDigest(bytes: [UInt8](statement.bytes(1))),
            let tenant = try? TenantID(statement.text(7))
        else { throw damaged }
        let erased = statement.integer(4)
        let deletion = ThreadDeletion(
            thread: thread, owner: owner, deletedAt: Timestamp(milliseconds: statement.integer(3)),
            erasedAt: erased == 0 ? nil : Timestamp(milliseconds: erased))
        let (number, id) = (statement.unsigned(2), statement.text(5))
        guard statement.integer(6) == checksum(deletion, number: number, id: id, tenant) else { throw damaged }
        return (number, id, tenant, deletion)
    }

    private static func checksum(_ deletion: ThreadDeletion, number: UInt64, id: String, _ tenant: TenantID) -> Int64 {
        let times = [deletion.deletedAt.milliseconds, deletion.erasedAt?.milliseconds ?? 0]
        return RowChecksum.of(
            .deleted, [number] + times.map { UInt64(bitPattern: $0) }, [id] + RowChecksum.texts(of: tenant),
            bytes: deletion.thread.bytes + deletion.owner.bytes)
    }

    private static var damaged: EventLogError { LogConnection.corrupt("which threads were deleted") }
}
