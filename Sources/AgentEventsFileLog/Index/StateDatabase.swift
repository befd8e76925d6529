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
        let sql = "SELECT value, checksum FROM state WHERE kind = ? AND thread = ? AND name = ?"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        bind(kind, thread, to: statement)
        statement.bind(name, at: 3)
        guard try statement.step() else { return nil }
        return try checked([UInt8](statement.bytes(0)), statement.integer(1), kind, thread, name)
    }

    static func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?, in database: Database) throws -> [StoredValue] {
        let sql = "SELECT name, value, checksum FROM state WHERE kind = ? AND thread = ? ORDER BY name"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        bind(kind, thread, to: statement)
        var values: [StoredValue] = []
        while try statement.step() {
            let name = statement.text(0)
            let bytes = try checked([UInt8](statement.bytes(1)), statement.integer(2), kind, thread, name)
            values.append(StoredValue(kind, thread: thread, name: name, bytes: bytes))
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
        let statement = try RawStatement("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?, ?)", in: database)
        bind(value.kind, value.thread, to: statement)
        statement.bind(value.name, at: 3)
        statement.bind(checksum(bytes, value.kind, value.thread, value.name), at: 5)
        try statement.run(binding: bytes, at: 4)
    }

    private static func checked(
        _ bytes: [UInt8],
        _ stored: Int64,
        _ kind: StoredValue.Kind,
        _ thread: ThreadID?,
        _ name: String
    ) throws -> [UInt8] {
        guard stored == checksum(bytes, kind, thread, name) else {
            throw LogConnection.corrupt("the value \(name) of kind \(kind)")
        }
        return bytes
    }

    private static func checksum(
        _ bytes: [UInt8],
        _ kind: StoredValue.Kind,
        _ thread: ThreadID?,
        _ name: String
    ) -> Int64 {
        RowChecksum.of(.state, [], [kind.rawValue, thread?.rawValue ?? "", name], bytes: bytes)
    }

    private static func bind(_ kind: StoredValue.Kind, _ thread: ThreadID?, to statement: RawStatement) {
        statement.bind(kind.rawValue, at: 1)
        statement.bind(thread?.rawValue ?? "", at: 2)
    }
}
