/// Decides how much of the blocks that a writer left behind is taken over: everything up to the first place where a
/// commit is not whole. A commit that was on the disk for certain is never cut off: where such a one is damaged, the
/// log is refused.
///
/// For a torn block, which a crash has left half-written, ``SegmentStore/intactBlock`` returns `nil`. ``SegmentRecovery`` cuts there, as
/// ``finish`` says; the article OnDisk draws it.
///
///     start ──(files are missing)──> refused
///       │
///     scanning: block after block from where the index ends
///       │   ╲
///       │    ╲──(no intact block, or files that do not adjoin)──> checking: later blocks, for what they say was flushed
///       │                                                            │   ╲──(more than was found)──> refused
///       │(end of the files)                                          │(end of the files)
///       ├────────────────────────────────────────────────────────────┘
///       │
///       ├──(something is intact, or in the index)─────────────────────────────────────> finished
///       │
///     weighing: which files have more than zeros ──(none)─────────────────────────────> finished
///       │   ╲──(several, or the index knows of no opening)──> refused
///     readingHeader ──> measuring: the end of the only commit ──(it never ends)───────> finished
///       │
///     lookingBehind it ──(only zeros)─────────────────────────────────────────────────> finished
///           ╲──(another commit)──> refused
///
/// From `weighing` on it is about files of which not even the first block is intact; there may be no others. It is only emptied when
/// it is certain that nobody was ever told of what it holds: when it can only be the first commit ever, which a crash
/// tore. That is so when
/// - the index knows of an opening, since its number is on the disk before its first block (without that number the
///   index was lost, and there may have been any number of commits);
/// - there is one file, since each but the first begins with another commit;
/// - nothing stands after a block that ends a commit, since that would be another commit.
///
/// So a loss of power that takes the first of several commits, none of which was flushed, and keeps a later one, is
/// refused too: nothing tells it from damage.
struct RecoveryStateMachine {
    /// The facts that are known before any block is read.
    struct Facts {
        /// The files, in order.
        var segments: [Segment]
        /// Up to there the blocks are in the index, and were on the disk before.
        var indexedThrough: Int64
        /// The number of the last opening; 0 when that is not known, or there was none.
        var generation: Int64
        /// The position at which the blocks of the last opening begin, if it wrote any; 0 when that is not known.
        var lastStart: Int64
        /// The blocks that were removed on purpose.
        var removed: [RemovedBlocks]
    }

    /// The content of a header.
    struct Block: Hashable {
        /// The size of the block, with the header.
        var byteCount: Int64
        /// Up to where the log was on the disk when it was written.
        var synced: Int64
        var endsCommit: Bool
    }

    enum Action: Hashable {
        /// Read the block at a position; ``didRead(_:)`` is next.
        case readBlock(at: Int64)
        /// Look for the next position in a file where a block could begin; ``didFind(_:)`` is next.
        case findPossibleBlock(after: Int64, in: Segment)
        /// Read the header at the start of a file, intact or not; ``didReadHeader(_:)`` is next.
        case readHeader(of: Segment)
        /// Look whether there are only zeros from a position to the end of a file; ``didLookForZeros(_:)`` is next.
        case lookForZeros(from: Int64, in: Segment)
        case refuse(Refusal)
        case finish(Outcome)
    }

    /// Why the log is not opened.
    enum Refusal: Hashable {
        /// Blocks that are in the index are gone, and were not removed on purpose.
        case missing(before: Segment)
        case endsBeforeIndex
        /// A later block says that the log was on the disk beyond the damage.
        case damaged(at: Int64, in: Segment)
        /// Nothing can be read from the start of a file on, and it may have been anything.
        case unreadable(from: Segment)
    }

    /// The outcome for the files.
    struct Outcome: Hashable {
        var kept: [Segment]
        /// Whether the last one that is kept is longer than it should be.
        var cutsLast: Bool
        /// The others, the last one first.
        var removed: [Segment]
    }

