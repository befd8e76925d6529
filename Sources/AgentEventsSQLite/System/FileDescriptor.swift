import AgentEvents

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An open file of the system. Owns the descriptor: it is closed with the last reference.
final class FileDescriptor: Sendable {
    private let number: CInt

    /// The number of a failed call.
    struct Failure: Error {
        var systemError: CInt
    }

    enum Mode {
        case reading
        case readingAndWriting
        /// For writing, and it must be new.
        case creating
        /// For writing, new or made empty.
        case emptying
    }

    init(path: String, _ mode: Mode) throws(Failure) {
        let flags =
            switch mode {
            case .reading: O_RDONLY | O_CLOEXEC
            case .readingAndWriting: O_RDWR | O_CLOEXEC
            case .creating: O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC
            case .emptying: O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC
            }
        number = open(path, flags, 0o644)
        guard number >= 0 else { throw Failure(systemError: errno) }
    }

    // A segment that readers still use is closed by the last of them.
    deinit { close(number) }

    /// The size of the file.
    func byteCount() throws(Failure) -> Int64 {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw Failure(systemError: errno) }
        return Int64(status.st_size)
    }

    /// When the file at a path was last written to.
    static func lastWrite(path: String) throws(Failure) -> Timestamp {
        var status = stat()
        guard stat(path, &status) == 0 else { throw Failure(systemError: errno) }
        #if canImport(Darwin)
            let time = status.st_mtimespec
        #else
            let time = status.st_mtim
        #endif
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// Reads until the buffer is full or the file ends.
    ///
    /// - Returns: how much was read.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(Failure) -> Int {
        var count = 0
        while count < buffer.count, let base = buffer.baseAddress {
            let result = pread(number, base + count, buffer.count - count, off_t(offset) + off_t(count))
            if result == 0 { break }
            if result < 0 {
                if errno == EINTR { continue }
                throw Failure(systemError: errno)
            }
            count += result
        }
        return count
    }

    /// Says that a part of the file is about to be read, so that it comes from the disk while others are read. Only a
    /// hint; nothing is done where the system knows none.
    func willRead(_ byteCount: Int, at offset: Int64) {
        #if !canImport(Darwin)
            _ = posix_fadvise(number, off_t(offset), off_t(byteCount), POSIX_FADV_WILLNEED)
        #endif
    }

    /// Whether there is nothing but zeros from an offset on.
    func isZero(from offset: Int64) throws(Failure) -> Bool {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 8)
        defer { buffer.deallocate() }
        var position = offset
        while true {
            let count = try read(into: buffer, at: position)
            if count == 0 { return true }
            guard buffer[..<count].allSatisfy({ $0 == 0 }) else { return false }
            position += Int64(count)
        }
    }

    /// Writes all bytes.
    func write(_ bytes: [UInt8], at offset: Int64) throws(Failure) {
        let failure: Failure? = bytes.withUnsafeBytes { bytes in
            var count = 0
            while count < bytes.count, let base = bytes.baseAddress {
                let result = pwrite(number, base + count, bytes.count - count, off_t(offset) + off_t(count))
                if result < 0 {
                    if errno == EINTR { continue }
                    return Failure(systemError: errno)
                }
                count += result
            }
            return nil
        }
        if let failure { throw failure }
    }

    /// Cuts the file, and returns when that is on the disk.
    func cut(to byteCount: Int64) throws(Failure) {
        guard ftruncate(number, off_t(byteCount)) == 0 else { throw Failure(systemError: errno) }
        try synchronize()
    }

    /// Returns when everything written is on the disk.
    func synchronize() throws(Failure) {
        #if canImport(Darwin)
            // fsync leaves the data in the drive's cache (fsync(2) of macOS).
            guard fcntl(number, F_FULLFSYNC) == 0 || fsync(number) == 0 else { throw Failure(systemError: errno) }
        #else
            guard fdatasync(number) == 0 else { throw Failure(systemError: errno) }
        #endif
    }

    /// The same, for the names in a folder.
    func synchronizeAll() throws(Failure) {
        guard fsync(number) == 0 else { throw Failure(systemError: errno) }
    }

    /// Returns when the names in a folder are on the disk.
    static func synchronizeFolder(_ path: String) throws(Failure) {
        try FileDescriptor(path: path, .reading).synchronizeAll()
    }
}
