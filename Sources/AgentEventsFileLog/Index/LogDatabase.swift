import AgentEvents
import GRDB

/// The statements on the tables of the index.
enum LogDatabase {
    // MARK: Threads

    private static let selectThread =
        "SELECT number, id, user, oldest_generation, oldest_sequence, checksum, tenant FROM thread"

    static func thread(_ thread: ThreadID, in database: Database) throws -> StoredThread? {
        try row(of: thread, in: database).map { try withIndex($0, in: database) }
    }

    static func thread(number: UInt64, in database: Database) throws -> StoredThread? {
        try row(of: number, in: database).map { try withIndex($0, in: database) }
    }

    static func threadID(number: UInt64, in database: Database) throws -> ThreadID {
        guard let row = try row(of: number, in: database) else {
            throw LogConnection.corrupt("there is no thread number \(number)")
        }
        return row.owner.thread
    }

    /// The row of a thread, without what is in other tables.
    static func row(of thread: ThreadID, in database: Database) throws -> StoredThread? {
        try row(of: ThreadKey(thread), in: database)
    }

    static func row(of key: ThreadKey, in database: Database) throws -> StoredThread? {
        let statement = try RawStatement("\(selectThread) WHERE tenant = ? AND id = ?", in: database)
        statement.bind(key.tenant.rawValue, at: 1)
        statement.bind(key.thread.rawValue, at: 2)
        return try row(statement)
    }

    static func row(of number: UInt64, in database: Database) throws -> StoredThread? {
        let statement = try RawStatement("\(selectThread) WHERE number = ?", in: database)
        statement.bind(number, at: 1)
        return try row(statement)
    }

    private static func row(_ statement: RawStatement) throws -> StoredThread? {
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let number = statement.unsigned(0)
        let (id, name) = (statement.text(1), statement.text(2))
        let oldest = EventID(generation: statement.unsigned(3), sequence: statement.unsigned(4))
        guard let thread = try? ThreadID(id), let user = try? UserID(name),
            let tenant = try? TenantID(statement.text(6))
        else { throw LogConnection.corrupt("the row of thread number \(number)") }
        let stored = StoredThread(
            number: number, owner: ThreadOwner(thread: thread, user: user), tenant: tenant, oldest: oldest)
        guard statement.integer(5) == checksum(stored, oldest: oldest) else {
            throw LogConnection.corrupt("the row of thread number \(number)")
        }
        return stored
    }

    private static func checksum(_ row: StoredThread, oldest: EventID) -> Int64 {
        RowChecksum.of(
            .thread, [row.number, oldest.generation, oldest.sequence],
            [row.owner.thread.rawValue, row.owner.user.rawValue] + RowChecksum.texts(of: row.tenant))
    }

    private static func withIndex(_ row: StoredThread, in database: Database) throws -> StoredThread {
        var thread = row
        thread.head = try head(of: row.number, in: database)
        thread.openRuns = try openRuns(of: row.number, in: database)
        return thread
    }

    /// The last event of a thread that is in a chunk.
    private static func head(of number: UInt64, in database: Database) throws -> EventID? {
        let sql =
            "SELECT last_generation, last_sequence, body FROM chunk WHERE thread = ? "
            + "ORDER BY last_sequence DESC LIMIT 1"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        guard try statement.step() else { return nil }
        let last = EventID(generation: statement.unsigned(0), sequence: statement.unsigned(1))
        guard IndexChunk.isIntact(statement.bytes(2), thread: number, last: last) else {
            throw LogConnection.corrupt("the end of the index of thread number \(number)")
        }
        return last
    }

    private static let selectOpenRun = "SELECT thread, sequence, run, checksum, outside FROM open_run"

    private static func openRuns(of number: UInt64, in database: Database) throws -> [OpenRun] {
        let sql = "\(selectOpenRun) WHERE thread = ? ORDER BY sequence"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        var runs: [OpenRun] = []
        while try statement.step() { runs.append(try openRun(statement)) }
        return runs
    }

    private static func openRun(_ statement: RawStatement) throws -> OpenRun {
        let (number, text) = (statement.unsigned(0), statement.text(2))
        guard let run = try? RunID(text) else { throw LogConnection.corrupt("an open run of thread number \(number)") }
        let open = OpenRun(
            run: run, sequence: statement.unsigned(1), host: statement.integer(4) == 0 ? .process : .outside)
        guard statement.integer(3) == checksum(number, open) else {
            throw LogConnection.corrupt("an open run of thread number \(number)")
        }
        return open
    }

