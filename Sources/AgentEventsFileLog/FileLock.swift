import AgentEvents
import AgentEventsFiles
import Synchronization

/// The right to write a log: a lock on a file beside it, which the system takes back when the process ends.
final class FileLock: Sendable {
    private let file: Mutex<(any OpenFile)?>

    /// Takes the lock without waiting.
    ///
    /// - Throws: `log.locked` when another process, or another log in this one, has it.
    init(path: String, in files: any FileSystem) throws(EventLogError) {
        let file = try logErrors("opening", path) { () throws(FileError) in
            try files.open(path, .creatingIfMissing)
        }
        do throws(FileError) {
            try file.lock(waiting: false)
        } catch {
            guard error.kind == .locked else { throw EventLogError(error, doing: "locking", path: path) }
            throw EventLogError(
                .locked,
                "another writer has the log open (it holds \(path)); stop it, or use another file"
            )
        }
        self.file = Mutex(file)
    }

    // A log that was never closed must not keep the file for the rest of the process.
    deinit { release() }

    /// Gives the file free for others.
    func release() { file.withLock { $0.take()?.unlock() } }
}
