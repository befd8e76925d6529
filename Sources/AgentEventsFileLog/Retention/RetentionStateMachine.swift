import AgentEvents

/// Decides what of a log is due, and which files of blocks can go, in small parts: each question is answered with what
/// was found since the one before.
///
///     idle ──(looked at the files)──> segments: the files that are too old or too many, one after the other,
///      ▲                               │        each read in parts; a clean one is removed, one with trims read again
///      │                               ▼
///      │                             threads: those that are too long, by their numbers
///      │                               │
///      │                               ▼
///      └──(nothing is free)───────── freeing: one more file that may have become free, read in parts ──(it has)──┐
///                                      ▲                                                                          │
///                                      └──────────────(it is removed; the next one may be free, too)──────────────┘
///
/// Of the three, each part of `segments` and `threads` may have trims. They are answered, as many at a time as there is
/// room for, before anything else is looked at.
struct RetentionStateMachine: Sendable {
    /// The number of passes over a file in one sweep; more than two only when its threads were not trimmed.
    private static let roundLimit = 3
    /// Of what a policy allows, this fraction at most is in the file that is written to.
    private static let fraction: Int64 = 8

    enum Action: Sendable {
        /// Look at the files; ``didLook(_:_:)`` is next.
        case look
        /// Find out where the thread of a blocker begins, and which runs are open; ``didFindBlocker(_:_:)`` is next.
        case findBounds(of: SegmentPass.Blocker)
        /// Read on in a file; ``didRead(_:_:_:)`` is next.
        case read(SegmentPass)
        /// Remove a file, unless something came in; ``didRemove(_:isGone:_:)`` is next.
        case remove(SegmentPass)
        /// Look how long the threads after a number are; ``didReadThreads(_:areLast:_:)`` is next.
        case readThreads(after: UInt64)
        /// Find out where threads begin, and which runs are open; ``didFind(_:_:)`` is next.
        case findBoundsOfThreads([UInt64])
        /// Answer with what is due.
        case answer([Trim], isLast: Bool)
    }

    /// A thread, by its number, that should begin later.
    struct Trim: Hashable, Sendable {
        var number: UInt64
        var firstKept: UInt64
    }

    /// The files of blocks, as they are at the beginning of a sweep.
    struct Files: Sendable {
        /// In order, the last one with what is being written.
        var segments: [Segment]
        /// When each was last written to, from the first one on, as far as that is known and asked for.
        var lastWrites: [Timestamp]
        /// The end of the log, from before the times were known: what is written from now on is not old.
        var end: Int64
    }

    /// The events of one thread in the part of a file that was read.
    struct Found: Sendable {
        /// The thread's number.
        var number: UInt64
        /// The last of the events.
        var sequence: UInt64
        var bounds: ThreadBounds
    }

    /// The length of a thread.
    struct Length: Hashable, Sendable {
        /// The thread's number.
        var number: UInt64
        /// The oldest sequence that can be read.
        var oldest: UInt64
        /// The last one.
        var head: UInt64
    }

    private enum State: Sendable {
        case idle
        /// A file that is due, before its blocker is known to be gone.
        case asking(Segment)
        case segments(SegmentPass)
        /// A file that is clean, about to be removed.
        case removing(SegmentPass)
        case threads(after: UInt64)
        /// Threads that are too long, before it is known how much of them can go.
        case measuring([Length], next: UInt64?)
        case freeing(SegmentPass)
        case removingFree(SegmentPass)
    }

    private var state = State.idle
    /// Due because of the part read last, and more than one answer has room for.
    private var rest: [Trim] = []
    /// The events in blocks before this position are due.
    private var dueThrough: Int64 = 0
    /// Why files stay, by their positions.
    private var blockers: [Int64: SegmentPass.Blocker] = [:]
    /// The place of the next search for a file that has become free.
    private var freePosition: Int64 = 0
    /// The files, as they were known last.
    private var segments: [Segment] = []

    // MARK: Inputs

