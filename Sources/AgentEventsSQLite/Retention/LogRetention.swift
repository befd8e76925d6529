import AgentEvents
import Synchronization

/// Trims the log: decides what is due, a part at a time, takes it out of the index, and removes files of blocks.
///
/// Blocks its thread; for one caller at a time.
final class LogRetention: Sendable {
    /// What one part reads at most.
    private static let byteLimit: Int64 = 4 << 20
    private static let rowLimit = 4096
    /// How often a file is gone through in one sweep; more than twice only when its threads were not trimmed.
    private static let roundLimit = 3
    /// Of what a policy allows, so much at most is in the file that is written to.
    private static let fraction: Int64 = 8

    private struct State {
        var stage = RetentionStage.idle
        /// Due because of the part read last, and more than one answer has room for.
        var rest: [ThreadTrim] = []
        /// What is in blocks before this position is due.
        var dueThrough: Int64 = 0
        /// Why files stay, by their positions.
        var blockers: [Int64: SegmentPass.Blocker] = [:]
        /// Where to look next for a file that has become free.
        var freePosition: Int64 = 0
    }

    private let connection: LogConnection
    private let indexWriter: IndexWriter
    private let state = Mutex(State())

    init(connection: LogConnection, indexWriter: IndexWriter) {
        self.connection = connection
        self.indexWriter = indexWriter
    }

    // MARK: Trimming

    func trim(_ trims: [ThreadTrim]) throws(EventLogError) {
        // Each thread has a row then, and after a loss of power no thread begins behind its end.
        _ = try indexWriter.update(before: 0)
        try connection.blocks.synchronize(upTo: connection.tail.withLock { $0.end })
        let numbers = try connection.index.read { database in
            try trims.map { try LogDatabase.row(of: $0.thread, in: database)?.number }
        }
        let known = zip(numbers, trims).compactMap { number, trim in number.map { ($0, trim.firstKept) } }
        let bounds = try bounds(of: known.map(\.0))
        let places = known.compactMap { number, sequence -> (UInt64, UInt64)? in
            guard let bounds = bounds[number] else { return nil }
            let firstKept = bounds.firstKept(ofTrimTo: sequence)
            return firstKept > bounds.oldest ? (number, firstKept) : nil
        }
        guard !places.isEmpty else { return }
        try connection.index.transaction("trimming") { database in
            for (number, sequence) in places { try RetentionDatabase.trim(number, to: sequence, in: database) }
        }
        connection.tail.withLock { tail in
            for (number, sequence) in places { tail.trim(number: number, to: sequence) }
        }
    }

    // MARK: What is due

    func expired(_ query: RetentionQuery) throws(EventLogError) -> RetentionStep {
        try state.withLock { (state) throws(EventLogError) in
            if state.rest.isEmpty { state.rest = try next(query, &state) }
            let trims = Array(state.rest.prefix(query.maximumThreadCount))
            state.rest.removeFirst(trims.count)
            guard case .idle = state.stage, state.rest.isEmpty else {
                return RetentionStep(trims: trims, isLast: false)
            }
            return RetentionStep(trims: trims, isLast: true)
        }
    }

    private func next(_ query: RetentionQuery, _ state: inout State) throws(EventLogError) -> [ThreadTrim] {
        switch state.stage {
        case .idle:
            state.dueThrough = try begin(query)
            try goOn(behind: -1, query, &state)
            return []
        case .segments(var pass):
            let trims = try part(of: &pass, query, &state)
            try didReadPart(of: pass, query, &state)
            return trims
        case .threads(let number):
            return try tooLong(after: number, query, &state)
        case .freeing(var pass):
            _ = try part(of: &pass, query, &state)
            try didLook(at: pass, &state)
            return []
        }
    }

