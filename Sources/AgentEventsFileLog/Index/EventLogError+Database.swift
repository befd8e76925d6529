import AgentEvents
import AgentEventsFiles
import GRDB

extension EventLogError {
    /// Anything that was thrown while the database was used.
    ///
    /// - Parameter reason: the system's reason for an input or output error, where it is known.
    init(_ error: any Error, doing: String, path: String, reason: FileError.Kind = .other) {
        if let error = error as? EventLogError {
            self = error
            return
        }
        if let error = error as? FileError {
            self.init(error, doing: doing, path: path)
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.failed, "\(doing) \(path): \(error)", cause: error)
            return
        }
        let code: Code =
            switch error.resultCode {
            case .SQLITE_FULL: .full
            case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH: .readOnly
            case .SQLITE_CANTOPEN: Self.code(reason) ?? .unavailable
            case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT: .corrupt
            case .SQLITE_BUSY, .SQLITE_LOCKED: .locked
            case .SQLITE_IOERR: Self.code(reason) ?? .failed
            default: .failed
            }
        self.init(code, "\(doing) \(path): \(error.message ?? "\(error.resultCode)")", cause: error)
    }
}
