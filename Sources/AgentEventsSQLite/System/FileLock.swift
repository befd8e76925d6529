import AgentEvents
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The right to write a log: a lock on a file beside it, which the system takes back when the process ends.
final class FileLock: Sendable {
    private let descriptor: Mutex<CInt?>

    /// Takes the lock without waiting.
    ///
    /// - Throws: `log.locked` when another process, or another log in this one, has it.
    init(path: String) throws(EventLogError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw EventLogError(systemError: errno, doing: "opening", path: path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            _ = Self.close(descriptor)
            guard code == EWOULDBLOCK else { throw EventLogError(systemError: code, doing: "locking", path: path) }
            throw EventLogError(
                .locked,
                "another writer has the log open (it holds \(path)); stop it, or use another file"
            )
        }
        self.descriptor = Mutex(descriptor)
    }

    // A log that was never closed must not keep the file for the rest of the process.
    deinit { release() }

    /// Gives the file free for others.
    func release() {
        descriptor.withLock { descriptor in
            guard let open = descriptor.take() else { return }
            // A process that another thread is just starting has the descriptor too, until it runs its program: closing
            // this one alone would leave the lock in place.
            _ = flock(open, LOCK_UN)
            _ = Self.close(open)
        }
    }

    private static func close(_ descriptor: CInt) -> CInt {
        #if canImport(Glibc)
            Glibc.close(descriptor)
        #elseif canImport(Musl)
            Musl.close(descriptor)
        #else
            Darwin.close(descriptor)
        #endif
    }
}
