import AgentEvents

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Moves a file out of the way of its successor: `events` becomes `events.1`, which becomes `events.2`, and so on.
enum FileRotation {
    /// - Parameter keptCount: how many moved files there are at most; the oldest is overwritten.
    static func rotate(_ path: String, keptCount: Int) throws(SinkError) {
        for number in stride(from: keptCount - 1, through: 0, by: -1) {
            let from = number == 0 ? path : "\(path).\(number)"
            guard rename(from, "\(path).\(number + 1)") != 0, errno != ENOENT else { continue }
            throw LineFile.error(.fileFailed, "cannot be renamed", from)
        }
        if keptCount == 0, unlink(path) != 0 { throw LineFile.error(.fileFailed, "cannot be removed", path) }
    }

    /// Returns when the names in a file's folder are on the disk.
    static func synchronizeFolder(of path: String) throws(SinkError) {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw LineFile.error(.fileFailed, "cannot be opened", folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw LineFile.error(.fileFailed, "cannot be brought to the disk", folder) }
    }
}