    /// A run that the process hosts has the checksum that it had before others were known.
    private static func checksum(_ number: UInt64, _ open: OpenRun) -> Int64 {
        let host: [UInt64] = open.host == .process ? [] : [1]
        return RowChecksum.of(.openRun, [number, open.sequence] + host, [open.run.rawValue])
    }

    static func insert(_ thread: StoredThread, in database: Database) throws {
        guard let oldest = thread.oldest else { return }
        let statement = try RawStatement("INSERT INTO thread VALUES (?, ?, ?, ?, ?, ?, ?)", in: database)
        statement.bind(thread.number, at: 1)
        statement.bind(thread.owner.thread.rawValue, at: 2)
        statement.bind(thread.owner.user.rawValue, at: 3)
        statement.bind(oldest.generation, at: 4)
        statement.bind(oldest.sequence, at: 5)
        statement.bind(checksum(thread, oldest: oldest), at: 6)
        statement.bind(thread.tenant.rawValue, at: 7)
        try statement.run()
    }

    /// The thread begins at a later sequence; of its oldest event only that counts.
    static func setOldest(_ sequence: UInt64, of row: StoredThread, in database: Database) throws {
        let update = try RawStatement(
            "UPDATE thread SET oldest_generation = 0, oldest_sequence = ?, checksum = ? WHERE number = ?", in: database)
        let oldest = EventID(generation: 0, sequence: sequence)
        update.bind(sequence, at: 1)
        update.bind(checksum(row, oldest: oldest), at: 2)
        update.bind(row.number, at: 3)
        try update.run()
    }

    /// The numbers of the threads in which a run was open at the end of the last chunk.
    static func threadsWithOpenRuns(in database: Database) throws -> [UInt64] {
        let sql = "\(selectOpenRun) ORDER BY thread"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        var numbers: [UInt64] = []
        while try statement.step() {
            _ = try openRun(statement)
            if numbers.last != statement.unsigned(0) { numbers.append(statement.unsigned(0)) }
        }
        return numbers
    }

    /// The threads of a user, in the order of their numbers.
    static func threads(of user: UserID, in database: Database) throws -> [StoredThread] {
        let statement = try RawStatement("\(selectThread) WHERE user = ? ORDER BY number", in: database)
        defer { statement.reset() }
        statement.bind(user.rawValue, at: 1)
        var threads: [StoredThread] = []
        while try statement.step() {
            let number = statement.unsigned(0)
            guard let thread = try? ThreadID(statement.text(1)) else {
                throw LogConnection.corrupt("thread number \(number) has no valid id")
            }
            threads.append(StoredThread(number: number, owner: ThreadOwner(thread: thread, user: user)))
        }
        return threads
    }

    // MARK: Chunks

    static func insert(_ chunk: IndexChunk, in database: Database) throws {
        let statement = try RawStatement("INSERT INTO chunk VALUES (?, ?, ?, ?)", in: database)
        statement.bind(chunk.thread, at: 1)
        statement.bind(chunk.last.sequence, at: 2)
        statement.bind(chunk.last.generation, at: 3)
        try statement.run(binding: chunk.encoded, at: 4)
        guard !chunk.marks.isEmpty else { return }
        try RunDatabase.insert(chunk, in: database)
        let insertion = try RawStatement("INSERT INTO open_run VALUES (?, ?, ?, ?, ?)", in: database)
        let deletion = try RawStatement("DELETE FROM open_run WHERE thread = ? AND sequence = ?", in: database)
        for run in chunk.startedAndOpen {
            insertion.bind(chunk.thread, at: 1)
            insertion.bind(run.sequence, at: 2)
            insertion.bind(run.run.rawValue, at: 3)
            insertion.bind(checksum(chunk.thread, run), at: 4)
            insertion.bind(UInt64(run.host == .process ? 0 : 1), at: 5)
            try insertion.run()
        }
        for sequence in chunk.startsOfEarlierRunsEnded {
            deletion.bind(chunk.thread, at: 1)
            deletion.bind(sequence, at: 2)
            try deletion.run()
        }
    }

    /// Goes through the chunks of a thread with events after a sequence, in order, until told to stop.
    ///
    /// - Parameter body: returns whether to continue.
    static func chunks(
        of number: UInt64,
        after: UInt64,
        in database: Database,
        _ body: (IndexChunk) throws -> Bool
    ) throws {
        let sql =
            "SELECT last_generation, last_sequence, body FROM chunk WHERE thread = ? AND last_sequence > ? "
            + "ORDER BY last_sequence"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        statement.bind(Int64(clamping: after), at: 2)
        while try statement.step() {
            let last = EventID(generation: statement.unsigned(0), sequence: statement.unsigned(1))
            guard let chunk = IndexChunk(thread: number, last: last, body: statement.bytes(2)) else {
                throw LogConnection.corrupt("the index of thread number \(number) up to sequence \(last.sequence)")
            }
            guard try body(chunk) else { return }
        }
    }