    /// Somebody asks what is due.
    ///
    /// - Parameter segments: the files there are now.
    mutating func ask(_ segments: [Segment], _ query: RetentionQuery) -> Action {
        self.segments = segments
        guard rest.isEmpty else { return answer(query) }
        switch state {
        case .idle: return .look
        case .segments(let pass), .freeing(let pass): return .read(pass)
        case .threads(let number): return .readThreads(after: number)
        case .asking, .removing, .measuring, .removingFree:
            // The one before was not answered, because something failed: the sweep begins from the start.
            state = .idle
            return .look
        }
    }

    /// - Returns: what is next, and whether the next commit should begin another file.
    mutating func didLook(_ files: Files, _ query: RetentionQuery) -> (action: Action, completesLast: Bool) {
        segments = files.segments
        var completesLast = false
        dueThrough = 0
        if let last = segments.last {
            if let oldestAllowed = query.policy.oldestAllowed(at: query.now) {
                for (segment, time) in zip(segments, files.lastWrites) {
                    guard time <= oldestAllowed else { break }
                    dueThrough = min(segment.end, files.end)
                }
                let age = query.now.milliseconds - oldestAllowed.milliseconds
                let begun = last.begun ?? query.now
                completesLast =
                    dueThrough >= last.end || query.now.milliseconds(since: begun) >= age / Self.fraction
            }
            if let limit = query.policy.maximumByteCount {
                var byteCount = segments.reduce(0) { $0 + $1.byteCount }
                for segment in segments.dropLast() where byteCount > limit {
                    byteCount -= segment.byteCount
                    dueThrough = max(dueThrough, segment.end)
                }
                if last.byteCount > limit / Self.fraction { completesLast = true }
            }
        }
        return (advance(past: -1, query), completesLast)
    }

    /// - Parameter bounds: of the blocker's thread; `nil` when there is no such thread.
    mutating func didFindBlocker(_ bounds: ThreadBounds?, _ query: RetentionQuery) -> Action {
        guard case .asking(let segment) = state, let blocker = blockers[segment.start] else {
            preconditionFailure("no blocker was asked for")
        }
        let stillBlocks =
            bounds.map { $0.oldest <= blocker.sequence && ($0.firstOpen ?? .max) <= blocker.sequence } ?? false
        if stillBlocks { return advance(past: segment.start, query) }
        state = .segments(SegmentPass(segment, through: dueThrough))
        return answer(query)
    }

    /// - Parameters:
    ///   - pass: the pass, with where the next part begins.
    ///   - found: the threads of the events in this part.
    mutating func didRead(_ pass: SegmentPass, _ found: [Found], _ query: RetentionQuery) -> Action {
        var pass = pass
        var trims: [Trim] = []
        for thread in found where thread.bounds.oldest <= thread.sequence {
            pass.isClean = false
            let firstKept = thread.bounds.firstKept(ofTrimTo: thread.sequence + 1)
            if firstKept <= thread.sequence {
                pass.blocker = SegmentPass.Blocker(thread: thread.number, sequence: thread.sequence)
            }
            guard firstKept > thread.bounds.oldest else { continue }
            pass.hasTrims = true
            trims.append(Trim(number: thread.number, firstKept: firstKept))
        }
        switch state {
        case .segments:
            rest = trims
            guard pass.isOver else {
                state = .segments(pass)
                return answer(query)
            }
            if pass.isClean, pass.isWhole {
                state = .removing(pass)
                return .remove(pass)
            }
            return didReadAll(of: pass, query)
        case .freeing:
            // What is found here is not due; it only keeps the file.
            guard !pass.isClean || pass.isOver else {
                state = .freeing(pass)
                return answer(query)
            }
            freePosition = pass.segment.end
            guard pass.isClean else {
                state = .idle
                return answer(query)
            }
            state = .removingFree(pass)
            return .remove(pass)
        case .idle, .asking, .removing, .threads, .measuring, .removingFree:
            preconditionFailure("no part was asked for")
        }
    }

