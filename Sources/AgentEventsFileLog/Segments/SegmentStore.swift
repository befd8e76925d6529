import AgentEvents
import AgentEventsFiles
import Synchronization

/// The blocks of a log, in files of bounded size. One writer; any number of readers.
///
/// A position counts the bytes written since the log began, so it grows with each block, over all files and openings.
final class SegmentStore: Sendable {
    private static let openLimit = 256
    /// The number of bytes that may not be on the disk when a file is begun, so that less is ever lost than there is
    /// between two openings.
    private static let unsyncedLimit = Segment.openingGap / 2

    struct Limits: Sendable {
        /// A file that has so much gets no further commit.
        var segmentByteCount: Int64
        /// By how much a file grows at a time, in zeros: flushing what is written over them takes half as long as
        /// flushing a file that grows. 0: it grows with each commit.
        var allocationByteCount: Int
        /// The wall clock.
        var now: @Sendable () -> Timestamp
        /// A clock that never goes back, by which reads are timed.
        var monotonicNow: @Sendable () -> Duration
        var flushes: FlushWatch
    }

    private let folder: SegmentFolder
    private var files: any FileSystem { folder.files }
    private let segmentByteCount: Int64
    private let allocationByteCount: Int
    private let now: @Sendable () -> Timestamp
    let monotonicNow: @Sendable () -> Duration
    private let flushes: FlushWatch
    let list: Mutex<SegmentList>
    private let flushed: Mutex<Flushed>
    /// Of two flushes of a file at a time, only one would get the error.
    private let flushTurn = Mutex(())

    private struct Flushed: Sendable {
        /// Up to where everything is on the disk, for certain.
        var end: Int64
        /// Why the first flush that failed did. The system says once that bytes could not be written, and gives them
        /// up: a flush that is tried again succeeds without them.
        var error: EventLogError?
    }

    /// - Parameters:
    ///   - segments: the files in the folder, in order; blocks written now go into further ones.
    init(folder: String, segments: [Segment], synced: Int64, limits: Limits, in files: any FileSystem) {
        self.folder = SegmentFolder(path: folder, in: files)
        segmentByteCount = limits.segmentByteCount
        allocationByteCount = limits.allocationByteCount
        now = limits.now
        monotonicNow = limits.monotonicNow
        flushes = limits.flushes
        list = Mutex(SegmentList(segments, openLimit: Self.openLimit))
        flushed = Mutex(Flushed(end: synced))
    }

    /// Up to where everything is on the disk, for certain.
    var synced: Int64 { flushed.withLock { $0.end } }

    /// The number of bytes in all files.
    var byteCount: Int64 { list.withLock { $0.segments.reduce(0) { $0 + $1.byteCount } } }

    /// All files of blocks, in order.
    var segments: [Segment] { list.withLock { $0.segments } }

    // MARK: Writing

    /// Writes a commit at a position: the end of the last one, or, for the first of an opening, somewhere after it.
    ///
    /// - Returns: whether the file before is complete, and no longer written to.
    /// - Throws: also the error of any flush that failed before.
    func write(_ bytes: [UInt8], at position: Int64, isNewSegment: Bool) throws(EventLogError) -> Bool {
        try checkFlushes()
        let last = list.withLock { list in list.isLastComplete ? nil : list.last.map { ($0, list.file(of: $0)) } }
        guard !isNewSegment, let last, let file = last.1, last.0.byteCount < segmentByteCount else {
            if !isNewSegment {
                try finish()
                if unsyncedByteCount > Self.unsyncedLimit { try synchronize(upTo: position) }
            }
            try begin(bytes, at: position)
            return !isNewSegment
        }
        var segment = last.0
        try write(bytes, to: file, in: &segment)
        list.withLock { $0.replaceLast(with: segment) }
        return false
    }

    private var unsyncedByteCount: Int64 {
        let synced = synced
        return list.withLock { list in
            list.segments.reversed().prefix { $0.end > synced }.reduce(0) { $0 + $1.byteCount }
        }
    }

