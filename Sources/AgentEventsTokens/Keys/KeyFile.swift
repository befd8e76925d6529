import AgentEventsHub

#if canImport(CDispatch)
    // The structures of files are this module's when it is seen first, as it is in an optimised build.
    import CDispatch
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads the files that keys are in.
package enum KeyFile {
    /// The secret in a file: all of it but a line end. Others than the owner may not even read it.
    package static func secret(at path: String) throws(TokenKeyError) -> [UInt8] {
        var bytes = try read(path, maximumByteCount: 4096, isPrivate: true)
        while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
        return bytes
    }

    static func keySet(at path: String) throws(TokenKeyError) -> [UInt8] {
        try read(path, maximumByteCount: KeySet.maximumByteCount, isPrivate: false)
    }

    /// Makes a file with a secret, for its owner alone, unless there is one. It is there whole, or not at all, and once made it
    /// stays: of several processes that make it at once all have the same one afterwards.
    static func makeSecret(_ text: String, at path: String) throws(TokenKeyError) {
        guard access(path, F_OK) != 0 else { return }
        var name = Array("\(path).XXXXXX".utf8CString)
        let descriptor = name.withUnsafeMutableBufferPointer { buffer in
            buffer.baseAddress.map { mkstemp($0) } ?? -1
        }
        guard descriptor >= 0 else { throw TokenKeyError("the file \(path) cannot be made: \(reason())") }
        let temporaryPath = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { unlink(temporaryPath) }
        let line = Array("\(text)\n".utf8)
        let isWritten =
            fchmod(descriptor, 0o600) == 0
            && line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == line.count
            && fsync(descriptor) == 0
        let problem = reason()
        close(descriptor)
        guard isWritten else { throw TokenKeyError("the file \(path) cannot be written: \(problem)") }
        // A name that is taken stays what it is.
        guard link(temporaryPath, path) == 0 || errno == EEXIST else {
            throw TokenKeyError("the file \(path) cannot be made: \(reason())")
        }
        flushFolder(of: path)
    }

    /// The name of a new file survives a loss of power. Where a folder cannot be flushed, it may not.
    private static func flushFolder(of path: String) {
        let end = path.lastIndex(of: "/")
        let folder = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    /// The mode is that of the file that is read, and not of one that takes its name meanwhile.
    private static func read(
        _ path: String,
        maximumByteCount: Int,
        isPrivate: Bool
    ) throws(TokenKeyError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw TokenKeyError("the file \(path) cannot be read: \(reason())") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw TokenKeyError("the file \(path) cannot be read: \(reason())")
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw TokenKeyError("\(path) is not a file") }
        if isPrivate, status.st_mode & 0o177 != 0 {
            throw TokenKeyError("others than its owner may use the file \(path): chmod 600 \(path)")
        }
        var bytes: [UInt8] = []
        while bytes.count <= maximumByteCount {
            let count = bytes.count
            var buffer = [UInt8](repeating: 0, count: 65536)
            let readCount = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, off_t(count)) }
            guard readCount >= 0 else { throw TokenKeyError("the file \(path) cannot be read: \(reason())") }
            guard readCount > 0 else { return bytes }
            bytes += buffer[..<readCount]
        }
        throw TokenKeyError("the file \(path) has more than \(maximumByteCount) bytes")
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
