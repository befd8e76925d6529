import AgentEvents
import AgentEventsFiles

/// What cannot be read from its very start on may be all there is. It is not taken for a tail that a crash tore.
extension SegmentRecovery {
    /// - Throws: `log.unavailable` when blocks that are not in the index are of another version.
    func checkVersion(of segments: [Segment]) throws(EventLogError) {
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

    /// Nothing is in the index, and nothing can be read from the start of the first file on. Then the files are only
    /// emptied when it is certain that nobody was ever told of what they hold: when it can only be the first commit ever,
    /// which a crash tore. That is so when
    /// - the index knows of an opening, since its number is on the disk before its first block (without that number the
    ///   index was lost, and there may have been any number of commits);
    /// - there is one file, since each but the first begins with another commit;
    /// - nothing stands behind a block that ends a commit, since that would be another commit.
    ///
    /// So a loss of power that takes the first of several commits, none of which was flushed, and keeps a later one, is
    /// refused too: nothing tells it from damage.
    ///
    /// - Throws: `log.corrupt` when it is not certain.
    func checkLosesNoHistory(
        _ segments: [Segment],
        intactUpTo end: Int64,
        in store: SegmentStore
    ) throws(EventLogError) {
        guard indexedThrough == 0, let first = segments.first(where: { $0.byteCount > 0 }), end <= first.start else {
            return
        }
        // Zeros were written ahead, and say nothing.
        var written: [Segment] = []
        for segment in segments {
            if try !isZero(segment, from: segment.start) { written.append(segment) }
        }
        guard let only = written.first else { return }
        if generation > 0, written.count == 1 {
            guard let commitEnd = try firstCommitEnd(in: only, store) else { return }
            if try isZero(only, from: commitEnd) { return }
        }
        throw EventLogError(
            .corrupt,
            "the log is damaged: the blocks in \(folder) cannot be read from the start of \(only.path) on, and the index "
                + "has none of them; restore it from a copy, or move the folder away to begin with an empty log"
        )
    }

    /// Behind the first block that ends a commit; `nil` when there is none.
    private func firstCommitEnd(in segment: Segment, _ store: SegmentStore) throws(EventLogError) -> Int64? {
        // At the start of a file there is a header, whether its block is intact or not.
        let bytes = try start(of: segment, byteCount: BlockHeader.byteCount)
        var buffer = BlockBuffer()
        if let header = bytes.withUnsafeBytes({ BlockHeader($0) }), header.endsCommit {
            let end = segment.start + Int64(header.blockByteCount)
            // Its length may be damaged: an intact block before that end is another commit's.
            let next = try firstIntactBlock(behind: segment.start, in: segment, store, &buffer)
            return next.map { min($0, end) } ?? end
        }
        var position = segment.start
        while position < segment.end {
            guard let block = try store.intactBlock(at: position, &buffer) else {
                position = try store.possibleBlock(behind: position, in: segment, &buffer)
                continue
            }
            position += Int64(block.header.blockByteCount)
            if block.header.endsCommit { return position }
        }
        return nil
    }

    private func firstIntactBlock(
        behind position: Int64,
        in segment: Segment,
        _ store: SegmentStore,
        _ buffer: inout BlockBuffer
    ) throws(EventLogError) -> Int64? {
        var position = try store.possibleBlock(behind: position, in: segment, &buffer)
        while position < segment.end {
            if try store.intactBlock(at: position, &buffer) != nil { return position }
            position = try store.possibleBlock(behind: position, in: segment, &buffer)
        }
        return nil
    }

    private func isZero(_ segment: Segment, from position: Int64) throws(EventLogError) -> Bool {
        var isZero = true
        try changing(segment.path) { () throws(FileError) in
            isZero = try files.open(segment.path, .reading).isZero(from: position - segment.start)
        }
        return isZero
    }
}
