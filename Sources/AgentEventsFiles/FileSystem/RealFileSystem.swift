package import AgentEvents

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The file system of the operating system.
package struct RealFileSystem: FileSystem {
    package init() {}

    package func open(_ path: String, _ mode: FileMode) throws(FileError) -> any OpenFile {
        try RealFile(path: path, mode)
    }

    package func openFolder(_ path: String) throws(FileError) -> any OpenFolder {
        try RealFolder(path: path)
    }

    package func freeByteCount(at path: String) -> Int64? {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return nil }
        return Int64(clamping: UInt64(status.f_bavail) &* UInt64(status.f_frsize))
    }

    package func createFolder(_ path: String) throws(FileError) {
        if mkdir(path, 0o700) == 0 { return }
        let error = FileError(systemError: errno)
        if error.kind == .missing, let last = path.lastIndex(of: "/"), last > path.startIndex {
            try createFolder(String(path[..<last]))
            if mkdir(path, 0o700) == 0 { return }
        }
        // It may be there, have become there meanwhile, or be the root.
        guard isFolder(path) else { throw error }
    }

    package func names(inFolder path: String) throws(FileError) -> [String] {
        guard let folder = opendir(path) else { throw FileError(systemError: errno) }
        defer { closedir(folder) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(folder) else { break }
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        guard errno == 0 else { throw FileError(systemError: errno) }
        return names
    }

    package func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    package func lastWrite(of path: String) throws(FileError) -> Timestamp {
        let status = try status(of: path)
        #if canImport(Darwin)
            let time = status.st_mtimespec
        #else
            let time = status.st_mtim
        #endif
        return Timestamp(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    package func setLastWrite(of path: String, to time: Timestamp) throws(FileError) {
        let (seconds, rest) = time.milliseconds.quotientAndRemainder(dividingBy: 1000)
        let moment = timespec(tv_sec: Int(seconds), tv_nsec: Int(rest) * 1_000_000)
        guard utimensat(AT_FDCWD, path, [moment, moment], 0) == 0 else { throw FileError(systemError: errno) }
    }

    package func rename(_ path: String, to newPath: String) throws(FileError) {
        #if canImport(Glibc)
            let result = Glibc.rename(path, newPath)
        #elseif canImport(Musl)
            let result = Musl.rename(path, newPath)
        #else
            let result = Darwin.rename(path, newPath)
        #endif
        guard result == 0 else { throw FileError(systemError: errno) }
    }

    package func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 else { throw FileError(systemError: errno) }
    }

    package func removeFolder(_ path: String) throws(FileError) {
        guard rmdir(path) == 0 else { throw FileError(systemError: errno) }
    }

    package func link(_ path: String, to newPath: String) throws(FileError) {
        #if canImport(Glibc)
            let result = Glibc.link(path, newPath)
        #elseif canImport(Musl)
            let result = Musl.link(path, newPath)
        #else
            let result = Darwin.link(path, newPath)
        #endif
        if result == 0 { return }
        let error = errno
        guard [EXDEV, EPERM, EMLINK, ENOSYS, ENOTSUP, EOPNOTSUPP].contains(error) else {
            throw FileError(systemError: error)
        }
        throw FileError(.cannotLink, String(cString: strerror(error)))
    }

    private func isFolder(_ path: String) -> Bool {
        guard let status = try? status(of: path) else { return false }
        return status.st_mode & S_IFMT == S_IFDIR
    }

    private func status(of path: String) throws(FileError) -> stat {
        var status = stat()
        guard stat(path, &status) == 0 else { throw FileError(systemError: errno) }
        return status
    }
}

/// An open file of the system. Owns the descriptor.
private final class RealFile: OpenFile {
    private let descriptor: Descriptor

    init(path: String, _ mode: FileMode) throws(FileError) {
        let flags =
            switch mode {
            case .reading: O_RDONLY
            case .readingAndWriting: O_RDWR
            case .creating: O_RDWR | O_CREAT | O_EXCL
            case .emptying: O_RDWR | O_CREAT | O_TRUNC
            case .creatingIfMissing: O_RDWR | O_CREAT
            }
        descriptor = try Descriptor(path, flags, permissions: 0o600)
    }

    func status() throws(FileError) -> FileStatus {
        var status = stat()
        guard fstat(descriptor.number, &status) == 0 else { throw FileError(systemError: errno) }
        return FileStatus(
            byteCount: Int64(status.st_size), isRegular: status.st_mode & S_IFMT == S_IFREG,
            isPrivate: status.st_mode & 0o077 == 0 && status.st_uid == geteuid())
    }

    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        while true {
            let count = pread(descriptor.number, buffer.baseAddress, buffer.count, off_t(offset))
            if count >= 0 { return count }
            guard errno == EINTR else { throw FileError(systemError: errno) }
        }
    }

    func writeSome(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        while true {
            let count = pwrite(descriptor.number, bytes.baseAddress, bytes.count, off_t(offset))
            if count > 0 || bytes.isEmpty { return count }
            guard count < 0 else { throw FileError(.other, "nothing was written") }
            guard errno == EINTR else { throw FileError(systemError: errno) }
        }
    }

    func truncate(to byteCount: Int64) throws(FileError) {
        guard ftruncate(descriptor.number, off_t(byteCount)) == 0 else { throw FileError(systemError: errno) }
    }

    func synchronize() throws(FileError) {
        #if canImport(Darwin)
            // fsync leaves the data in the drive's cache (fsync(2) of macOS).
            guard fcntl(descriptor.number, F_FULLFSYNC) == 0 || fsync(descriptor.number) == 0 else {
                throw FileError(systemError: errno)
            }
        #else
            guard fdatasync(descriptor.number) == 0 else { throw FileError(systemError: errno) }
        #endif
    }

    func willRead(_ byteCount: Int, at offset: Int64) {
        // Only a hint; nothing is done where the system knows none.
        #if !canImport(Darwin)
            _ = posix_fadvise(descriptor.number, off_t(offset), off_t(byteCount), POSIX_FADV_WILLNEED)
        #endif
    }

    func lock(waiting: Bool) throws(FileError) {
        while flock(descriptor.number, waiting ? LOCK_EX : LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            throw FileError(systemError: errno)
        }
    }

    func unlock() {
        // A process that another thread is just starting has the descriptor too, until it runs its program: closing
        // this one alone would leave the lock in place.
        _ = flock(descriptor.number, LOCK_UN)
    }
}

