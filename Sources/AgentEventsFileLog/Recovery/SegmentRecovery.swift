import AgentEvents
import AgentEventsFiles

/// Finds the end of the blocks that a writer left behind, and cuts off a commit that it did not finish, as
/// ``RecoveryStateMachine`` decides.
struct SegmentRecovery {
    let folder: String
    /// Up to there the blocks are in the index, and were on the disk before.
    let indexedThrough: Int64
    /// The number of the last opening; 0 when that is not known, or there was none.
    let generation: Int64
    /// The position at which the blocks of the last opening begin, if it wrote any; 0 when that is not known.
    let lastStart: Int64
    /// The blocks that were removed on purpose.
    let removed: [RemovedBlocks]
    let limits: SegmentStore.Limits
    let files: any FileSystem

    /// All that is taken over is on the disk then.
    ///
    /// - Returns: the blocks, and the position after the last of them.
    func open() throws(EventLogError) -> (store: SegmentStore, end: Int64) {
        let segments = try listSegments()
        try checkVersion(of: segments)
        let outcome = try judge(segments)
        try carryOut(outcome)
        let store = store(outcome.kept)
        let takenOver = outcome.kept.last?.end ?? 0
        try store.synchronize(upTo: takenOver)
        if let last = outcome.kept.last {
            // Its size too, whatever is in the index: a crash may have cut it, and the loss of power could bring back
            // the zeros after its last block, in front of what is written from now on.
            try changing(last.path) { () throws(FileError) in try files.open(last.path, .reading).synchronize() }
        }
        store.prepare()
        return (store, takenOver)
    }

    private func store(_ segments: [Segment]) -> SegmentStore {
        SegmentStore(folder: folder, segments: segments, synced: indexedThrough, limits: limits, in: files)
    }

    // MARK: The files

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
                try cutZeros(after: start - previous.start, of: previous, before: path)
            }
            segments.append(segment)
        }
        return segments
    }

    private var parentFolder: String { folder.lastIndex(of: "/").map { String(folder[...$0]) } ?? "." }

    /// A file is cut before the next one begins, but the loss of power may bring the zeros back that it was given
    /// ahead.
    private func cutZeros(after byteCount: Int64, of segment: Segment, before next: String) throws(EventLogError) {
        var isZero = true
        try changing(segment.path) { () throws(FileError) in
            let file = try files.open(segment.path, .readingAndWriting)
            isZero = try file.isZero(from: byteCount)
            if isZero { try file.cut(to: byteCount) }
        }
        guard isZero else { throw LogConnection.corrupt("\(segment.path) and \(next) overlap") }
    }

    // MARK: Versions

    /// - Throws: `log.unavailable` when blocks that are not in the index are of another version.
    private func checkVersion(of segments: [Segment]) throws(EventLogError) {
        for segment in segments where segment.end > indexedThrough {
            guard let version = try otherVersion(of: segment) else { continue }
            throw EventLogError(
                .unavailable,
                "\(segment.path) has blocks of the version \(version), written by another version of this program; "
                    + "this one reads \(BlockHeader.readableVersions.joined(separator: " and "))"
            )
        }
    }

    private func otherVersion(of segment: Segment) throws(EventLogError) -> String? {
        var bytes = try start(of: segment, byteCount: BlockHeader.byteCount)
        let isOther = bytes.withUnsafeBytes { BlockHeader.otherVersion($0, at: segment.start) != nil }
        guard isOther else { return nil }
        // Only the whole block tells whether it is one of this version that is damaged.
        bytes = try start(of: segment, byteCount: Int(min(segment.byteCount, 16 << 20)))
        return bytes.withUnsafeBytes { BlockHeader.otherVersion($0, at: segment.start) }
    }

    private func start(of segment: Segment, byteCount: Int) throws(EventLogError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        try changing(segment.path) { () throws(FileError) in
            let file = try files.open(segment.path, .reading)
            let result = bytes.withUnsafeMutableBytes { buffer in
                Result { () throws(FileError) in try file.read(into: buffer, at: 0) }
            }
            bytes.removeLast(byteCount - (try result.get()))
        }
        return bytes
    }

    // MARK: The decision

    private func judge(_ segments: [Segment]) throws(EventLogError) -> RecoveryStateMachine.Outcome {
        let facts = RecoveryStateMachine.Facts(
            segments: segments, indexedThrough: indexedThrough, generation: generation, lastStart: lastStart,
            removed: removed)
        var machine = RecoveryStateMachine(facts)
        let store = store(segments)
        var buffer = BlockBuffer()
        var action = machine.start()
        while true {
            switch action {
            case .readBlock(let position):
                let block = try store.intactBlock(at: position, &buffer)
                action = machine.didRead(block.map { RecoveryStateMachine.Block($0.header) })
            case .findPossibleBlock(let position, let segment):
                action = machine.didFind(try store.possibleBlock(behind: position, in: segment, &buffer))
            case .readHeader(let segment):
                let bytes = try start(of: segment, byteCount: BlockHeader.byteCount)
                let header = bytes.withUnsafeBytes { BlockHeader($0) }
                action = machine.didReadHeader(header.map { RecoveryStateMachine.Block($0) })
            case .lookForZeros(let position, let segment):
                action = machine.didLookForZeros(try isZero(segment, from: position))
            case .refuse(let refusal):
                throw error(refusal)
            case .finish(let outcome):
                return outcome
            }
        }
    }

    private func isZero(_ segment: Segment, from position: Int64) throws(EventLogError) -> Bool {
        var isZero = true
        try changing(segment.path) { () throws(FileError) in
            isZero = try files.open(segment.path, .reading).isZero(from: position - segment.start)
        }
        return isZero
    }

    private func error(_ refusal: RecoveryStateMachine.Refusal) -> EventLogError {
        switch refusal {
        case .missing(let segment):
            LogConnection.corrupt("the blocks before \(segment.path) are missing")
        case .endsBeforeIndex:
            LogConnection.corrupt("events up to \(indexedThrough) are known, but the files in \(folder) end before")
        case .damaged(let position, let segment):
            LogConnection.corrupt("the block at \(position) in \(segment.path) is damaged")
        case .unreadable(let segment):
            EventLogError(
                .corrupt,
                "the log is damaged: the blocks in \(folder) cannot be read from the start of \(segment.path) on, and the "
                    + "index has none of them; restore it from a copy, or move the folder away to begin with an empty log"
            )
        }
    }

    private func carryOut(_ outcome: RecoveryStateMachine.Outcome) throws(EventLogError) {
        for segment in outcome.removed {
            do throws(FileError) {
                try files.remove(segment.path)
            } catch {
                throw EventLogError(.unavailable, "\(segment.path) cannot be removed: \(error)", cause: error)
            }
        }
        if outcome.cutsLast, let last = outcome.kept.last {
            try changing(last.path) { () throws(FileError) in
                try files.open(last.path, .readingAndWriting).cut(to: last.byteCount)
            }
        }
        guard !outcome.removed.isEmpty else { return }
        // One that came back would be in the way of what is written now.
        try changing(folder) { () throws(FileError) in try files.openFolder(folder).synchronize() }
    }

    private func changing(
        _ path: String,
        _ body: () throws(FileError) -> Void
    ) throws(EventLogError) {
        try logErrors("opening", path, body)
    }
}

extension RecoveryStateMachine.Block {
    fileprivate init(_ header: BlockHeader) {
        self.init(byteCount: Int64(header.blockByteCount), synced: header.synced, endsCommit: header.endsCommit)
    }
}
