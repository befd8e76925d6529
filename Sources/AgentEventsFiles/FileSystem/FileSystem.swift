package import AgentEvents

/// The files of a machine: the only way by which this package writes files, and reads those that it wrote.
///
/// Each call blocks its thread, and can be made on any. There are two implementations: ``RealFileSystem``, and one for
/// tests and simulations that keeps what is written apart from what was synchronized.
package protocol FileSystem: Sendable {
    /// Opens a file. It is closed with the last reference to it.
    func open(_ path: String, _ mode: FileMode) throws(FileError) -> any OpenFile

    /// Opens a folder, to bring its names to the disk. It is closed with the last reference to it.
    func openFolder(_ path: String) throws(FileError) -> any OpenFolder

    /// Makes a folder, with those on the way to it, unless there is one; only its owner may look into it.
    func createFolder(_ path: String) throws(FileError)

    /// The names of all files in a folder, in no order.
    func names(inFolder path: String) throws(FileError) -> [String]

    /// Whether there is a file or a folder at a path.
    func exists(_ path: String) -> Bool

    /// When the file at a path was last written to.
    func lastWrite(of path: String) throws(FileError) -> Timestamp

    /// Has a file say that it was last written to at a time.
    func setLastWrite(of path: String, to time: Timestamp) throws(FileError)

    /// Gives a file or a folder another name in one step. A file that has that name is replaced, and so is an empty folder by
    /// a folder.
    func rename(_ path: String, to newPath: String) throws(FileError)

    /// Takes a file's name away. Where it is open it can be used until it is closed.
    func remove(_ path: String) throws(FileError)

    /// The bytes that can still be written to the disk with a file or folder; `nil` when that is not known.
    func freeByteCount(at path: String) -> Int64?

    /// Takes away a folder that is empty.
    func removeFolder(_ path: String) throws(FileError)

    /// Gives a file a second name, and it is the same file under both.
    ///
    /// - Throws: an error of the kind `cannotLink` where only a copy is possible.
    func link(_ path: String, to newPath: String) throws(FileError)
}

extension FileSystem {
    package func freeByteCount(at path: String) -> Int64? { nil }
}

/// The mode in which a file is opened. One that is created can be read and written by its owner only: events are in it.
package enum FileMode: Hashable, Sendable {
    case reading
    case readingAndWriting
    /// For reading and writing, and it must be new.
    case creating
    /// For reading and writing, new or made empty.
    case emptying
    /// For reading and writing, new or not.
    case creatingIfMissing
}

/// An open file.
package protocol OpenFile: AnyObject, Sendable {
    func status() throws(FileError) -> FileStatus

    /// Reads at an offset.
    ///
    /// - Returns: how many bytes were read: up to as many as the buffer has; 0 at the end of the file only.
    func readSome(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int

    /// Writes at an offset. Bytes between the end of the file and the offset are zeros.
    ///
    /// - Returns: how many bytes were written; at least 1.
    func writeSome(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(FileError) -> Int

    /// Cuts the file, or extends it with zeros.
    func truncate(to byteCount: Int64) throws(FileError)

    /// Returns when everything written, and the size, is on the disk. After an error what was written may be lost for
    /// good, even if a later call succeeds.
    func synchronize() throws(FileError)

    /// Announces that a part of the file is about to be read, so that it comes from the disk while others are read.
    func willRead(_ byteCount: Int, at offset: Int64)

    /// Takes the lock of the file, which one holder at a time has, in all processes. The system takes it back when the
    /// process ends.
    ///
    /// - Parameter waiting: whether to wait for another holder.
    /// - Throws: an error of the kind `locked` when there is another holder and it is not waited for.
    func lock(waiting: Bool) throws(FileError)

    /// Gives the lock back. Closing the file alone may leave it with a process that is being started.
    func unlock()
}

/// An open folder.
package protocol OpenFolder: AnyObject, Sendable {
    /// Returns when the names in the folder are on the disk.
    func synchronize() throws(FileError)
}

package struct FileStatus: Hashable, Sendable {
    package var byteCount: Int64
    /// Whether it is a file in the proper sense: no folder, device or pipe.
    package var isRegular: Bool
    /// Whether it is of the user of this process, and nobody else may use it.
    package var isPrivate: Bool

    package init(byteCount: Int64, isRegular: Bool, isPrivate: Bool = true) {
        self.byteCount = byteCount
        self.isRegular = isRegular
        self.isPrivate = isPrivate
    }
}

extension OpenFile {
    /// The size of the file.
    package func byteCount() throws(FileError) -> Int64 { try status().byteCount }

    /// Reads until the buffer is full or the file ends.
    ///
    /// - Returns: how many bytes were read.
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileError) -> Int {
        var count = 0
        while count < buffer.count {
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            let result = try readSome(into: rest, at: offset + Int64(count))
            if result == 0 { break }
            count += result
        }
        return count
    }

    /// Writes all bytes.
    package func write(_ bytes: [UInt8], at offset: Int64) throws(FileError) {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(FileError) in
                var count = 0
                while count < bytes.count {
                    let rest = UnsafeRawBufferPointer(rebasing: bytes[count...])
                    count += try writeSome(rest, at: offset + Int64(count))
                }
            }
        }
        try result.get()
    }

    /// Whether there are only zeros from an offset on.
    package func isZero(from offset: Int64) throws(FileError) -> Bool {
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

    /// Cuts the file, and returns when that is on the disk.
    package func cut(to byteCount: Int64) throws(FileError) {
        try truncate(to: byteCount)
        try synchronize()
    }
}
