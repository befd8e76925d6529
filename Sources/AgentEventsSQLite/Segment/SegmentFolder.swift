import AgentEvents
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The folder of a log's files of blocks.
///
/// It holds open what the next file needs: where clients have taken all descriptors of the process, the log goes on.
final class SegmentFolder: Sendable {
    private struct Held: Sendable {
        var folder: FileDescriptor?
        var next: FileDescriptor?
    }

    let path: String
    private let held = Mutex(Held())

    init(path: String) { self.path = path }

    private var nextPath: String { path + "/next" }

    /// Opens what is not open, as far as there are descriptors.
    func prepare() {
        held.withLock { held in
            if held.folder == nil { held.folder = try? FileDescriptor(path: path, .reading) }
            if held.next == nil { held.next = try? FileDescriptor(path: nextPath, .emptying) }
        }
    }

    /// Makes a file, whose name is on the disk then. Where there is no descriptor for that, it has made none.
    ///
    /// - Parameter name: there is no such file.
    func begin(_ name: String) throws(FileDescriptor.Failure) -> FileDescriptor {
        let target = path + "/" + name
        return try held.withLock { (held) throws(FileDescriptor.Failure) in
            guard access(target, F_OK) != 0 else { throw FileDescriptor.Failure(systemError: EEXIST) }
            // Everything that needs a descriptor comes before the file is there, and stays open when the rest fails.
            let folder: FileDescriptor
            if let open = held.folder {
                folder = open
            } else {
                folder = try FileDescriptor(path: path, .reading)
                held.folder = folder
            }
            let file: FileDescriptor
            if let next = held.next, rename(nextPath, target) == 0 {
                file = next
            } else {
                file = try FileDescriptor(path: target, .creating)
            }
            held.next = nil
            try folder.synchronizeAll()
            return file
        }
    }

    /// No file is begun any more.
    func close() {
        held.withLock { held in
            if held.next != nil { unlink(nextPath) }
            held = Held()
        }
    }
}
