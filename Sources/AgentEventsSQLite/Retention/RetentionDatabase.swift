import AgentEvents
import GRDB

/// The statements that trimming needs.
enum RetentionDatabase {
    /// A thread with more events than a policy keeps, perhaps.
    struct Row {
        let number: UInt64
        let oldest: UInt64
        /// The last sequence that is in a chunk; 0 for none.
        let head: UInt64
    }

    /// The number of a thread.
    static func number(of thread: ThreadID, in database: Database) throws -> UInt64? {
        let statement = try RawStatement("SELECT number FROM thread WHERE id = ?", in: database)
        defer { statement.reset() }
        statement.bind(thread.rawValue, at: 1)
        return try statement.step() ? statement.unsigned(0) : nil
    }

    /// Threads behind a number, in order.
    static func threads(after number: UInt64, limit: Int, in database: Database) throws -> [Row] {
        let sql =
            "SELECT number, oldest_sequence, (SELECT max(last_sequence) FROM chunk WHERE chunk.thread = thread.number) "
            + "FROM thread WHERE number > ? ORDER BY number LIMIT ?"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        statement.bind(Int64(limit), at: 2)
        var rows: [Row] = []
        while try statement.step() {
            rows.append(Row(number: statement.unsigned(0), oldest: statement.unsigned(1), head: statement.unsigned(2)))
        }
        return rows
    }

    /// The oldest sequence of a thread that can be read; 0 when the file has no row of it.
    static func oldestSequence(of number: UInt64, in database: Database) throws -> UInt64 {
        let statement = try RawStatement("SELECT oldest_sequence FROM thread WHERE number = ?", in: database)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        return try statement.step() ? statement.unsigned(0) : 0
    }

    /// Where a thread begins and ends as far as the file knows; `nil` when it has no row.
    static func bounds(of number: UInt64, in database: Database) throws -> ThreadBounds? {
        let sql =
            "SELECT oldest_sequence, (SELECT max(last_sequence) FROM chunk WHERE chunk.thread = thread.number), "
            + "(SELECT min(sequence) FROM open_run WHERE open_run.thread = thread.number) FROM thread WHERE number = ?"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        statement.bind(number, at: 1)
        guard try statement.step() else { return nil }
        let firstOpen = statement.unsigned(2)
        return ThreadBounds(
            oldest: statement.unsigned(0), head: statement.unsigned(1), firstOpen: firstOpen == 0 ? nil : firstOpen)
    }

    /// Trims a thread. The last chunk stays, whatever is in it: it has the head.
    static func trim(_ number: UInt64, to sequence: UInt64, in database: Database) throws {
        let update = try RawStatement(
            "UPDATE thread SET oldest_generation = 0, oldest_sequence = ?1 WHERE number = ?2 AND oldest_sequence < ?1",
            in: database)
        update.bind(sequence, at: 1)
        update.bind(number, at: 2)
        try update.run()
        let deletion = try RawStatement(
            "DELETE FROM chunk WHERE thread = ?1 AND last_sequence < ?2 "
                + "AND last_sequence < (SELECT max(last_sequence) FROM chunk WHERE thread = ?1)",
            in: database)
        deletion.bind(number, at: 1)
        deletion.bind(sequence, at: 2)
        try deletion.run()
    }

    // MARK: Blocks that are gone

    static func removed(in database: Database) throws -> [RemovedBlocks] {
        let statement = try RawStatement("SELECT start, through FROM removed ORDER BY start", in: database)
        defer { statement.reset() }
        var removed: [RemovedBlocks] = []
        while try statement.step() {
            removed.append(RemovedBlocks(start: statement.integer(0), through: statement.unsigned(1)))
        }
        return removed
    }

    /// Notes blocks, in the place of those that they include.
    static func insert(_ removed: RemovedBlocks, in database: Database) throws {
        let deletion = try RawStatement("DELETE FROM removed WHERE start >= ? AND through <= ?", in: database)
        deletion.bind(removed.start, at: 1)
        deletion.bind(removed.through, at: 2)
        try deletion.run()
        let insertion = try RawStatement("INSERT INTO removed VALUES (?, ?)", in: database)
        insertion.bind(removed.start, at: 1)
        insertion.bind(removed.through, at: 2)
        try insertion.run()
    }
}
