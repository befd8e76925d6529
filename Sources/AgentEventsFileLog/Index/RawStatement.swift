import GRDB
import GRDBSQLite

/// A prepared statement used without intermediate values: what is bound stays with the caller, what is read stays in
/// the page.
///
/// GRDB keeps the statement with its connection; a value lives no longer than one access to the database.
struct RawStatement {
    private let statement: Statement
    private var handle: SQLiteStatement { statement.sqliteStatement }

    init(_ sql: String, in database: Database) throws {
        statement = try database.cachedStatement(sql: sql)
        sqlite3_reset(statement.sqliteStatement)
    }

    /// Binds a number. Parameters count from 1.
    func bind(_ value: Int64, at parameter: CInt) {
        sqlite3_bind_int64(handle, parameter, value)
    }

    /// Binds a number without a sign, by its bits.
    func bind(_ value: UInt64, at parameter: CInt) {
        sqlite3_bind_int64(handle, parameter, Int64(bitPattern: value))
    }

    /// Binds a text, which is copied.
    func bind(_ value: String, at parameter: CInt) {
        var value = value
        value.withUTF8 { text in
            let copying = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
            text.withMemoryRebound(to: CChar.self) { characters in
                _ = sqlite3_bind_text(handle, parameter, characters.baseAddress, CInt(characters.count), copying)
            }
        }
    }

    /// Binds bytes, which are copied, or nothing.
    func bind(_ value: [UInt8]?, at parameter: CInt) {
        guard let value else {
            sqlite3_bind_null(handle, parameter)
            return
        }
        let copying = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        value.withUnsafeBytes { bytes in
            _ = sqlite3_bind_blob(handle, parameter, bytes.baseAddress, CInt(bytes.count), copying)
        }
    }

    /// Runs the statement once, with bytes as a parameter, which are not copied.
    func run(binding bytes: [UInt8], at parameter: CInt) throws {
        try bytes.withUnsafeBytes { bytes in
            guard bytes.baseAddress != nil, !bytes.isEmpty else {
                sqlite3_bind_zeroblob(handle, parameter, 0)
                return try run()
            }
            sqlite3_bind_blob(handle, parameter, bytes.baseAddress, CInt(bytes.count), nil)
            defer { sqlite3_bind_null(handle, parameter) }
            try run()
        }
    }

    /// Runs the statement once and makes it ready to run again.
    func run() throws {
        while try step() {}
        reset()
    }

    /// - Returns: whether there is a row.
    func step() throws -> Bool {
        switch sqlite3_step(handle) {
        case SQLITE_ROW:
            return true
        case SQLITE_DONE:
            return false
        default:
            let connection = sqlite3_db_handle(handle)
            let code = ResultCode(rawValue: sqlite3_extended_errcode(connection))
            let message = sqlite3_errmsg(connection).map { String(cString: $0) }
            sqlite3_reset(handle)
            throw DatabaseError(resultCode: code, message: message)
        }
    }

    func reset() {
        sqlite3_reset(handle)
    }

    /// Columns count from 0.
    func integer(_ column: CInt) -> Int64 {
        sqlite3_column_int64(handle, column)
    }

    func unsigned(_ column: CInt) -> UInt64 {
        UInt64(bitPattern: sqlite3_column_int64(handle, column))
    }

    func text(_ column: CInt) -> String {
        guard let text = sqlite3_column_text(handle, column) else { return "" }
        let bytes = UnsafeRawBufferPointer(start: text, count: Int(sqlite3_column_bytes(handle, column)))
        return String(decoding: bytes, as: UTF8.self)
    }

    func isNull(_ column: CInt) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    /// The bytes of a column, valid until the next step.
    func bytes(_ column: CInt) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(handle, column)
        return UnsafeRawBufferPointer(start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(handle, column)))
    }
}