    /// - Parameter segments: the files that are left.
    mutating func didRemove(_ segments: [Segment], isGone: Bool, _ query: RetentionQuery) -> Action {
        self.segments = segments
        switch state {
        case .removing(let pass):
            if isGone { blockers[pass.segment.start] = nil }
            return didReadAll(of: pass, query)
        case .removingFree(let pass):
            if isGone { blockers[pass.segment.start] = nil }
            // The next one may be free as well; the first one after the last gets its turn in the next sweep.
            if let next = segments.dropLast().first(where: { $0.start >= pass.segment.end }) {
                state = .freeing(SegmentPass(next, through: next.end))
            } else {
                state = .idle
            }
            return answer(query)
        case .idle, .asking, .segments, .threads, .measuring, .freeing: preconditionFailure("no removal was asked for")
        }
    }

    /// - Parameters:
    ///   - lengths: of threads, by their numbers.
    ///   - areLast: whether there are none after them.
    mutating func didReadThreads(_ lengths: [Length], areLast: Bool, _ query: RetentionQuery) -> Action {
        guard case .threads = state else { preconditionFailure("no threads were asked for") }
        let limit = UInt64(query.policy.maximumEventsPerThread ?? .max)
        let tooLong = lengths.filter { $0.head + 1 > $0.oldest + limit }
        let measured = Array(tooLong.prefix(query.maximumThreadCount))
        let next = measured.count < tooLong.count ? measured.last?.number : areLast ? nil : lengths.last?.number
        state = .measuring(measured, next: next)
        return .findBoundsOfThreads(measured.map(\.number))
    }

    /// - Parameter bounds: of the threads that were asked for.
    mutating func didFind(_ bounds: [UInt64: ThreadBounds], _ query: RetentionQuery) -> Action {
        guard case .measuring(let lengths, let next) = state else { preconditionFailure("no threads were asked for") }
        let limit = UInt64(query.policy.maximumEventsPerThread ?? .max)
        rest = lengths.compactMap { length in
            guard let bounds = bounds[length.number] else { return nil }
            let firstKept = bounds.firstKept(ofTrimTo: length.head + 1 - limit)
            return firstKept > bounds.oldest ? Trim(number: length.number, firstKept: firstKept) : nil
        }
        if let next {
            state = .threads(after: next)
        } else {
            lookForFreeFile()
        }
        return answer(query)
    }

    // MARK: Parts

    private mutating func answer(_ query: RetentionQuery) -> Action {
        let trims = Array(rest.prefix(query.maximumThreadCount))
        rest.removeFirst(trims.count)
        guard case .idle = state, rest.isEmpty else { return .answer(trims, isLast: false) }
        return .answer(trims, isLast: true)
    }

    /// Enters the stage after a file of blocks.
    private mutating func advance(past position: Int64, _ query: RetentionQuery) -> Action {
        if let segment = segments.first(where: { $0.start > position && $0.start < dueThrough }) {
            if let blocker = blockers[segment.start] {
                state = .asking(segment)
                return .findBounds(of: blocker)
            }
            state = .segments(SegmentPass(segment, through: dueThrough))
        } else if query.policy.maximumEventsPerThread == nil {
            lookForFreeFile()
        } else {
            state = .threads(after: 0)
        }
        return answer(query)
    }

    private mutating func didReadAll(of pass: SegmentPass, _ query: RetentionQuery) -> Action {
        if pass.hasTrims, pass.round < Self.roundLimit {
            // Once more, to see whether all is trimmed.
            state = .segments(SegmentPass(pass.segment, through: dueThrough, round: pass.round + 1))
            return answer(query)
        }
        if !pass.isClean { blockers[pass.segment.start] = pass.hasTrims ? nil : pass.blocker }
        return advance(past: pass.segment.start, query)
    }

    /// One after the other gets its turn, so that a file which stays does not keep the ones after it.
    private mutating func lookForFreeFile() {
        let candidates = segments.dropLast()
        guard let segment = candidates.first(where: { $0.start >= freePosition }) ?? candidates.first else {
            state = .idle
            return
        }
        state = .freeing(SegmentPass(segment, through: segment.end))
    }
}
