import AgentEvents
import GRDB

/// The statements on the tables of the index.
enum LogDatabase {
    // MARK: Threads

    private static let selectThread = "SELECT number, id, user, oldest_generation, oldest_sequence FROM thread"

    static func thread(_ thread: ThreadID, in database: Database) throws -> StoredThread? {
        let statement = try RawStatement("\(selectThread) WHERE id = ?", in: database)
        statement.bind(thread.rawValue, at: 1)
        return try self.thread(statement, in: database)
    }

    static func thread(number: UInt64, in database: Database) throws -> StoredThread? {
        let statement = try RawStatement("\(selectThread) WHERE number = ?", in: database)
        statement.bind(number, at: 1)
        return try self.thread(statement, in: database)
    }

    static func threadID(number: UInt64, in database: Database) throws -> ThreadID {
        let statement = try RawStatement("SELECT id FROM thread WHERE number = ?", in: database)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        guard try statement.step(), let thread = try? ThreadID(statement.text(0)) else {
            throw LogConnection.corrupt("there is no thread number \(number), or it has no valid id")
        }
        return thread
    }

    private static func thread(_ statement: RawStatement, in database: Database) throws -> StoredThread? {
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let number = statement.unsigned(0)
        guard let thread = try? ThreadID(statement.text(1)), let user = try? UserID(statement.text(2)) else {
            throw LogConnection.corrupt("the ids of thread number \(number) are none")
        }
        return StoredThread(
            number: number,
            owner: ThreadOwner(thread: thread, user: user),
            oldest: EventID(generation: statement.unsigned(3), sequence: statement.unsigned(4)),
            head: try head(of: number, in: database),
            openRuns: try openRuns(of: number, in: database)
        )
    }

    /// The last event of a thread that is in a chunk.
    private static func head(of number: UInt64, in database: Database) throws -> EventID? {
        let sql =
            "SELECT last_generation, last_sequence FROM chunk WHERE thread = ? ORDER BY last_sequence DESC LIMIT 1"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        guard try statement.step() else { return nil }
        return EventID(generation: statement.unsigned(0), sequence: statement.unsigned(1))
    }

    private static func openRuns(of number: UInt64, in database: Database) throws -> [OpenRun] {
        let sql = "SELECT sequence, run FROM open_run WHERE thread = ? ORDER BY sequence"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        var runs: [OpenRun] = []
        while try statement.step() {
            guard let run = try? RunID(statement.text(1)) else {
                throw LogConnection.corrupt("the id of an open run of thread number \(number) is none")
            }
            runs.append(OpenRun(run: run, sequence: statement.unsigned(0)))
        }
        return runs
    }

    static func insert(_ thread: StoredThread, in database: Database) throws {
        guard let oldest = thread.oldest else { return }
        let statement = try RawStatement("INSERT INTO thread VALUES (?, ?, ?, ?, ?)", in: database)
        statement.bind(thread.number, at: 1)
        statement.bind(thread.owner.thread.rawValue, at: 2)
        statement.bind(thread.owner.user.rawValue, at: 3)
        statement.bind(oldest.generation, at: 4)
        statement.bind(oldest.sequence, at: 5)
        try statement.run()
    }

    /// The numbers of the threads in which a run was open at the end of the last chunk.
    static func threadsWithOpenRuns(in database: Database) throws -> [UInt64] {
        let statement = try RawStatement("SELECT DISTINCT thread FROM open_run ORDER BY thread", in: database)
        defer { statement.reset() }
        var numbers: [UInt64] = []
        while try statement.step() { numbers.append(statement.unsigned(0)) }
        return numbers
    }

    // MARK: Chunks

    static func insert(_ chunk: IndexChunk, in database: Database) throws {
        let statement = try RawStatement("INSERT INTO chunk VALUES (?, ?, ?, ?)", in: database)
        statement.bind(chunk.thread, at: 1)
        statement.bind(chunk.last.sequence, at: 2)
        statement.bind(chunk.last.generation, at: 3)
        try statement.run(binding: chunk.encoded, at: 4)
        guard !chunk.marks.isEmpty else { return }
        let insertion = try RawStatement("INSERT INTO open_run VALUES (?, ?, ?)", in: database)
        let deletion = try RawStatement("DELETE FROM open_run WHERE thread = ? AND sequence = ?", in: database)
        for run in chunk.startedAndOpen {
            insertion.bind(chunk.thread, at: 1)
            insertion.bind(run.sequence, at: 2)
            insertion.bind(run.run.rawValue, at: 3)
            try insertion.run()
        }
        for sequence in chunk.startsOfEarlierRunsEnded {
            deletion.bind(chunk.thread, at: 1)
            deletion.bind(sequence, at: 2)
            try deletion.run()
        }
    }

    /// Goes through the chunks of a thread with events behind a sequence, in order, until told to stop.
    ///
    /// - Parameter body: whether to go on.
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

    /// How long a key counts, in milliseconds.
    static let keyLifetime: Int64 = 24 * 60 * 60 * 1000

    static func insert(_ key: PlannedKey, in database: Database) throws {
        let sql =
            "INSERT OR REPLACE INTO keyed (time, thread, key, generation, sequence, count) VALUES (?, ?, ?, ?, ?, ?)"
        let statement = try RawStatement(sql, in: database)
        statement.bind(key.time.milliseconds, at: 1)
        statement.bind(key.thread, at: 2)
        statement.bind(key.key.rawValue, at: 3)
        statement.bind(key.first.generation, at: 4)
        statement.bind(key.first.sequence, at: 5)
        statement.bind(Int64(key.count), at: 6)
        try statement.run()
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
        let sql = "SELECT generation, sequence, count, time FROM keyed WHERE thread = ? AND key = ?"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        statement.bind(key.rawValue, at: 2)
        guard try statement.step() else { return nil }
        guard let count = Int(exactly: statement.integer(2)), PlannedKey.isValid(count: count) else {
            throw LogConnection.corrupt("a key of thread number \(number) is of no events")
        }
        return PlannedKey(
            thread: number,
            key: key,
            first: EventID(generation: statement.unsigned(0), sequence: statement.unsigned(1)),
            count: count,
            time: Timestamp(milliseconds: statement.integer(3))
        )
    }

    // MARK: Numbers

    static func meta(_ name: String, in database: Database) throws -> Int64 {
        let statement = try RawStatement("SELECT value FROM meta WHERE name = ?", in: database)
        defer { statement.reset() }
        statement.bind(name, at: 1)
        guard try statement.step(), statement.integer(0) >= 0 else {
            throw LogConnection.corrupt("it has no \(name), or it is none")
        }
        return statement.integer(0)
    }

    static func setMeta(_ name: String, to value: Int64, in database: Database) throws {
        let statement = try RawStatement("UPDATE meta SET value = ? WHERE name = ?", in: database)
        statement.bind(value, at: 1)
        statement.bind(name, at: 2)
        try statement.run()
    }

    /// The highest number of a thread; 0 when there is none.
    static func lastThread(in database: Database) throws -> UInt64 {
        let statement = try RawStatement("SELECT max(number) FROM thread", in: database)
        defer { statement.reset() }
        guard try statement.step(), let number = UInt64(exactly: statement.integer(0)) else {
            throw LogConnection.corrupt("the number of a thread is none")
        }
        return number
    }
}