    /// Opens ahead what writing needs, as far as that is possible.
    func prepare() { folder.prepare() }

    private func begin(_ bytes: [UInt8], at position: Int64) throws(EventLogError) {
        let name = Segment.name(start: position)
        let path = folder.path + "/" + name
        // A file that is complete can be closed once it is on the disk.
        let file = try withDescriptors("making", path, flushing: true) { () throws(FileError) in
            try folder.begin(name)
        }
        var segment = Segment(start: position, end: position, path: path)
        segment.begun = now()
        try write(bytes, to: file, in: &segment)
        list.withLock { $0.append(segment, file: file) }
        folder.prepare()
    }

    /// When there are too many open files, tries again without those that need not be open: all that end
    /// before what is not on the disk for certain, readers' and finished ones of the writer alike, but not the last.
    private func withDescriptors<Result>(
        _ doing: String,
        _ path: String,
        flushing: Bool = false,
        _ body: () throws(FileError) -> Result
    ) throws(EventLogError) -> Result {
        do throws(FileError) {
            return try body()
        } catch {
            guard error.kind == .tooManyOpenFiles else { throw EventLogError(error, doing: doing, path: path) }
        }
        if flushing { try synchronize(upTo: list.withLock { $0.last?.end ?? 0 }) }
        let synced = synced
        list.withLock { $0.closeFiles(before: synced) }
        return try logErrors(doing, path, body)
    }

    private func write(_ bytes: [UInt8], to file: any OpenFile, in segment: inout Segment) throws(EventLogError) {
        let size = segment.byteCount
        let newSize = size + Int64(bytes.count)
        do throws(EventLogError) {
            if allocationByteCount > 0, newSize > segment.allocatedByteCount {
                let start = segment.allocatedByteCount
                let zeros = [UInt8](repeating: 0, count: Int(newSize - start) + allocationByteCount)
                try logErrors("writing", segment.path) { () throws(FileError) in
                    try file.write(zeros, at: start)
                }
                try flushing("writing", segment.path) { () throws(FileError) in try file.synchronize() }
                segment.allocatedByteCount += Int64(zeros.count)
            }
            try logErrors("writing", segment.path) { () throws(FileError) in
                try file.write(bytes, at: size)
            }
        } catch {
            // No half of a commit stays. When this fails too, the next opening finds it and cuts it off.
            try? flushing("cutting", segment.path) { () throws(FileError) in try file.cut(to: size) }
            throw error
        }
        segment.end += Int64(bytes.count)
        segment.allocatedByteCount = max(segment.allocatedByteCount, newSize)
    }

    /// Nothing further is written.
    func close() {
        // The zeros after the last block mean nothing, so it does no harm when they stay.
        try? finish()
        folder.close()
    }

    /// Cuts off the zeros after the last block.
    private func finish() throws(EventLogError) {
        let last = list.withLock { list in list.last.map { ($0, list.file(of: $0)) } }
        guard let last, let file = last.1, last.0.allocatedByteCount > last.0.byteCount else { return }
        var segment = last.0
        try flushing("cutting", segment.path) { () throws(FileError) in
            try file.cut(to: segment.byteCount)
        }
        segment.allocatedByteCount = segment.byteCount
        list.withLock { $0.replaceLast(with: segment) }
    }

    /// Returns when everything before a position is on the disk.
    ///
    /// - Throws: also the error of any flush that failed before.
    func synchronize(upTo end: Int64) throws(EventLogError) {
        try checkFlushes()
        let synced = synced
        guard synced < end else { return }
        let segments = list.withLock { list in list.segments.reversed().prefix { $0.end > synced }.reversed() }
        for segment in segments where segment.start < end {
            do throws(EventLogError) {
                let file = try file(of: segment)
                let start = monotonicNow()
                try flushing("flushing", segment.path) { () throws(FileError) in try file.synchronize() }
                flushes.didFlush(in: monotonicNow() - start)
            } catch {
                // What was removed meanwhile was on the disk before.
                if list.withLock({ $0.contains(segment) }) { throw error }
            }
        }
        flushed.withLock { $0.end = max($0.end, end) }
    }

