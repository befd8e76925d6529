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

    /// Threads after a number, in order.
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

    /// The beginning and the end of a thread as far as the file knows; `nil` when it has no row.
    static func bounds(of number: UInt64, in database: Database) throws -> ThreadBounds? {
        guard let thread = try LogDatabase.thread(number: number, in: database) else { return nil }
        return ThreadBounds(
            oldest: thread.oldest?.sequence ?? 0,
            head: thread.head?.sequence ?? 0,
            firstOpen: thread.openRuns.first?.sequence
        )
    }

    /// Trims a thread. The last chunk stays, whatever is in it: it has the head.
    static func trim(_ number: UInt64, to sequence: UInt64, in database: Database) throws {
        guard let row = try LogDatabase.row(of: number, in: database), row.oldest?.sequence ?? .max < sequence
        else { return }
        try LogDatabase.setOldest(sequence, of: row, in: database)
        let deletion = try RawStatement(
            "DELETE FROM chunk WHERE thread = ?1 AND last_sequence < ?2 "
                + "AND last_sequence < (SELECT max(last_sequence) FROM chunk WHERE thread = ?1)",
            in: database)
        deletion.bind(number, at: 1)
        deletion.bind(sequence, at: 2)
        try deletion.run()
        try RunDatabase.delete(before: sequence, in: number, in: database)
    }

    // MARK: Blocks that are gone

    static func removed(in database: Database) throws -> [RemovedBlocks] {
        let statement = try RawStatement("SELECT start, through, checksum FROM removed ORDER BY start", in: database)
        defer { statement.reset() }
        var removed: [RemovedBlocks] = []
        while try statement.step() {
            let blocks = RemovedBlocks(start: statement.integer(0), through: statement.unsigned(1))
            guard statement.integer(2) == checksum(blocks) else {
                throw LogConnection.corrupt("which blocks were removed")
            }
            removed.append(blocks)
        }
        return removed
    }

    /// Notes blocks, in the place of those that they include.
    static func insert(_ removed: RemovedBlocks, in database: Database) throws {
        let deletion = try RawStatement("DELETE FROM removed WHERE start >= ? AND through <= ?", in: database)
        deletion.bind(removed.start, at: 1)
        deletion.bind(removed.through, at: 2)
        try deletion.run()
        let insertion = try RawStatement("INSERT INTO removed VALUES (?, ?, ?)", in: database)
        insertion.bind(removed.start, at: 1)
        insertion.bind(removed.through, at: 2)
        insertion.bind(checksum(removed), at: 3)
        try insertion.run()
    }

    private static func checksum(_ blocks: RemovedBlocks) -> Int64 {
        RowChecksum.of(.removed, [UInt64(bitPattern: blocks.start), blocks.through])
    }
}
