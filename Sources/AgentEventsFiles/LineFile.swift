import AgentEvents

/// A file of lines that grows at its end, in use by nobody else. Only whole lines are ever left in it: a torn last one,
/// of a crash or a full disk, is cut off.
struct LineFile: ~Copyable {
    private static let newline = UInt8(ascii: "\n")

    let path: String
    private let file: any OpenFile
    /// In bytes.
    private(set) var size: Int

    /// Opens a file, creates it if there is none (readable by its owner only), and cuts off a torn last line.
    ///
    /// - Parameters:
    ///   - waitingForOthers: whether to wait while somebody else has the file, instead of failing.
    ///   - beingPrivate: whether one that others than this user may use is refused.
    static func opened(
        at path: String,
        in files: any FileSystem,
        waitingForOthers: Bool = false,
        beingPrivate: Bool = false
    ) throws(SinkError) -> LineFile {
        let opened = try sinkErrors(.fileUnavailable, "cannot be opened", path) { () throws(FileError) in
            try files.open(path, .creatingIfMissing)
        }
        do throws(FileError) {
            try opened.lock(waiting: waitingForOthers)
        } catch {
            throw SinkError(.fileLocked, "\(path) is in use by another sink or process: \(error)")
        }
        let status = try sinkErrors(.fileFailed, "cannot be looked at", path) { () throws(FileError) in
            try opened.status()
        }
        guard status.isRegular else { throw SinkError(.fileUnavailable, "\(path) is not a regular file") }
        guard status.isPrivate || !beingPrivate else {
            throw SinkError(
                .fileUnavailable, "others than this user may use \(path): chmod 600 \(path), or give it to this user")
        }
        var file = LineFile(path: path, file: opened, size: Int(status.byteCount))
        try file.cutOffTornLine()
        return file
    }

    private init(path: String, file: any OpenFile, size: Int) {
        self.path = path
        self.file = file
        self.size = size
    }

    deinit { file.unlock() }

    private mutating func cutOffTornLine() throws(SinkError) {
        var end = size
        while end > 0 {
            let start = max(0, end - 64 * 1024)
            let bytes = try read(from: start, count: end - start)
            if let last = bytes.lastIndex(of: Self.newline) {
                end = start + last + 1
                break
            }
            end = start
        }
        if end < size { try truncate(to: end) }
    }

    /// The last lines, without their ends, of about this number of bytes.
    func lastLines(byteCount: Int) throws(SinkError) -> [[UInt8]] {
        let start = max(0, size - byteCount)
        let lines = try read(from: start, count: size - start).split(separator: Self.newline)
        return lines.dropFirst(start == 0 ? 0 : 1).map { Array($0) }
    }

    /// Appends whole lines, all or none.
    mutating func append(_ lines: [UInt8]) throws(SinkError) {
        do throws(FileError) {
            try file.write(lines, at: Int64(size))
            size += lines.count
        } catch {
            // The torn part goes; if even that fails, it goes at the next opening.
            try truncate(to: size)
            throw SinkError(error.kind == .full ? .fileFull : .fileFailed, "\(path) cannot be written: \(error)")
        }
    }

    /// Calls for each line, without its end, and its place in the file.
    func forEachLine(_ body: (_ line: [UInt8], _ offset: Int) throws(SinkError) -> Void) throws(SinkError) {
        var start = 0
        var rest: [UInt8] = []
        var position = 0
        while position < size {
            let bytes = try read(from: position, count: min(256 * 1024, size - position))
            position += bytes.count
            var next = 0
            while let end = bytes[next...].firstIndex(of: Self.newline) {
                let line = rest + bytes[next..<end]
                rest = []
                next = end + 1
                try body(line, start)
                start += line.count + 1
            }
            rest += bytes[next...]
        }
    }