    private func checkFlushes() throws(EventLogError) {
        if let error = flushed.withLock({ $0.error }) { throw error }
    }

    /// Does something that flushes, when none has failed, and keeps the error when it fails.
    private func flushing(
        _ doing: String,
        _ path: String,
        _ body: () throws(FileError) -> Void
    ) throws(EventLogError) {
        try flushTurn.withLock { _ throws(EventLogError) in
            try checkFlushes()
            do throws(EventLogError) {
                try logErrors(doing, path, body)
            } catch {
                flushed.withLock { $0.error = error }
                throw error
            }
        }
    }

    // MARK: Reading

    /// Reads the block at a position.
    ///
    /// - Parameter buffer: keeps the bytes; what is returned is valid until it is used again.
    /// - Throws: `log.corrupt` when there is no intact block.
    func block(at position: Int64, _ buffer: inout BlockBuffer) throws(EventLogError) -> BlockReader {
        guard let block = try intactBlock(at: position, &buffer) else {
            throw LogConnection.corrupt("the block at \(position) is missing or its checksum is wrong")
        }
        return BlockReader(block.content, position: position, generation: block.header.generation)
    }

    /// Says that blocks are about to be read. What goes wrong is told by the read itself.
    func willRead(_ references: some Sequence<BlockReference>) {
        for reference in references {
            guard let segment = segment(at: reference.block), let file = try? file(of: segment) else { continue }
            file.willRead(BlockBuffer.initialByteCount, at: reference.block - segment.start)
        }
    }

    struct Block {
        var header: BlockHeader
        var content: UnsafeRawBufferPointer
    }

    /// The block at a position, or `nil` when there is none that is intact.
    ///
    /// - Throws: `log.unavailable` when it is intact and encrypted: it must not be taken for a torn one, and be cut off.
    func intactBlock(at position: Int64, _ buffer: inout BlockBuffer) throws(EventLogError) -> Block? {
        guard let segment = segment(at: position), segment.start <= position else { return nil }
        let file = try file(of: segment)
        let offset = position - segment.start
        var count = try read(file, segment, &buffer, at: offset, from: 0)
        guard let header = BlockHeader(buffer.bytes(count)), header.blockByteCount <= segment.byteCount - offset else {
            return nil
        }
        if header.blockByteCount > count {
            buffer.reserve(header.blockByteCount, keeping: count)
            count += try read(file, segment, &buffer, at: offset, from: count)
        }
        guard count >= header.blockByteCount else { return nil }
        let bytes = buffer.bytes(header.blockByteCount)
        guard header.isIntact(bytes, at: position) else { return nil }
        guard !header.isEncrypted else {
            throw EventLogError(
                .unavailable,
                "encrypted block: the one at \(position) in \(segment.path) can only be read by a program that has its key; "
                    + "this one reads and writes no encrypted blocks")
        }
        return Block(header: header, content: UnsafeRawBufferPointer(rebasing: bytes[BlockHeader.byteCount...]))
    }

    private func read(
        _ file: any OpenFile,
        _ segment: Segment,
        _ buffer: inout BlockBuffer,
        at offset: Int64,
        from start: Int
    ) throws(EventLogError) -> Int {
        let target = buffer.free(from: start)
        return try logErrors("reading", segment.path) { () throws(FileError) in
            try file.read(into: target, at: offset + Int64(start))
        }
    }

    /// The next position after one where the bytes could begin a block; the end of the segment when there is none.
    func possibleBlock(
        behind position: Int64,
        in segment: Segment,
        _ buffer: inout BlockBuffer
    ) throws(EventLogError) -> Int64 {
        let file = try file(of: segment)
        buffer.reserve(1 << 16, keeping: 0)
        var next = position + 1
        while next < segment.end {
            let count = try read(file, segment, &buffer, at: next - segment.start, from: 0)
            if let offset = BlockHeader.firstOffset(in: buffer.bytes(count)) { return next + Int64(offset) }
            next += Int64(max(1, count - BlockHeader.byteCount))
        }
        return segment.end
    }

