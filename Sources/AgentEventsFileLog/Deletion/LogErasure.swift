import AgentEvents
import AgentEventsFiles
import Synchronization

/// Removes the bytes of deleted threads from the files of a log.
///
///     deleted: not in the index, no reader sees it; its bytes are in files of blocks, and in free pages of the index
///        │  the last file of blocks is ended, so that nothing is written to those there are
///        │  each file with such records is written again, beside itself; flushed; renamed; its name flushed
///        │  the index is written again as a whole, and its write-ahead log emptied
///        ▼
///     erased: the note that it was deleted has no id any longer
///
/// After a crash at any place all of it is done again: a file that was written again has nothing to erase.
///
/// Blocks its thread; for one caller at a time, and not while files are trimmed.
final class LogErasure: Sendable {
    /// The number of bytes that are written at a time, about.
    private static let writtenByteCount = 1 << 20

    private let connection: LogConnection
    private let indexWriter: IndexWriter

    init(connection: LogConnection, indexWriter: IndexWriter) {
        self.connection = connection
        self.indexWriter = indexWriter
    }

    func delete(_ threads: [ThreadID], at time: Timestamp) throws(EventLogError) {
        try indexWriter.delete(threads, at: time)
    }

    /// - Parameter seal: has the next commit begin a new file, and returns the files there are, to which nothing is written
    ///   any longer. In one step: a file that is begun in between is written to, and is not to be replaced.
    func erase(
        clock: WallClock,
        seal: () throws(EventLogError) -> [Segment]
    ) throws(EventLogError) -> [ThreadDeletion] {
        let unfinished = try connection.index.read { try DeletionDatabase.unfinished(in: $0) }
        guard !unfinished.isEmpty else {
            // What was noted last may still be in the write-ahead log only.
            if connection.deleted.hasAny { try connection.index.emptyWriteAheadLog() }
            return []
        }
        let blocks = connection.blocks
        try blocks.removeUnfinishedReplacements()
        let segments = try seal()
        try blocks.synchronize(upTo: segments.last?.end ?? 0)
        let numbers = Set(unfinished.map(\.number))
        for segment in segments {
            try connection.fileTurn.withLock { _ throws(EventLogError) in try erase(numbers, in: segment) }
        }
        try connection.index.compact()
        // Now, and not before: until here the bytes were in the files.
        let time = clock.now()
        var erased: [ThreadDeletion] = []
        try connection.index.transaction("erasing from") { database in
            erased = try unfinished.map { try DeletionDatabase.noteErased($0, at: time, in: database) }
        }
        try connection.index.emptyWriteAheadLog()
        return erased
    }

    private func erase(_ numbers: Set<UInt64>, in segment: Segment) throws(EventLogError) {
        var isNeeded = false
        try forEachBlock(of: segment) { (block, position) throws(EventLogError) in
            isNeeded = try BlockErasure.isNeeded(numbers, in: block.content, at: position)
            return !isNeeded
        }
        guard isNeeded else { return }
        try connection.blocks.replace(segment) { (file) throws(EventLogError) in
            var bytes: [UInt8] = []
            var written: Int64 = 0
            func write() throws(EventLogError) {
                try logErrors("writing", segment.path) { () throws(FileError) in try file.write(bytes, at: written) }
                written += Int64(bytes.count)
                bytes.removeAll(keepingCapacity: true)
            }
            try forEachBlock(of: segment) { (block, position) throws(EventLogError) in
                let start = bytes.count
                bytes.append(contentsOf: repeatElement(0, count: BlockHeader.byteCount))
                bytes.append(contentsOf: try BlockErasure.erase(numbers, in: block.content, at: position))
                bytes.withUnsafeMutableBytes { bytes in
                    block.header.seal(UnsafeMutableRawBufferPointer(rebasing: bytes[start...]), at: position)
                }
                if bytes.count >= Self.writtenByteCount { try write() }
                return true
            }
            try write()
        }
    }

    /// - Parameter body: returns whether to continue.
    private func forEachBlock(
        of segment: Segment,
        _ body: (SegmentStore.Block, Int64) throws(EventLogError) -> Bool
    ) throws(EventLogError) {
        var buffer = BlockBuffer()
        var position = segment.start
        while position < segment.end {
            guard let block = try connection.blocks.intactBlock(at: position, &buffer) else {
                throw LogConnection.corrupt("the block at \(position) is missing or its checksum is wrong")
            }
            guard try body(block, position) else { return }
            position += Int64(block.header.blockByteCount)
        }
    }
}
