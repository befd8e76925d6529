import AgentEvents
import AgentEventsFiles

/// The size and the checksums of a file.
struct FileDigest: Hashable, Sendable {
    /// The number of bytes in a piece.
    static let pieceByteCount = 64 << 10

    var byteCount: Int64 = 0
    /// In hexadecimal digits.
    var hash = ""
    /// A checksum of each piece, by which the damaged one is found.
    var pieces: [UInt32] = []

    /// Reads a file to its end.
    ///
    /// - Parameters:
    ///   - limit: no byte from there on is read.
    ///   - body: is given each piece, and where it begins.
    init(
        of file: any OpenFile,
        upTo limit: Int64 = .max,
        _ body: (UnsafeRawBufferPointer, Int64) throws(FileError) -> Void = { (_, _) throws(FileError) in }
    ) throws(FileError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceByteCount, alignment: 8)
        defer { buffer.deallocate() }
        var stream = SHA256Hash.Stream()
        while byteCount < limit {
            let size = Int(min(Int64(buffer.count), limit - byteCount))
            let count = try file.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<size]), at: byteCount)
            if count == 0 { break }
            let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            stream.add(piece)
            pieces.append(Checksum.of(piece, seed: UInt64(pieces.count)))
            try body(piece, byteCount)
            byteCount += Int64(count)
        }
        hash = Self.hexadecimal(stream.finish())
    }

    static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// The first place at which a file with other pieces differs: the beginning of a piece, or the end of the shorter one.
    func firstDifference(from other: FileDigest) -> Int64 {
        let index = zip(pieces, other.pieces).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        let end = min(byteCount, other.byteCount)
        return index.map { min(Int64($0 * Self.pieceByteCount), end) } ?? end
    }
}

/// Reads, writes and copies whole files.
struct FileCopier {
    let files: any FileSystem

    func digest(of path: String) throws(EventLogError) -> FileDigest {
        try logErrors("reading", path) { () throws(FileError) in try FileDigest(of: try files.open(path, .reading)) }
    }

    /// Copies a file into a new one, which is on the disk then.
    ///
    /// - Parameter byteCount: how much of it.
    func copy(_ path: String, to newPath: String, upTo byteCount: Int64 = .max) throws(EventLogError) -> FileDigest {
        try logErrors("copying \(path) to", newPath) { () throws(FileError) in
            let file = try files.open(path, .reading)
            let copy = try files.open(newPath, .creating)
            let digest = try FileDigest(of: file, upTo: byteCount) { (piece, offset) throws(FileError) in
                try copy.write([UInt8](piece), at: offset)
            }
            try copy.synchronize()
            return digest
        }
    }

    /// Gives a file a second name, or copies it where that is not possible.
    func link(_ path: String, to newPath: String, byteCount: Int64) throws(EventLogError) {
        do throws(FileError) {
            try files.link(path, to: newPath)
        } catch {
            guard error.kind == .cannotLink else { throw EventLogError(error, doing: "linking", path: path) }
            _ = try copy(path, to: newPath, upTo: byteCount)
        }
    }

    /// Writes a new file, which is on the disk then.
    func write(_ bytes: [UInt8], to path: String) throws(EventLogError) {
        try logErrors("writing", path) { () throws(FileError) in
            let file = try files.open(path, .creating)
            try file.write(bytes, at: 0)
            try file.synchronize()
        }
    }

    func bytes(of path: String) throws(EventLogError) -> [UInt8] {
        try logErrors("reading", path) { () throws(FileError) in
            var bytes: [UInt8] = []
            _ = try FileDigest(of: try files.open(path, .reading)) { (piece, _) throws(FileError) in
                bytes.append(contentsOf: piece)
            }
            return bytes
        }
    }
}