    // MARK: Keys

    /// The time for which a key counts, in milliseconds.
    static let keyLifetime: Int64 = 24 * 60 * 60 * 1000

    static func insert(_ key: PlannedKey, in database: Database) throws {
        let sql =
            "INSERT OR REPLACE INTO keyed (time, thread, key, generation, sequence, count, gaps, checksum, digest) "
            + "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        let statement = try RawStatement(sql, in: database)
        statement.bind(key.time.milliseconds, at: 1)
        statement.bind(key.thread, at: 2)
        statement.bind(key.key.rawValue, at: 3)
        statement.bind(key.ids.first.generation, at: 4)
        statement.bind(key.ids.first.sequence, at: 5)
        statement.bind(UInt64(key.ids.count), at: 6)
        var gaps: [UInt8] = []
        gaps.append(gaps: key.ids.gaps)
        statement.bind(checksum(key, gaps: gaps), at: 8)
        statement.bind(key.digest?.bytes, at: 9)
        try statement.run(binding: gaps, at: 7)
    }

    private static func checksum(_ key: PlannedKey, gaps: [UInt8]) -> Int64 {
        let time = UInt64(bitPattern: key.time.milliseconds)
        let numbers = [time, key.thread, key.ids.first.generation, key.ids.first.sequence, UInt64(key.ids.count)]
        return RowChecksum.of(.keyed, numbers, [key.key.rawValue], bytes: gaps + (key.digest?.bytes ?? []))
    }

    /// Deletes some keys that are older than 24 hours.
    static func forgetKeys(before time: Timestamp, limit: Int, in database: Database) throws {
        let sql = "DELETE FROM keyed WHERE number IN (SELECT number FROM keyed ORDER BY number LIMIT ?) AND time <= ?"
        let statement = try RawStatement(sql, in: database)
        statement.bind(Int64(limit), at: 1)
        statement.bind(time.milliseconds - keyLifetime, at: 2)
        try statement.run()
    }

    /// The latest events of a key, whenever they were.
    static func recall(_ key: IdempotencyKey, number: UInt64, in database: Database) throws -> PlannedKey? {
        let sql =
            "SELECT generation, sequence, count, gaps, time, checksum, digest FROM keyed WHERE thread = ? AND key = ?"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        statement.bind(key.rawValue, at: 2)
        guard try statement.step() else { return nil }
        let bytes = [UInt8](statement.bytes(3))
        let digest = RequestDigest(bytes: statement.bytes(6))
        let planned = bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            return reader.gaps().flatMap { gaps in
                PlannedKey(
                    thread: number,
                    key: key,
                    first: EventID(generation: statement.unsigned(0), sequence: statement.unsigned(1)),
                    count: statement.unsigned(2),
                    gaps: gaps,
                    digest: digest,
                    time: Timestamp(milliseconds: statement.integer(4))
                )
            }
        }
        guard let planned, digest != nil || statement.isNull(6), statement.integer(5) == checksum(planned, gaps: bytes)
        else {
            throw LogConnection.corrupt("a key of thread number \(number)")
        }
        return planned
    }

    // MARK: Numbers

    static func meta(_ name: String, in database: Database) throws -> Int64 {
        let statement = try RawStatement("SELECT value, checksum FROM meta WHERE name = ?", in: database)
        defer { statement.reset() }
        statement.bind(name, at: 1)
        guard try statement.step(), let value = UInt64(exactly: statement.integer(0)),
            statement.integer(1) == RowChecksum.of(.meta, [value], [name])
        else { throw LogConnection.corrupt("its \(name) is missing, or damaged") }
        return Int64(value)
    }

    /// - Parameter value: not below zero.
    static func setMeta(_ name: String, to value: Int64, in database: Database) throws {
        let statement = try RawStatement("INSERT OR REPLACE INTO meta VALUES (?, ?, ?)", in: database)
        statement.bind(name, at: 1)
        statement.bind(value, at: 2)
        statement.bind(RowChecksum.of(.meta, [UInt64(value)], [name]), at: 3)
        try statement.run()
    }

    /// The highest number of a thread; 0 when there is none.
    static func lastThread(in database: Database) throws -> UInt64 {
        let statement = try RawStatement("SELECT max(number) FROM thread", in: database)
        defer { statement.reset() }
        guard try statement.step(), let number = UInt64(exactly: statement.integer(0)) else {
            throw LogConnection.corrupt("a thread has an invalid number")
        }
        return number
    }
}