    /// - Returns: the position before which everything is due.
    private func begin(_ query: RetentionQuery) throws(EventLogError) -> Int64 {
        // Each thread is to have a row.
        _ = try indexWriter.update(before: 0)
        // Known before the times are: what is written from now on is not old.
        let end = connection.tail.withLock { $0.end }
        let blocks = connection.blocks
        let segments = blocks.segments
        guard let last = segments.last else { return 0 }
        var due: Int64 = 0
        if let oldestAllowed = query.policy.oldestAllowed(at: query.now) {
            for segment in segments {
                guard let time = try blocks.lastWrite(of: segment), time <= oldestAllowed else { break }
                due = min(segment.end, end)
            }
            let age = query.now.milliseconds - oldestAllowed.milliseconds
            let begun = last.begun ?? query.now
            if due >= last.end || query.now.milliseconds(since: begun) >= age / Self.fraction { blocks.completeLast() }
        }
        if let limit = query.policy.maximumByteCount {
            var byteCount = segments.reduce(0) { $0 + $1.byteCount }
            for segment in segments.dropLast() where byteCount > limit {
                byteCount -= segment.byteCount
                due = max(due, segment.end)
            }
            if last.byteCount > limit / Self.fraction { blocks.completeLast() }
        }
        return due
    }

    /// Enters the stage behind a file of blocks.
    private func goOn(behind position: Int64, _ query: RetentionQuery, _ state: inout State) throws(EventLogError) {
        for segment in connection.blocks.segments where segment.start > position && segment.start < state.dueThrough {
            if let blocker = state.blockers[segment.start], try stillBlocks(blocker) { continue }
            state.stage = .segments(SegmentPass(segment, through: state.dueThrough))
            return
        }
        state.stage = .threads(after: 0)
        if query.policy.maximumEventsPerThread == nil { lookForFreeFile(&state) }
    }

    private func stillBlocks(_ blocker: SegmentPass.Blocker) throws(EventLogError) -> Bool {
        guard let bounds = try bounds(of: [blocker.thread])[blocker.thread] else { return false }
        return bounds.oldest <= blocker.sequence && (bounds.firstOpen ?? .max) <= blocker.sequence
    }

    /// Reads on in a file of blocks.
    ///
    /// - Returns: the trims that are due because of what was read.
    private func part(
        of pass: inout SegmentPass,
        _ query: RetentionQuery,
        _ state: inout State
    ) throws(EventLogError) -> [ThreadTrim] {
        var last: [UInt64: UInt64] = [:]
        var buffer = BlockBuffer()
        let start = pass.position
        var scan = BlockScan(blocks: connection.blocks, from: start, end: pass.end)
        while pass.position < pass.end, pass.position - start < Self.byteLimit, last.count < query.maximumThreadCount {
            guard var block = try scan.next(&buffer) else {
                // The file is gone; nothing can be said of it.
                pass.position = pass.end
                pass.isClean = false
                break
            }
            var count = 0
            while let head = try block.nextEvent() {
                _ = try block.content(head)
                count += 1
                last[head.thread] = max(last[head.thread] ?? 0, head.sequence)
            }
            if count > 0 { pass.offset = LogOffset(block: block.position, eventCount: count).number }
            pass.position = scan.position
        }
        var trims: [ThreadTrim] = []
        let bounds = try bounds(of: Array(last.keys))
        for (number, sequence) in last {
            guard let bounds = bounds[number] else { throw missing(number) }
            guard bounds.oldest <= sequence else { continue }
            pass.isClean = false
            let firstKept = bounds.firstKept(ofTrimTo: sequence + 1)
            if firstKept <= sequence { pass.blocker = SegmentPass.Blocker(thread: number, sequence: sequence) }
            guard firstKept > bounds.oldest else { continue }
            pass.hasTrims = true
            trims.append(ThreadTrim(thread: try connection.thread(number: number), firstKept: firstKept))
        }
        return trims
    }

    private func didReadPart(
        of pass: SegmentPass,
        _ query: RetentionQuery,
        _ state: inout State
    ) throws(EventLogError) {
        guard pass.isOver else {
            state.stage = .segments(pass)
            return
        }
        if pass.isClean, pass.isWhole { try remove(pass, &state) }
        if pass.hasTrims, pass.round < Self.roundLimit {
            // Once more, to see whether all is trimmed.
            state.stage = .segments(SegmentPass(pass.segment, through: state.dueThrough, round: pass.round + 1))
        } else {
            if !pass.isClean { state.blockers[pass.segment.start] = pass.hasTrims ? nil : pass.blocker }
            try goOn(behind: pass.segment.start, query, &state)
        }
    }