private final class RealFolder: OpenFolder {
    private let descriptor: Descriptor

    init(path: String) throws(FileError) {
        descriptor = try Descriptor(path, O_RDONLY | O_DIRECTORY, permissions: 0)
    }

    func synchronize() throws(FileError) {
        guard fsync(descriptor.number) == 0 else { throw FileError(systemError: errno) }
    }
}

/// A descriptor of the process, closed with the last reference: a file that readers still use by the last of them.
private final class Descriptor: Sendable {
    let number: CInt

    init(_ path: String, _ flags: CInt, permissions: mode_t) throws(FileError) {
        number = open(path, flags | O_CLOEXEC, permissions)
        guard number >= 0 else { throw FileError(systemError: errno) }
    }

    deinit { close(number) }
}

extension FileError {
    /// An error of the operating system, by its number.
    package init(systemError: CInt) {
        let kind: Kind =
            switch systemError {
            case ENOSPC, EDQUOT, EFBIG: .full
            case EROFS, EACCES, EPERM: .readOnly
            case ENOENT: .missing
            case EEXIST: .exists
            case EMFILE, ENFILE: .tooManyOpenFiles
            case EWOULDBLOCK: .locked
            default: .other
            }
        self.init(kind, String(cString: strerror(systemError)))
    }
}