    /// Overwrites a part of a line with spaces.
    func blank(from start: Int, to end: Int) throws(SinkError) {
        try sinkErrors(.fileFailed, "cannot be written", path) { () throws(FileError) in
            try file.write([UInt8](repeating: UInt8(ascii: " "), count: end - start), at: Int64(start))
        }
    }

    /// Returns when everything written is on the disk.
    func synchronize() throws(SinkError) {
        try sinkErrors(.fileFailed, "cannot be brought to the disk", path) { () throws(FileError) in
            try file.synchronize()
        }
    }

    private mutating func truncate(to byteCount: Int) throws(SinkError) {
        try sinkErrors(.fileFailed, "cannot be cut back to its last whole line", path) { () throws(FileError) in
            try file.truncate(to: Int64(byteCount))
        }
        size = byteCount
    }

    private func read(from start: Int, count: Int) throws(SinkError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let read = try sinkErrors(.fileFailed, "cannot be read", path) { () throws(FileError) in
            let result = bytes.withUnsafeMutableBytes { buffer in
                Result { () throws(FileError) in try file.read(into: buffer, at: Int64(start)) }
            }
            return try result.get()
        }
        guard read == count else { throw SinkError(.fileFailed, "\(path) became shorter while it was read") }
        return bytes
    }
}

/// Moves a file out of the way of its successor: `events` becomes `events.1`, which becomes `events.2`, and so on.
enum FileRotation {
    /// - Parameters:
    ///   - keptCount: how many moved files there are at most; the oldest is overwritten.
    ///   - synchronizing: whether each new name is on the disk before the next file gets the old one. Otherwise a loss
    ///     of power may keep the second step without the first, and a file that was overwritten by it is gone.
    static func rotate(
        _ path: String,
        keptCount: Int,
        synchronizing: Bool,
        in files: any FileSystem
    ) throws(SinkError) {
        for number in stride(from: keptCount - 1, through: 0, by: -1) {
            let from = number == 0 ? path : "\(path).\(number)"
            do throws(FileError) {
                try files.rename(from, to: "\(path).\(number + 1)")
            } catch {
                if error.kind == .missing { continue }
                throw SinkError(.fileFailed, "\(from) cannot be renamed: \(error)")
            }
            if synchronizing { try synchronizeFolder(of: path, in: files) }
        }
        guard keptCount == 0 else { return }
        try sinkErrors(.fileFailed, "cannot be removed", path) { () throws(FileError) in try files.remove(path) }
    }

    /// The current file and those that were moved, newest first, as far as they are there: also more than are kept now.
    static func paths(of path: String, in files: any FileSystem) throws(SinkError) -> [String] {
        let (folder, name) = folderAndName(path)
        let names = try sinkErrors(.fileFailed, "cannot be read", folder) { () throws(FileError) in
            try files.names(inFolder: folder)
        }
        let numbers = names.compactMap { other -> Int? in
            if other == name { return 0 }
            guard other.hasPrefix(name + "."), let number = Int(other.dropFirst(name.count + 1)), number > 0 else {
                return nil
            }
            return number
        }
        return numbers.sorted().map { $0 == 0 ? path : "\(path).\($0)" }
    }

    /// The folder of a file.
    static func folder(of path: String) -> String { folderAndName(path).folder }

    private static func folderAndName(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (String(path[...slash]), String(path[path.index(after: slash)...]))
    }

    /// Returns when the names in a file's folder are on the disk.
    static func synchronizeFolder(of path: String, in files: any FileSystem) throws(SinkError) {
        let folder = folder(of: path)
        try sinkErrors(.fileFailed, "cannot be brought to the disk", folder) { () throws(FileError) in
            try files.openFolder(folder).synchronize()
        }
    }
}

private func sinkErrors<Result>(
    _ code: SinkError.Code,
    _ problem: String,
    _ path: String,
    _ body: () throws(FileError) -> Result
) throws(SinkError) -> Result {
    do throws(FileError) {
        return try body()
    } catch {
        throw SinkError(code, "\(path) \(problem): \(error)")
    }
}
