import AgentEvents
import GRDB

/// The statements on the table `state`. No thread is the empty text, which no thread has as its id.
enum StateDatabase {
    static func load(
        _ kind: StoredValue.Kind,
        thread: ThreadID?,
        name: String,
        in database: Database
    ) throws -> [UInt8]? {
        let sql = "SELECT value FROM state WHERE kind = ? AND thread = ? AND name = ?"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        bind(kind, thread, to: statement)
        statement.bind(name, at: 3)
        return try statement.step() ? [UInt8](statement.bytes(0)) : nil
    }

    static func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?, in database: Database) throws -> [StoredValue] {
        let sql = "SELECT name, value FROM state WHERE kind = ? AND thread = ? ORDER BY name"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        bind(kind, thread, to: statement)
        var values: [StoredValue] = []
        while try statement.step() {
            values.append(
                StoredValue(kind, thread: thread, name: statement.text(0), bytes: [UInt8](statement.bytes(1))))
        }
        return values
    }

    static func save(_ value: StoredValue, in database: Database) throws {
        guard let bytes = value.bytes else {
            let statement = try RawStatement(
                "DELETE FROM state WHERE kind = ? AND thread = ? AND name = ?", in: database)
            bind(value.kind, value.thread, to: statement)
            statement.bind(value.name, at: 3)
            return try statement.run()
        }
        let statement = try RawStatement("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)", in: database)
        bind(value.kind, value.thread, to: statement)
        statement.bind(value.name, at: 3)
        try statement.run(binding: bytes, at: 4)
    }

    private static func bind(_ kind: StoredValue.Kind, _ thread: ThreadID?, to statement: RawStatement) {
        statement.bind(kind.rawValue, at: 1)
        statement.bind(thread?.rawValue ?? "", at: 2)
    }
}
