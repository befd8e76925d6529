import AgentEvents
import GRDB

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension EventLogError {
    /// An error of the operating system.
    init(systemError: CInt, doing: String, path: String) {
        let reason = String(cString: strerror(systemError))
        self.init(Self.code(systemError: systemError) ?? .unavailable, "\(doing) \(path): \(reason)")
    }

    /// Anything that was thrown while the database was used.
    ///
    /// - Parameter systemError: the system's error number behind an input or output error, or 0.
    init(_ error: any Error, doing: String, path: String, systemError: CInt = 0) {
        if let error = error as? EventLogError {
            self = error
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
            case .SQLITE_CANTOPEN: Self.code(systemError: systemError) ?? .unavailable
            case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT: .corrupt
            case .SQLITE_BUSY, .SQLITE_LOCKED: .locked
            case .SQLITE_IOERR: Self.code(systemError: systemError) ?? .failed
            default: .failed
            }
        self.init(code, "\(doing) \(path): \(error.message ?? "\(error.resultCode)")", cause: error)
    }

    private static func code(systemError: CInt) -> Code? {
        switch systemError {
        case ENOSPC, EDQUOT, EFBIG: .full
        case EROFS, EACCES, EPERM: .readOnly
        default: nil
        }
    }
}