    /// The segment that has a position, or the first after it.
    func segment(at position: Int64) -> Segment? { list.withLock { $0.segment(at: position) } }

    private func file(of segment: Segment) throws(EventLogError) -> any OpenFile {
        let (known, revision) = list.withLock { ($0.file(of: segment), $0.revision) }
        if let known { return known }
        let file = try withDescriptors("opening", segment.path) { () throws(FileError) in
            try files.open(segment.path, .reading)
        }
        // One that was replaced meanwhile can be read, but is not kept: what was erased would be on the disk as long.
        list.withLock { if $0.revision == revision { $0.keep(file, of: segment) } }
        return file
    }

    // MARK: Replacement

    /// Puts a file in the place of one that is not written to any longer, block for block at the same positions.
    ///
    /// The new file is on the disk before it gets the name, and the name before this returns. At each point in between
    /// the loss of power, or the end of the process, leaves one of the two.
    ///
    /// - Parameter write: writes the new file.
    func replace(
        _ segment: Segment,
        _ write: (any OpenFile) throws(EventLogError) -> Void
    ) throws(EventLogError) {
        let path = segment.path + Self.replacementSuffix
        let file = try logErrors("making", path) { () throws(FileError) in try files.open(path, .emptying) }
        try write(file)
        // By that time files become too old; see ``lastWrite(of:)``.
        let time = try lastWrite(of: segment)
        // Not one of the log's flushes: when it fails, nothing that the log has is lost.
        try logErrors("flushing", path) { () throws(FileError) in
            if let time { try files.setLastWrite(of: path, to: time) }
            try file.synchronize()
        }
        try logErrors("renaming", path) { () throws(FileError) in try files.rename(path, to: segment.path) }
        list.withLock { $0.didReplace(segment) }
        try logErrors("renaming", path) { () throws(FileError) in try files.openFolder(folder.path).synchronize() }
    }

    /// Removes what a crash has left of a replacement.
    func removeUnfinishedReplacements() throws(EventLogError) {
        try logErrors("looking into", folder.path) { () throws(FileError) in
            let names = try files.names(inFolder: folder.path).filter { $0.hasSuffix(Self.replacementSuffix) }
            for name in names { try files.remove(folder.path + "/" + name) }
            if !names.isEmpty { try files.openFolder(folder.path).synchronize() }
        }
    }

    private static let replacementSuffix = ".erasing"

    // MARK: Removal

    /// The file that is written to gets no further commit, and is as long as its blocks: nothing changes it any longer.
    ///
    /// Not while a commit is written.
    func seal() throws(EventLogError) {
        try checkFlushes()
        try finish()
        completeLast()
    }

    /// The next commit goes into a new file, so that the last one can be removed later.
    func completeLast() { list.withLock { $0.isLastComplete = true } }

    /// Removes a file that nobody reads any longer and that is not the last. One that is open stays readable for those
    /// who have it.
    func remove(_ segment: Segment) throws(EventLogError) {
        let isLast = list.withLock { list in
            if list.last?.start == segment.start { return true }
            list.remove(segment)
            return false
        }
        precondition(!isLast, "the last file of blocks is written to")
        do throws(FileError) {
            try files.remove(segment.path)
        } catch {
            // One that is gone already was removed before a crash.
            guard error.kind == .missing else { throw EventLogError(error, doing: "removing", path: segment.path) }
        }
    }

    /// When a file was last written to; `nil` when it is gone.
    func lastWrite(of segment: Segment) throws(EventLogError) -> Timestamp? {
        do throws(FileError) {
            return try files.lastWrite(of: segment.path)
        } catch {
            if error.kind == .missing { return nil }
            throw EventLogError(error, doing: "looking at", path: segment.path)
        }
    }
}
