#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads small files that an operator names: settings, keys, certificates, secrets.
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
        try read(path, maximumByteCount: maximumByteCount) { status in
            guard isSecret else { return nil }
            return secrecyProblem(of: path, mode: UInt32(status.st_mode), owner: status.st_uid, user: geteuid())
        }
    }

    /// Reads a file of settings (``settingsProblem(of:mode:owner:user:)``).
    package static func settings(at path: String) throws(ReadingError) -> String {
        let bytes = try read(path, maximumByteCount: maximumSettingsByteCount) { status in
            settingsProblem(of: path, mode: UInt32(status.st_mode), owner: status.st_uid, user: geteuid())
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ReadingError(message: "the file \(path) is not UTF-8")
        }
        return text
    }

    private static let maximumSettingsByteCount = 1024 * 1024

    /// - Parameter problem: says why a file is refused, by its status; `nil` when it is not.
    private static func read(
        _ path: String,
        maximumByteCount: Int,
        refusing problem: (stat) -> String?
    ) throws(ReadingError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw unreadable(path) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw ReadingError(message: "\(path) is not a file") }
        if let problem = problem(status) { throw ReadingError(message: problem) }
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

    /// The problem with a file of settings; `nil` when there is none.
    ///
    /// Others may read it, but not write to it: they could choose the keys and the listeners of a service. So it is of root, or of
    /// the user who reads it, as sshd and sudo have it.
    package static func settingsProblem(of path: String, mode: UInt32, owner: UInt32, user: UInt32) -> String? {
        guard owner == 0 || owner == user else {
            return "the file of settings \(path) is of another user, who may choose keys and listeners with it: "
                + "chown root \(path), or run this as that user"
        }
        guard mode & 0o022 != 0 else { return nil }
        return "others than its owner may write to the file of settings \(path), and so choose keys and listeners: "
            + "chmod go-w \(path)"
    }

    /// The problem with the rights to the files that events are appended to at a path, now or before they became full; `nil` when
    /// there is none. They are for their owner alone, as the service makes them: those of another mode were there before.
    ///
    /// - Parameter user: the one who owns them; `nil` where it is not known.
    package static func privacyProblem(ofEventsAt path: String, user: UInt32? = nil) -> String? {
        // Without a folder there are no files.
        let paths = (try? FileRotation.paths(of: path, in: RealFileSystem())) ?? []
        let files = paths.compactMap { path -> (path: String, status: stat)? in
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
            return (path, status)
        }
        let open = files.filter { $0.status.st_mode & 0o077 != 0 }.map(\.path)
        if let first = open.first {
            return "others than its owner may use the file \(first), and all events go into it: chmod 600 "
                + open.joined(separator: " ")
        }
        guard let user else { return nil }
        let foreign = files.filter { $0.status.st_uid != user }.map(\.path)
        guard let first = foreign.first else { return nil }
        return "the file \(first) is of another user, who may read the events in it: "
            + "chown it to the user of the service, or move it away"
    }

    /// Makes the file that events are appended to, for its owner alone, unless there is one.
    package static func makeEventFile(at path: String) throws(ReadingError) {
        try openEventFile(at: path, O_CREAT)
    }

    /// The problem with the place of the file that events are appended to; `nil` when there is a file, or one can be made. Nothing is
    /// made here.
    package static func placeProblem(ofEventsAt path: String) -> String? {
        if access(path, F_OK) != 0, errno == ENOENT {
            guard access(FileRotation.folder(of: path), W_OK | X_OK) != 0 else { return nil }
            return "the file \(path) cannot be made: \(String(cString: strerror(errno)))"
        }
        do throws(ReadingError) {
            try openEventFile(at: path, 0)
            return nil
        } catch {
            return error.message
        }
    }

    private static func openEventFile(at path: String, _ flags: Int32) throws(ReadingError) {
        // Without waiting for somebody who reads of a pipe.
        let descriptor = open(path, flags | O_WRONLY | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard descriptor >= 0 else {
            throw ReadingError(message: "the file \(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ReadingError(message: "\(path) is not a file")
        }
    }

    private static func unreadable(_ path: String) -> ReadingError {
        ReadingError(message: "the file \(path) cannot be read: \(String(cString: strerror(errno)))")
    }
}
