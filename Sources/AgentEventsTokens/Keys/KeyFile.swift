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
enum KeyFile {
    /// The secret in a file: all of it but a line end. Others than the owner may not even read it.
    static func secret(at path: String) throws(TokenKeyError) -> [UInt8] {
        var bytes = try read(path, maximumByteCount: 4096, isPrivate: true)
        while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
        return bytes
    }

    static func keySet(at path: String) throws(TokenKeyError) -> [UInt8] {
        try read(path, maximumByteCount: KeySet.maximumByteCount, isPrivate: false)
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
