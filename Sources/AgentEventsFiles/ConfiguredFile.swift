#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads small files that an operator names: keys, certificates, secrets.
package enum ConfiguredFile {
    /// A file that was not read, and why: a sentence with its path.
    package struct ReadingError: Error {
        package var message: String
    }

    /// Reads a whole file. The mode is that of the file that is read, and not of one that takes its name meanwhile.
    ///
    /// - Parameters:
    ///   - maximumByteCount: The number of bytes above which it is refused.
    ///   - isSecret: Whether a file that others may use is refused (``secrecyProblem(of:mode:owner:user:)``).
    package static func read(
        _ path: String,
        maximumByteCount: Int,
        isSecret: Bool
    ) throws(ReadingError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw ReadingError(message: "\(path) is not a file") }
        if isSecret,
            let problem = secrecyProblem(
                of: path, mode: UInt32(status.st_mode), owner: status.st_uid, user: geteuid())
        {
            throw ReadingError(message: problem)
        }
        var bytes: [UInt8] = []
        while bytes.count <= maximumByteCount {
            let count = bytes.count
            var buffer = [UInt8](repeating: 0, count: 65536)
            let readCount = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(count)) }
            guard readCount >= 0 else { throw unreadable(path) }
            guard readCount > 0 else { return bytes }
            bytes += buffer[..<readCount]
        }
        throw ReadingError(message: "the file \(path) has more than \(maximumByteCount) bytes")
    }

    /// The problem with the mode of a file that holds a secret; `nil` when there is none.
    ///
    /// It is for its owner alone. A file of root may be read by its group, too: that is how systemd (`LoadCredential`) and
    /// Kubernetes (`fsGroup`) give a secret to a service that is not root, and what PostgreSQL allows its `ssl_key_file`.
    package static func secrecyProblem(of path: String, mode: UInt32, owner: UInt32, user: UInt32) -> String? {
        let isOfRoot = owner == 0 && user != 0
        guard mode & (isOfRoot ? 0o137 : 0o177) != 0 else { return nil }
        let advice =
            isOfRoot ? "as root chmod 640 \(path), with a group that only the service is in" : "chmod 600 \(path)"
        return "others than its owner may use the file \(path): \(advice)"
    }

    private static func unreadable(_ path: String) -> ReadingError {
        ReadingError(message: "the file \(path) cannot be read: \(String(cString: strerror(errno)))")
    }
}
