import AgentEvents
import GRDB

/// The statements on the table `state`. No thread is the empty text, which no thread has as its id.
enum StateDatabase {
    private static let isKey = "kind = ? AND thread = ? AND name = ? AND tenant = ?"

    static func load(
        _ kind: StoredValue.Kind,
        thread: ThreadID?,
        name: String,
        in database: Database
    ) throws -> [UInt8]? {
        let key = StoredKey(kind, thread: thread, name: name)
        let statement = try RawStatement("SELECT value, checksum FROM state WHERE \(isKey)", in: database)
        defer { statement.reset() }
        bind(key, to: statement, tenantAt: 4)
        guard try statement.step() else { return nil }
        return try checked([UInt8](statement.bytes(0)), statement.integer(1), key)
    }

    static func loadAll(_ kind: StoredValue.Kind, thread: ThreadID?, in database: Database) throws -> [StoredValue] {
        let sql =
            "SELECT name, value, checksum FROM state WHERE kind = ? AND thread = ? AND tenant = ? ORDER BY name"
        let statement = try RawStatement(sql, in: database)
        defer { statement.reset() }
        statement.bind(kind.rawValue, at: 1)
        statement.bind(thread?.rawValue ?? "", at: 2)
        statement.bind(TenantID.default.rawValue, at: 3)
        var values: [StoredValue] = []
        while try statement.step() {
            let key = StoredKey(kind, thread: thread, name: statement.text(0))
            let bytes = try checked([UInt8](statement.bytes(1)), statement.integer(2), key)
            values.append(StoredValue(kind, thread: thread, name: key.name, bytes: bytes))
        }
        return values
    }

    /// Reads all values of the kind: nobody asks for it often.
    static func places(
        of kind: StoredValue.Kind,
        namePrefix: String,
        in database: Database
    ) throws -> [StoredPlace] {
        let statement = try RawStatement(
            "SELECT thread, name FROM state WHERE tenant = ? AND kind = ? AND thread <> ''", in: database)
        defer { statement.reset() }
        statement.bind(TenantID.default.rawValue, at: 1)
        statement.bind(kind.rawValue, at: 2)
        var places: [StoredPlace] = []
        while try statement.step() {
            let name = statement.text(1)
            guard name.utf8.starts(with: namePrefix.utf8) else { continue }
            guard let thread = try? ThreadID(statement.text(0)) else {
                throw LogConnection.corrupt("the thread of a value of kind \(kind)")
            }
            places.append(StoredPlace(thread: thread, name: name))
        }
        return places
    }

    static func save(_ value: StoredValue, in database: Database) throws {
        guard let bytes = value.bytes else {
            let statement = try RawStatement("DELETE FROM state WHERE \(isKey)", in: database)
            bind(value.key, to: statement, tenantAt: 4)
            return try statement.run()
        }
        let statement = try RawStatement(
            "INSERT OR REPLACE INTO state (kind, thread, name, value, checksum, tenant) VALUES (?, ?, ?, ?, ?, ?)",
            in: database)
        bind(value.key, to: statement, tenantAt: 6)
        statement.bind(checksum(bytes, value.key), at: 5)
        try statement.run(binding: bytes, at: 4)
    }

    private static func checked(_ bytes: [UInt8], _ stored: Int64, _ key: StoredKey) throws -> [UInt8] {
        guard stored == checksum(bytes, key) else {
            throw LogConnection.corrupt("the value \(key.name) of kind \(key.kind)")
        }
        return bytes
    }

    private static func checksum(_ bytes: [UInt8], _ key: StoredKey) -> Int64 {
        let texts = [key.kind.rawValue, key.thread?.rawValue ?? "", key.name] + RowChecksum.texts(of: key.tenant)
        return RowChecksum.of(.state, [], texts, bytes: bytes)
    }

    private static func bind(_ key: StoredKey, to statement: RawStatement, tenantAt parameter: CInt) {
        statement.bind(key.kind.rawValue, at: 1)
        statement.bind(key.thread?.rawValue ?? "", at: 2)
        statement.bind(key.name, at: 3)
        statement.bind(key.tenant.rawValue, at: parameter)
    }
}
