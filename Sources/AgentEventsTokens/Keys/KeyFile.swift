import AgentEventsFiles
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
        var bytes = try read(path, maximumByteCount: 4096, isSecret: true)
        while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
        return bytes
    }

    static func keySet(at path: String) throws(TokenKeyError) -> [UInt8] {
        try read(path, maximumByteCount: KeySet.maximumByteCount, isSecret: false)
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

    private static func read(
        _ path: String,
        maximumByteCount: Int,
        isSecret: Bool
    ) throws(TokenKeyError) -> [UInt8] {
        do throws(ConfiguredFile.ReadingError) {
            return try ConfiguredFile.read(path, maximumByteCount: maximumByteCount, isSecret: isSecret)
        } catch {
            throw TokenKeyError(error.message)
        }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
