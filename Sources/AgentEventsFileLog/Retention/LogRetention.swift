import AgentEvents
import Synchronization

/// Trims the log: reads what ``RetentionStateMachine`` asks for, a part at a time, takes what is due out of the index,
/// and removes files of blocks.
///
/// Blocks its thread; for one caller at a time.
final class LogRetention: Sendable {
    /// The largest number of bytes that one part reads.
    private static let byteLimit: Int64 = 4 << 20
    private static let rowLimit = 4096

    private let connection: LogConnection
    private let indexWriter: IndexWriter
    private let machine = Mutex(RetentionStateMachine())

    init(connection: LogConnection, indexWriter: IndexWriter) {
        self.connection = connection
        self.indexWriter = indexWriter
    }

    // MARK: Trimming

    func trim(_ trims: [ThreadTrim]) throws(EventLogError) {
        // Each thread has a row then, and after a loss of power no thread begins after its end.
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

    // MARK: Due events

    func expired(_ query: RetentionQuery) throws(EventLogError) -> RetentionStep {
        try machine.withLock { (machine) throws(EventLogError) in
            var action = machine.ask(connection.blocks.segments, query)
            while true {
                switch action {
                case .look:
                    let look = machine.didLook(try files(query), query)
                    if look.completesLast { connection.blocks.completeLast() }
                    action = look.action
                case .findBounds(let blocker):
                    action = machine.didFindBlocker(try bounds(of: [blocker.thread])[blocker.thread], query)
                case .read(let pass):
                    let (read, found) = try part(of: pass, query)
                    action = machine.didRead(read, found, query)
                case .remove(let pass):
                    let isGone = try remove(pass)
                    action = machine.didRemove(connection.blocks.segments, isGone: isGone, query)
                case .readThreads(let number):
                    let (lengths, areLast) = try lengths(after: number)
                    action = machine.didReadThreads(lengths, areLast: areLast, query)
                case .findBoundsOfThreads(let numbers):
                    let bounds = try bounds(of: numbers)
                    if let number = numbers.first(where: { bounds[$0] == nil && !connection.deleted.contains($0) }) {
                        throw missing(number)
                    }
                    action = machine.didFind(bounds, query)
                case .answer(let numbered, let isLast):
                    var trims: [ThreadTrim] = []
                    for trim in numbered {
                        let thread = try connection.thread(number: trim.number)
                        trims.append(ThreadTrim(thread: thread, firstKept: trim.firstKept))
                    }
                    return RetentionStep(trims: trims, isLast: isLast)
                }
            }
        }
    }

    private func files(_ query: RetentionQuery) throws(EventLogError) -> RetentionStateMachine.Files {
        // Each thread should have a row.
        _ = try indexWriter.update(before: 0)
        // Known before the times are: what is written from now on is not old.
        let end = connection.tail.withLock { $0.end }
        let segments = connection.blocks.segments
        var lastWrites: [Timestamp] = []
        if query.policy.maximumAge != nil {
            for segment in segments {
                guard let time = try connection.blocks.lastWrite(of: segment) else { break }
                lastWrites.append(time)
            }
        }
        return RetentionStateMachine.Files(segments: segments, lastWrites: lastWrites, end: end)
    }

    /// Reads on in a file of blocks.
    ///
    /// - Returns: where the next part begins, and the last event of each thread in this one.
    private func part(
        of pass: SegmentPass,
        _ query: RetentionQuery
    ) throws(EventLogError) -> (SegmentPass, [RetentionStateMachine.Found]) {
        var pass = pass
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
                // The file stays until all deletions are erased; that what is left of them keeps nothing.
                guard !head.isErased, !connection.deleted.contains(head.thread) else { continue }
                last[head.thread] = max(last[head.thread] ?? 0, head.sequence)
            }
            if count > 0 { pass.offset = LogOffset(block: block.position, eventCount: count).number }
            pass.position = scan.position
        }
        let bounds = try bounds(of: Array(last.keys))
        var found: [RetentionStateMachine.Found] = []
        // In the order of their numbers, so that the same log always has the same answer.
        for (number, sequence) in last.sorted(by: { $0.key < $1.key }) {
            guard let bounds = bounds[number] else {
                if connection.deleted.contains(number) { continue }
                throw missing(number)
            }
            found.append(RetentionStateMachine.Found(number: number, sequence: sequence, bounds: bounds))
        }
        return (pass, found)
    }

    /// The lengths of the threads after a number.
    private func lengths(
        after number: UInt64
    ) throws(EventLogError) -> (lengths: [RetentionStateMachine.Length], areLast: Bool) {
        let rows = try connection.index.read { database in
            try RetentionDatabase.threads(after: number, limit: Self.rowLimit, in: database)
        }
        let inMemory = connection.tail.withLock { tail in rows.map { tail.bounds(number: $0.number) } }
        let lengths = zip(rows, inMemory).map { row, memory in
            RetentionStateMachine.Length(
                number: row.number, oldest: max(row.oldest, memory?.oldest ?? 0), head: memory?.head ?? row.head)
        }
        return (lengths, rows.count < Self.rowLimit)
    }

    // MARK: Files

    /// Removes a file in which nothing can be read, unless it is the last one.
    ///
    /// - Returns: whether it is gone.
    private func remove(_ pass: SegmentPass) throws(EventLogError) -> Bool {
        try connection.fileTurn.withLock { _ throws(EventLogError) in try removeInTurn(pass) }
    }

    private func removeInTurn(_ pass: SegmentPass) throws(EventLogError) -> Bool {
        let blocks = connection.blocks
        let segments = blocks.segments
        guard let index = segments.firstIndex(where: { $0.start == pass.segment.start }), index + 1 < segments.count,
            // A commit that was under way when the pass began is in it; then the next sweep looks at all of it.
            segments[index].end == pass.segment.end,
            // References that are in memory only would lead into nothing.
            try indexWriter.update(before: pass.segment.end)
        else { return false }
        let gone = connection.removed.withLock { removed in
            removed.merging(
                RemovedBlocks(start: pass.segment.start, through: pass.offset),
                between: index == 0 ? 0 : segments[index - 1].end,
                and: segments[index + 1].start
            )
        }
        try connection.index.transaction("removing blocks of") { database in
            try RetentionDatabase.insert(gone, in: database)
        }
        connection.removed.withLock { $0.insert(gone) }
        try blocks.remove(pass.segment)
        return true
    }

    // MARK: Threads

    /// The beginnings and ends of threads, without those that have no row or no event.
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
