import AgentEvents

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A file of lines that grows at its end, in use by nobody else. Only whole lines are ever left in it: a torn last one,
/// of a crash or a full disk, is cut off.
struct LineFile: ~Copyable {
    private static let newline = UInt8(ascii: "\n")

    let path: String
    private let descriptor: Int32
    /// In bytes.
    private(set) var size: Int

    /// Opens a file, creates it if there is none (readable by its owner only), and cuts off a torn last line.
    ///
    /// - Parameter waitingForOthers: whether to wait while somebody else has the file, instead of failing.
    static func opened(at path: String, waitingForOthers: Bool = false) throws(SinkError) -> LineFile {
        // In two steps: a value that closes its file cannot be left half made by an error.
        let (descriptor, size) = try openAndLock(path, waitingForOthers ? LOCK_EX : LOCK_EX | LOCK_NB)
        var file = LineFile(path: path, descriptor: descriptor, size: size)
        try file.cutOffTornLine()
        return file
    }

    private init(path: String, descriptor: Int32, size: Int) {
        self.path = path
        self.descriptor = descriptor
        self.size = size
    }

    deinit { close(descriptor) }

    private static func openAndLock(_ path: String, _ lockMode: Int32) throws(SinkError) -> (
        descriptor: Int32, size: Int
    ) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw error(.fileUnavailable, "cannot be opened", path) }
        do throws(SinkError) {
            return (descriptor, try lock(descriptor, path, lockMode))
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// - Returns: the file's size.
    private static func lock(_ descriptor: Int32, _ path: String, _ mode: Int32) throws(SinkError) -> Int {
        while flock(descriptor, mode) != 0 {
            if errno == EINTR { continue }
            throw error(.fileLocked, "is in use by another sink or process", path)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw error(.fileFailed, "cannot be looked at", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw SinkError(.fileUnavailable, "\(path) is not a regular file")
        }
        return Int(status.st_size)
    }

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

    /// The last lines, without their ends, of about so many bytes.
    func lastLines(byteCount: Int) throws(SinkError) -> [[UInt8]] {
        let start = max(0, size - byteCount)
        let lines = try read(from: start, count: size - start).split(separator: Self.newline)
        return lines.dropFirst(start == 0 ? 0 : 1).map { Array($0) }
    }

    /// Appends whole lines, all or none.
    mutating func append(_ lines: [UInt8]) throws(SinkError) {
        let before = size
        do throws(SinkError) {
            try extend(with: lines)
        } catch {
            // The torn part goes; if even that fails, it goes at the next opening.
            try truncate(to: before)
            throw error
        }
    }

    private mutating func extend(with bytes: [UInt8]) throws(SinkError) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[written...])
                return write(descriptor, rest.baseAddress, rest.count)
            }
            if count < 0 {
                if errno == EINTR { continue }
                let isFull = errno == ENOSPC || errno == EDQUOT || errno == EFBIG
                throw Self.error(isFull ? .fileFull : .fileFailed, "cannot be written", path)
            }
            written += count
            size += count
        }
    }

    /// Returns when everything appended is on the disk.
    func synchronize() throws(SinkError) {
        guard fsync(descriptor) == 0 else { throw Self.error(.fileFailed, "cannot be brought to the disk", path) }
    }

    private mutating func truncate(to byteCount: Int) throws(SinkError) {
        guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
            throw Self.error(.fileFailed, "cannot be cut back to its last whole line", path)
        }
        size = byteCount
    }

    private func read(from start: Int, count: Int) throws(SinkError) -> [UInt8] {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count {
                let rest = UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[initialized...])
                let read = pread(descriptor, rest.baseAddress, rest.count, off_t(start + initialized))
                if read < 0, errno == EINTR { continue }
                failed = read <= 0
                if failed { return }
                initialized += read
            }
        }
        if failed { throw Self.error(.fileFailed, "cannot be read", path) }
        return bytes
    }

    static func error(_ code: SinkError.Code, _ problem: String, _ path: String) -> SinkError {
        SinkError(code, "\(path) \(problem): \(String(cString: strerror(errno)))")
    }
}