    /// The threads behind a number that are too long.
    private func tooLong(
        after number: UInt64,
        _ query: RetentionQuery,
        _ state: inout State
    ) throws(EventLogError) -> [ThreadTrim] {
        let limit = UInt64(query.policy.maximumEventsPerThread ?? .max)
        let rows = try connection.index.read { database in
            try RetentionDatabase.threads(after: number, limit: Self.rowLimit, in: database)
        }
        let inMemory = connection.tail.withLock { tail in rows.map { tail.bounds(number: $0.number) } }
        var trims: [ThreadTrim] = []
        for (row, memory) in zip(rows, inMemory) {
            let head = memory?.head ?? row.head
            guard head + 1 > max(row.oldest, memory?.oldest ?? 0) + limit else { continue }
            if trims.count == query.maximumThreadCount {
                state.stage = .threads(after: row.number - 1)
                return trims
            }
            guard let bounds = try bounds(of: [row.number])[row.number] else { throw missing(row.number) }
            let firstKept = bounds.firstKept(ofTrimTo: head + 1 - limit)
            guard firstKept > bounds.oldest else { continue }
            trims.append(ThreadTrim(thread: try connection.thread(number: row.number), firstKept: firstKept))
        }
        if let last = rows.last, rows.count == Self.rowLimit {
            state.stage = .threads(after: last.number)
        } else {
            lookForFreeFile(&state)
        }
        return trims
    }

    // MARK: Files

    /// One after the other gets its turn, so that a file which stays does not keep the ones behind it.
    private func lookForFreeFile(_ state: inout State) {
        let candidates = connection.blocks.segments.dropLast()
        guard let segment = candidates.first(where: { $0.start >= state.freePosition }) ?? candidates.first else {
            state.stage = .idle
            return
        }
        state.stage = .freeing(SegmentPass(segment, through: segment.end))
    }

    private func didLook(at pass: SegmentPass, _ state: inout State) throws(EventLogError) {
        guard pass.isClean, !pass.isOver else {
            state.freePosition = pass.segment.end
            state.stage = .idle
            guard pass.isClean else { return }
            try remove(pass, &state)
            // The next one may be free as well; the first one behind the last gets its turn in the next sweep.
            let next = connection.blocks.segments.dropLast().first { $0.start >= pass.segment.end }
            if let next { state.stage = .freeing(SegmentPass(next, through: next.end)) }
            return
        }
        state.stage = .freeing(pass)
    }

    /// Removes a file in which nothing can be read, unless it is the last one.
    private func remove(_ pass: SegmentPass, _ state: inout State) throws(EventLogError) {
        let blocks = connection.blocks
        let segments = blocks.segments
        guard let index = segments.firstIndex(where: { $0.start == pass.segment.start }), index + 1 < segments.count,
            // A commit that was under way when the pass began is in it; then the next sweep looks at all of it.
            segments[index].end == pass.segment.end,
            // References that are in memory only would lead into nothing.
            try indexWriter.update(before: pass.segment.end)
        else { return }
        state.blockers[pass.segment.start] = nil
        let gone = connection.removed.withLock { removed in
            removed.joined(
                RemovedBlocks(start: pass.segment.start, through: pass.offset),
                keptBefore: index == 0 ? 0 : segments[index - 1].end,
                keptBehind: segments[index + 1].start
            )
        }
        try connection.index.transaction("removing blocks of") { database in
            try RetentionDatabase.insert(gone, in: database)
        }
        connection.removed.withLock { $0.insert(gone) }
        try blocks.remove(pass.segment)
    }

    // MARK: Threads

    /// Where threads begin and end; of those without a row or an event nothing.
    private func bounds(of numbers: [UInt64]) throws(EventLogError) -> [UInt64: ThreadBounds] {
        // The memory first, the file second: what leaves the one is in the other before.
        var found: [UInt64: ThreadBounds] = [:]
        connection.tail.withLock { tail in
            for number in numbers { found[number] = tail.bounds(number: number) }
        }
        let rest = numbers.filter { found[$0] == nil }
        guard !rest.isEmpty else { return found }
        try connection.index.read { database in
            for number in rest { found[number] = try RetentionDatabase.bounds(of: number, in: database) }
        }
        return found
    }

    private func missing(_ number: UInt64) -> EventLogError {
        LogConnection.corrupt("there is no thread number \(number), which a block names")
    }
}
