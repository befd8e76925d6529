import AgentEvents
import AgentEventsFiles

/// Finds the end of the blocks that a writer left behind, and cuts off a commit that it did not finish.
///
/// A commit that was on the disk for certain is never cut off: where such a one is damaged, the log is corrupt.
struct SegmentRecovery {
    let folder: String
    /// Up to there the blocks are in the index, and were on the disk before.
    let indexedThrough: Int64
    /// The number of the last opening; 0 when that is not known, or there was none.
    let generation: Int64
    /// Where the blocks of the last opening begin, if it wrote any; 0 when that is not known.
    let lastStart: Int64
    /// The blocks that were removed on purpose.
    let removed: [RemovedBlocks]
    let limits: SegmentStore.Limits
    let files: any FileSystem

    /// All that is taken over is on the disk then.
    ///
    /// - Returns: the blocks, and behind the last of them.
    func open() throws(EventLogError) -> (store: SegmentStore, end: Int64) {
        var segments = try listSegments()
        try checkVersion(of: segments)
        try checkNothingMissing(in: segments)
        guard indexedThrough <= segments.last?.end ?? 0 else {
            throw LogConnection.corrupt(
                "events up to \(indexedThrough) are known, but the files in \(folder) end before")
        }
        let end = try intactEnd(of: segments)
        try checkLosesNoHistory(segments, intactUpTo: end, in: store(segments))
        var removesFiles = false
        while let last = segments.last, last.end > end || last.byteCount == 0 {
            segments.removeLast()
            if end > last.start {
                try changing(last.path) { () throws(FileError) in
                    try files.open(last.path, .readingAndWriting).cut(to: end - last.start)
                }
                var cut = last
                cut.end = end
                segments.append(cut)
                break
            }
            try remove(last)
            removesFiles = true
        }
        if removesFiles {
            // One that came back would be in the way of what is written now.
            try changing(folder) { () throws(FileError) in try files.openFolder(folder).synchronize() }
        }
        let store = store(segments)
        let takenOver = segments.last?.end ?? 0
        try store.synchronize(upTo: takenOver)
        if let last = segments.last {
            // Its size too, whatever is in the index: a crash may have cut it, and the loss of power could bring back the
            // zeros after its last block, in front of what is written from now on.
            try changing(last.path) { () throws(FileError) in try files.open(last.path, .reading).synchronize() }
        }
        store.prepare()
        return (store, takenOver)
    }

    private func store(_ segments: [Segment]) -> SegmentStore {
        SegmentStore(folder: folder, segments: segments, synced: indexedThrough, limits: limits, in: files)
    }

    private func listSegments() throws(EventLogError) -> [Segment] {
        let names: [String]
        do throws(FileError) {
            try files.createFolder(folder)
            // A folder that a crash took the name of would take the files in it along, flushed or not.
            try files.openFolder(parentFolder).synchronize()
            names = try files.names(inFolder: folder)
        } catch {
            throw EventLogError(.unavailable, "the folder \(folder) cannot be read: \(error)", cause: error)
        }
        var segments: [Segment] = []
        // Names sort as positions do, and a folder has no order of its own.
        for name in names.sorted() {
            guard let start = Segment.start(name: name) else { continue }
            let path = folder + "/" + name
            var segment = Segment(start: start, end: start, path: path)
            try changing(segment.path) { () throws(FileError) in
                segment.end = start + (try files.open(path, .reading).byteCount())
            }
            if let previous = segments.last, previous.end > start {
                segments[segments.count - 1].end = start
                try cutZeros(behind: start - previous.start, of: previous, before: path)
            }
            segments.append(segment)
        }
        return segments
    }

    /// A file is cut before the next one begins, but the loss of power may bring the zeros back that it was given ahead.
    private func cutZeros(behind byteCount: Int64, of segment: Segment, before next: String) throws(EventLogError) {
        var isZero = true
        try changing(segment.path) { () throws(FileError) in
            let file = try files.open(segment.path, .readingAndWriting)
            isZero = try file.isZero(from: byteCount)
            if isZero { try file.cut(to: byteCount) }
        }
        guard isZero else { throw LogConnection.corrupt("\(segment.path) and \(next) overlap") }
    }

    /// - Throws: `log.corrupt` when blocks that are in the index are gone, and were not removed on purpose.
    private func checkNothingMissing(in segments: [Segment]) throws(EventLogError) {
        var end: Int64 = 0
        for segment in segments where segment.start <= indexedThrough {
            let isHole = segment.start > end && segment.start - end < Segment.openingGap
            let start = LogOffset(block: end, eventCount: 0).number
            guard !isHole || removed.includes(behind: start, before: segment.start) else {
                throw LogConnection.corrupt("the blocks before \(segment.path) are missing")
            }
            end = segment.end
        }
    }

    /// Whether nothing is missing between a position and a segment behind it: within an opening files adjoin.
    private func adjoins(_ segment: Segment, behind end: Int64) -> Bool {
        guard segment.start > end else { return true }
        // The first one of the last opening, if there is any, begins at a known place.
        let skipsStart = end < lastStart && lastStart < segment.start
        return segment.start - end >= Segment.openingGap && !skipsStart
    }

    /// Behind the last commit before which everything is intact.
    private func intactEnd(of segments: [Segment]) throws(EventLogError) -> Int64 {
        let store = store(segments)
        var buffer = BlockBuffer()
        var end = indexedThrough
        for segment in segments where segment.end > indexedThrough {
            guard adjoins(segment, behind: end) else {
                try checkNothingCertain(behind: end, in: segments, store, &buffer)
                return end
            }
            var position = max(segment.start, indexedThrough)
            var commitEnd = position
            while position < segment.end, let block = try store.intactBlock(at: position, &buffer) {
                position += Int64(block.header.blockByteCount)
                if block.header.endsCommit { commitEnd = position }
            }
            if segment.byteCount > 0 { end = commitEnd }
            guard commitEnd == segment.end else {
                try checkNothingCertain(behind: commitEnd, in: segments, store, &buffer)
                return commitEnd
            }
        }
        return end
    }

    /// - Throws: `log.corrupt` when a later block says that the log was on the disk beyond a position.
    private func checkNothingCertain(
        behind end: Int64,
        in segments: [Segment],
        _ store: SegmentStore,
        _ buffer: inout BlockBuffer
    ) throws(EventLogError) {
        for segment in segments where segment.end > end {
            var position = max(segment.start, end)
            while position < segment.end {
                guard let block = try store.intactBlock(at: position, &buffer) else {
                    position = try store.possibleBlock(behind: position, in: segment, &buffer)
                    continue
                }
                guard block.header.synced <= end else {
                    throw LogConnection.corrupt("the block at \(end) in \(segment.path) is damaged")
                }
                position += Int64(block.header.blockByteCount)
            }
        }
    }

    private func remove(_ segment: Segment) throws(EventLogError) {
        do throws(FileError) {
            try files.remove(segment.path)
        } catch {
            throw EventLogError(.unavailable, "\(segment.path) cannot be removed: \(error)", cause: error)
        }
    }

    private var parentFolder: String { folder.lastIndex(of: "/").map { String(folder[...$0]) } ?? "." }

    func changing(
        _ path: String,
        _ body: () throws(FileError) -> Void
    ) throws(EventLogError) {
        try logErrors("opening", path, body)
    }
}
