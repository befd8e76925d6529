import AgentEvents
import GRDB

/// The table `run`: where runs start, by a hash of their ids, so that one is found without reading all chunks of a thread.
///
/// A row says no more than where to look: whether a run of the very id starts there, its chunk tells.
enum RunDatabase {
    /// Makes the table, and fills it from the chunks that are there.
    static func createTable(in database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE run (
                    thread INTEGER NOT NULL, hash INTEGER NOT NULL, sequence INTEGER NOT NULL, checksum INTEGER NOT NULL,
                    PRIMARY KEY (thread, hash, sequence)
                ) WITHOUT ROWID
                """
        )
        let chunks = try RawStatement("SELECT thread, last_generation, last_sequence, body FROM chunk", in: database)
        defer { chunks.reset() }
        while try chunks.step() {
            let number = chunks.unsigned(0)
            let last = EventID(generation: chunks.unsigned(1), sequence: chunks.unsigned(2))
            guard let chunk = IndexChunk(thread: number, last: last, body: chunks.bytes(3)) else {
                throw LogConnection.corrupt("the index of thread number \(number) up to sequence \(last.sequence)")
            }
            try insert(chunk, in: database)
        }
    }

    /// Adds the starts of runs in a chunk.
    static func insert(_ chunk: IndexChunk, in database: Database) throws {
        let insertion = try RawStatement("INSERT OR REPLACE INTO run VALUES (?, ?, ?, ?)", in: database)
        for case .started(let run, let sequence, _) in chunk.marks {
            let hash = hash(of: run)
            insertion.bind(chunk.thread, at: 1)
            insertion.bind(hash, at: 2)
            insertion.bind(sequence, at: 3)
            insertion.bind(RowChecksum.of(.run, [chunk.thread, hash, sequence]), at: 4)
            try insertion.run()
        }
    }

    /// The sequence at which a run starts in a thread, unless that is before another one.
    static func start(
        of run: RunID,
        in number: UInt64,
        from oldest: UInt64,
        in database: Database
    ) throws -> UInt64? {
        let hash = hash(of: run)
        let sql = "SELECT sequence, checksum FROM run WHERE thread = ? AND hash = ? AND sequence >= ?"
        let rows = try RawStatement(sql, in: database)
        defer { rows.reset() }
        rows.bind(number, at: 1)
        rows.bind(hash, at: 2)
        rows.bind(oldest, at: 3)
        while try rows.step() {
            let sequence = rows.unsigned(0)
            guard rows.integer(1) == RowChecksum.of(.run, [number, hash, sequence]) else {
                throw LogConnection.corrupt("the start of a run of thread number \(number)")
            }
            if try starts(run, at: sequence, in: number, in: database) { return sequence }
        }
        return nil
    }

    private static func starts(
        _ run: RunID,
        at sequence: UInt64,
        in number: UInt64,
        in database: Database
    ) throws -> Bool {
        var isThis = false
        try LogDatabase.chunks(of: number, after: sequence - 1, in: database) { chunk in
            isThis = chunk.marks.contains { mark in
                guard case .started(run, sequence, _) = mark else { return false }
                return true
            }
            return false
        }
        return isThis
    }

    /// Removes what a trim took away.
    static func delete(before sequence: UInt64, in number: UInt64, in database: Database) throws {
        let deletion = try RawStatement("DELETE FROM run WHERE thread = ? AND sequence < ?", in: database)
        deletion.bind(number, at: 1)
        deletion.bind(sequence, at: 2)
        try deletion.run()
    }

    private static func hash(of run: RunID) -> UInt64 {
        Array(run.rawValue.utf8).withUnsafeBytes { bytes in
            UInt64(Checksum.of(bytes, seed: 1)) << 32 | UInt64(Checksum.of(bytes, seed: 2))
        }
    }
}
