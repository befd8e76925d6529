import AgentEvents
import AgentEventsFiles
import Synchronization

/// The folder of a log's files of blocks.
///
/// It holds open what the next file needs: where clients have taken all descriptors of the process, the log continues.
final class SegmentFolder: Sendable {
    private struct Held: Sendable {
        var folder: (any OpenFolder)?
        var next: (any OpenFile)?
    }

    let path: String
    let files: any FileSystem
    private let held = Mutex(Held())

    init(path: String, in files: any FileSystem) {
        self.path = path
        self.files = files
    }

    private var nextPath: String { path + "/next" }

    /// Opens what is not open, as far as there are descriptors.
    func prepare() {
        held.withLock { held in
            if held.folder == nil { held.folder = try? files.openFolder(path) }
            if held.next == nil { held.next = try? files.open(nextPath, .emptying) }
        }
    }

    /// Makes a file, whose name is on the disk then. Where there is no descriptor for that, it has made none.
    ///
    /// - Parameter name: there is no such file.
    func begin(_ name: String) throws(FileError) -> any OpenFile {
        let target = path + "/" + name
        return try held.withLock { (held) throws(FileError) in
            guard !files.exists(target) else { throw FileError(.exists, "there is such a file") }
            // Everything that needs a descriptor comes before the file is there, and stays open when the rest fails.
            let folder: any OpenFolder
            if let open = held.folder {
                folder = open
            } else {
                folder = try files.openFolder(path)
                held.folder = folder
            }
            let file: any OpenFile
            if let next = held.next, isRenamed(to: target) {
                file = next
            } else {
                file = try files.open(target, .creating)
            }
            held.next = nil
            try folder.synchronize()
            return file
        }
    }

    private func isRenamed(to target: String) -> Bool { (try? files.rename(nextPath, to: target)) != nil }

    /// No further file is begun.
    func close() {
        held.withLock { held in
            if held.next != nil { try? files.remove(nextPath) }
            held = Held()
        }
    }
}