    private enum State {
        case initial
        case scanning(segment: Int, position: Int64, commitEnd: Int64)
        case checking(segment: Int, position: Int64)
        case weighing(segment: Int, written: [Segment])
        case readingHeader(Segment)
        case measuring(Segment, position: Int64, Measure)
        case lookingBehind(Segment)
        case ended
    }

    /// The search for the end of a commit.
    private enum Measure {
        /// It ends with the first block that says so.
        case firstEnd
        /// It ends here, or where another intact block begins: a length may be damaged.
        case other(limit: Int64)
    }

    private let facts: Facts
    private var state = State.initial
    /// The end of the last commit before which everything is intact.
    private var end: Int64

    init(_ facts: Facts) {
        self.facts = facts
        end = facts.indexedThrough
    }

    // MARK: Inputs

    mutating func start() -> Action {
        if let segment = segmentBehindHole { return refuse(.missing(before: segment)) }
        guard facts.indexedThrough <= facts.segments.last?.end ?? 0 else { return refuse(.endsBeforeIndex) }
        return scan(from: 0)
    }

    /// - Parameter block: the block, if there is one that is intact.
    mutating func didRead(_ block: Block?) -> Action {
        switch state {
        case .scanning(let segment, let position, let commitEnd):
            guard let block else { return didScan(segment, commitEnd: commitEnd) }
            let next = position + block.byteCount
            return scan(segment, at: next, commitEnd: block.endsCommit ? next : commitEnd)
        case .checking(let index, let position):
            guard let block else { return .findPossibleBlock(after: position, in: facts.segments[index]) }
            guard block.synced <= end else { return refuse(.damaged(at: end, in: facts.segments[index])) }
            return check(index, at: position + block.byteCount)
        case .measuring(let segment, let position, .firstEnd):
            guard let block else { return .findPossibleBlock(after: position, in: segment) }
            let next = position + block.byteCount
            return block.endsCommit ? lookBehind(segment, from: next) : measure(segment, at: next, .firstEnd)
        case .measuring(let segment, let position, .other(let limit)):
            guard block != nil else { return .findPossibleBlock(after: position, in: segment) }
            return lookBehind(segment, from: min(position, limit))
        case .initial, .weighing, .readingHeader, .lookingBehind, .ended: preconditionFailure("no block was asked for")
        }
    }

    /// - Parameter position: the end of the file when there is none.
    mutating func didFind(_ position: Int64) -> Action {
        switch state {
        case .checking(let segment, _): return check(segment, at: position)
        case .measuring(let segment, _, let measure): return self.measure(segment, at: position, measure)
        case .initial, .scanning, .weighing, .readingHeader, .lookingBehind, .ended:
            preconditionFailure("no position was asked for")
        }
    }

    /// - Parameter header: what is there, if it can be a header.
    mutating func didReadHeader(_ header: Block?) -> Action {
        guard case .readingHeader(let segment) = state else { preconditionFailure("no header was asked for") }
        guard let header, header.endsCommit else { return measure(segment, at: segment.start, .firstEnd) }
        state = .measuring(segment, position: segment.start, .other(limit: segment.start + header.byteCount))
        return .findPossibleBlock(after: segment.start, in: segment)
    }

    mutating func didLookForZeros(_ areOnlyZeros: Bool) -> Action {
        switch state {
        case .weighing(let index, let written):
            return weigh(index + 1, written: areOnlyZeros ? written : written + [facts.segments[index]])
        case .lookingBehind(let segment): return areOnlyZeros ? finish() : refuse(.unreadable(from: segment))
        case .initial, .scanning, .checking, .readingHeader, .measuring, .ended:
            preconditionFailure("no zeros were asked for")
        }
    }

    // MARK: The files

    /// The first segment before which blocks are missing that are in the index.
    private var segmentBehindHole: Segment? {
        var end: Int64 = 0
        for segment in facts.segments where segment.start <= facts.indexedThrough {
            let isHole = segment.start > end && segment.start - end < Segment.openingGap
            let start = LogOffset(block: end, eventCount: 0).number
            if isHole, !facts.removed.includes(behind: start, before: segment.start) { return segment }
            end = segment.end
        }
        return nil
    }

    /// Whether nothing is missing before a segment: within an opening files adjoin.
    private func adjoins(_ segment: Segment) -> Bool {
        guard segment.start > end else { return true }
        // The first one of the last opening, if there is any, begins at a known place.
        let skipsStart = end < facts.lastStart && facts.lastStart < segment.start
        return segment.start - end >= Segment.openingGap && !skipsStart
    }

    // MARK: Scanning

    private mutating func scan(from index: Int) -> Action {
        let rest = facts.segments.indices.dropFirst(index)
        guard let next = rest.first(where: { facts.segments[$0].end > facts.indexedThrough }) else { return weigh() }
        guard adjoins(facts.segments[next]) else { return check(from: 0) }
        let position = max(facts.segments[next].start, facts.indexedThrough)
        return scan(next, at: position, commitEnd: position)
    }

    private mutating func scan(_ index: Int, at position: Int64, commitEnd: Int64) -> Action {
        guard position < facts.segments[index].end else { return didScan(index, commitEnd: commitEnd) }
        state = .scanning(segment: index, position: position, commitEnd: commitEnd)
        return .readBlock(at: position)
    }

    private mutating func didScan(_ index: Int, commitEnd: Int64) -> Action {
        let segment = facts.segments[index]
        if segment.byteCount > 0 { end = commitEnd }
        return commitEnd == segment.end ? scan(from: index + 1) : check(from: 0)
    }

    private mutating func check(from index: Int) -> Action {
        let rest = facts.segments.indices.dropFirst(index)
        guard let next = rest.first(where: { facts.segments[$0].end > end }) else { return weigh() }
        return check(next, at: max(facts.segments[next].start, end))
    }

    private mutating func check(_ index: Int, at position: Int64) -> Action {
        guard position < facts.segments[index].end else { return check(from: index + 1) }
        state = .checking(segment: index, position: position)
        return .readBlock(at: position)
    }

    // MARK: An unreadable start

    private mutating func weigh() -> Action {
        guard facts.indexedThrough == 0, let first = facts.segments.first(where: { $0.byteCount > 0 }),
            end <= first.start
        else { return finish() }
        return weigh(0, written: [])
    }

    private mutating func weigh(_ index: Int, written: [Segment]) -> Action {
        if index < facts.segments.count {
            state = .weighing(segment: index, written: written)
            return .lookForZeros(from: facts.segments[index].start, in: facts.segments[index])
        }
        // Zeros were written ahead, and say nothing.
        guard let only = written.first else { return finish() }
        guard facts.generation > 0, written.count == 1 else { return refuse(.unreadable(from: only)) }
        state = .readingHeader(only)
        return .readHeader(of: only)
    }

    private mutating func measure(_ segment: Segment, at position: Int64, _ measure: Measure) -> Action {
        if position < segment.end {
            state = .measuring(segment, position: position, measure)
            return .readBlock(at: position)
        }
        switch measure {
        case .firstEnd: return finish()
        case .other(let limit): return lookBehind(segment, from: limit)
        }
    }

    private mutating func lookBehind(_ segment: Segment, from position: Int64) -> Action {
        state = .lookingBehind(segment)
        return .lookForZeros(from: position, in: segment)
    }

    // MARK: The end

    private mutating func refuse(_ refusal: Refusal) -> Action {
        state = .ended
        return .refuse(refusal)
    }

    private mutating func finish() -> Action {
        state = .ended
        var outcome = Outcome(kept: facts.segments, cutsLast: false, removed: [])
        while let last = outcome.kept.last, last.end > end || last.byteCount == 0 {
            outcome.kept.removeLast()
            if end > last.start {
                var cut = last
                cut.end = end
                outcome.kept.append(cut)
                outcome.cutsLast = true
                break
            }
            outcome.removed.append(last)
        }
        return .finish(outcome)
    }
}
