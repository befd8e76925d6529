import AgentEvents
import Synchronization

/// Reads committed events. Any number at a time.
struct LogReader: Sendable {
    let connection: LogConnection

    func page(_ request: LogRead) throws(EventLogError) -> LogPage {
        switch request.selection {
        case .thread(let thread, let after):
            try page(of: thread, after: after, request: request)
        case .all(let afterOffset):
            try page(after: LogOffset(afterOffset), request: request)
        }
    }

    // MARK: One thread

    private func page(of thread: ThreadID, after: UInt64, request: LogRead) throws(EventLogError) -> LogPage {
        var start = after
        while true {
            do throws(EventLogError) {
                var page = try page(of: thread, from: &start, request: request)
                page.skipsTrimmed = after < start
                return page
            } catch {
                if isDeleted(thread) { return LogPage(events: [], reachesEnd: true) }
                // What the file of the index or of blocks does not have may have been trimmed meanwhile.
                guard let oldest = try oldestSequence(of: thread), oldest - 1 > start else { throw error }
                start = oldest - 1
            }
        }
    }

    /// Whether a thread was deleted meanwhile.
    private func isDeleted(_ thread: ThreadID) -> Bool {
        guard connection.deleted.hasAny else { return false }
        return (try? connection.index.read { try DeletionDatabase.deletion(of: ThreadKey(thread), in: $0) }) ?? nil
            != nil
    }

    private func oldestSequence(of thread: ThreadID) throws(EventLogError) -> UInt64? {
        let view = connection.tail.withLock { $0.view(of: thread) }
        let stored = try connection.index.read { try LogDatabase.thread(thread, in: $0) }
        return [view?.oldest, stored?.oldest].compactMap { $0?.sequence }.max()
    }

    /// - Parameter start: the sequence before the first one that is wanted; moved on to where the thread begins.
    private func page(
        of thread: ThreadID,
        from start: inout UInt64,
        request: LogRead
    ) throws(EventLogError) -> LogPage {
        // The memory first, the file second: what leaves the one is in the other before.
        let view = connection.tail.withLock { $0.view(of: thread) }
        let empty = LogPage(events: [], reachesEnd: true)
        let number: UInt64
        let head: UInt64
        if let view {
            (number, head) = (view.number, view.head.sequence)
            start = max(start, view.oldest.sequence - 1)
        } else {
            let stored = try connection.index.read { try LogDatabase.thread(thread, in: $0) }
            guard let stored, let last = stored.head else { return empty }
            (number, head) = (stored.number, last.sequence)
            start = max(start, (stored.oldest?.sequence ?? 1) - 1)
        }
        guard start < head else { return empty }
        var collector = ThreadCollector(
            thread: thread, number: number, after: start, head: head, request: request, blocks: connection.blocks)
        let pending = view?.references ?? []
        if collector.needsMore(than: pending) {
            try connection.index.read { database in
                // Of the same moment as the chunks.
                let oldest = try LogDatabase.row(of: number, in: database)?.oldest?.sequence ?? 0
                start = max(start, oldest.subtracting(1))
                collector.begin(after: start)
                try LogDatabase.chunks(of: number, after: start, in: database) { chunk in
                    try collector.collect(chunk.references, end: chunk.last.sequence)
                }
            }
        }
        _ = try collector.collect(pending, end: head)
        guard collector.isComplete else {
            throw LogConnection.corrupt("sequence \(collector.next) of thread \(thread) is missing")
        }
        return LogPage(events: collector.events, reachesEnd: collector.next > head)
    }

    /// The record of a thread; `nil` for one that has no event, and never had one.
    func record(of thread: ThreadID) throws(EventLogError) -> ThreadRecord? {
        try records(of: [thread]).first ?? nil
    }

    /// Those of several threads, in their order, in one look into the file.
    func records(of threads: [ThreadID]) throws(EventLogError) -> [ThreadRecord?] {
        // Memory first, file second: what is written to the file leaves the memory afterwards.
        let views = connection.tail.withLock { tail in threads.map { tail.view(of: $0) } }
        var records = try connection.index.read { database in
            try zip(threads, views).map { thread, view in
                Self.record(view, try LogDatabase.thread(thread, in: database))
            }
        }
        for (index, thread) in threads.enumerated() {
            if let record = records[index] { records[index] = try withOldest(record, of: thread) }
        }
        return records
    }

    private static func record(_ view: ThreadView?, _ stored: StoredThread?) -> ThreadRecord? {
        guard let user = view?.owner.user ?? stored?.owner.user, let head = view?.head ?? stored?.head,
            let oldest = [view?.oldest, stored?.oldest].compactMap({ $0 }).max(by: { $0.sequence < $1.sequence })
        else { return nil }
        let open = view?.openRuns ?? stored?.openRuns ?? []
        return ThreadRecord(
            user: user,
            head: head,
            oldest: oldest,
            openRuns: open.sorted { $0.sequence < $1.sequence }
        )
    }

    /// Of the oldest event of a thread that was trimmed, only the sequence is stored.
    private func withOldest(_ record: ThreadRecord, of thread: ThreadID) throws(EventLogError) -> ThreadRecord {
        guard record.oldest.generation == 0 else { return record }
        var record = record
        let page = try page(LogRead(.thread(thread, after: record.oldest.sequence - 1), maximumCount: 1))
        record.oldest =
            page.events.first?.id ?? EventID(generation: record.head.generation, sequence: record.head.sequence + 1)
        return record
    }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) throws(EventLogError) -> Set<RunID> {
        // The memory first, the file second: what leaves the one is in the other before.
        let inMemory = connection.tail.withLock { $0.startedRuns(among: runs, in: thread) }
        let found = Set((inMemory?.starts ?? [:]).keys)
        guard found.count < runs.count, inMemory?.isStored ?? true else { return found }
        return try connection.index.read { database in
            guard let row = try LogDatabase.row(of: thread, in: database) else { return found }
            let oldest = max(row.oldest?.sequence ?? 0, inMemory?.oldest ?? 0)
            let inFile = try runs.subtracting(found).filter {
                try RunDatabase.start(of: $0, in: row.number, from: oldest, in: database) != nil
            }
            return found.union(inFile)
        }
    }

    /// The number of the first event of a run; `nil` when it has not begun, or that event was trimmed.
    func firstSequence(of run: RunID, in thread: ThreadID) throws(EventLogError) -> UInt64? {
        // In this order, as above.
        let inMemory = connection.tail.withLock { $0.startedRuns(among: [run], in: thread) }
        if let start = inMemory?.starts[run] { return start }
        guard inMemory?.isStored ?? true else { return nil }
        return try connection.index.read { database in
            guard let row = try LogDatabase.row(of: thread, in: database) else { return nil }
            let oldest = max(row.oldest?.sequence ?? 0, inMemory?.oldest ?? 0)
            return try RunDatabase.start(of: run, in: row.number, from: oldest, in: database)
        }
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID, now: Timestamp) throws(EventLogError) -> RecalledRequest? {
        let (number, pending) = connection.tail.withLock { tail in
            let number = tail.view(of: thread)?.number
            return (number, number.flatMap { tail.recall(key, number: $0) })
        }
        var known = pending
        if known == nil { known = try stored(key, in: thread, number: number) }
        guard let known, known.time.milliseconds > now.milliseconds - LogDatabase.keyLifetime else { return nil }
        return RecalledRequest(ids: known.ids.ids, digest: known.digest)
    }

    private func stored(
        _ key: IdempotencyKey,
        in thread: ThreadID,
        number: UInt64?
    ) throws(EventLogError) -> PlannedKey? {
        try connection.index.read { database in
            guard let number = try number ?? LogDatabase.thread(thread, in: database)?.number else { return nil }
            return try LogDatabase.recall(key, number: number, in: database)
        }
    }

    // MARK: All threads

    private func page(after offset: LogOffset, request: LogRead) throws(EventLogError) -> LogPage {
        let end = connection.tail.withLock { $0.end }
        var page = LogPage(events: [], reachesEnd: true, nextOffset: offset.number)
        var byteCount = 0
        var buffer = BlockBuffer()
        var skipsDeleted = false
        var scan = BlockScan(blocks: connection.blocks, from: offset.block, end: end)
        while page.reachesEnd, var block = try scan.next(&buffer) {
            var index = 0
            while let head = try block.nextEvent() {
                let bytes = try block.content(head)
                index += 1
                if block.position == offset.block, index <= offset.eventCount { continue }
                guard !head.isErased, !connection.deleted.contains(head.thread) else {
                    skipsDeleted = true
                    continue
                }
                let isFull = page.events.count >= request.maximumCount || byteCount >= request.maximumByteCount
                if !page.events.isEmpty, isFull {
                    page.reachesEnd = false
                    break
                }
                byteCount += bytes.count
                let thread: ThreadID
                do throws(EventLogError) {
                    thread = try connection.thread(number: head.thread)
                } catch {
                    // It was deleted since.
                    guard connection.deleted.contains(head.thread) else { throw error }
                    skipsDeleted = true
                    continue
                }
                page.events.append(
                    StoredEvent(
                        thread: thread,
                        id: EventID(generation: block.generation, sequence: head.sequence),
                        bytes: [UInt8](bytes)
                    )
                )
                page.nextOffset = LogOffset(block: block.position, eventCount: index).number
            }
        }
        let removed = connection.removed.withLock { $0 }
        let position = page.reachesEnd ? end : LogOffset(page.nextOffset).block
        // A file that was read before it went was not skipped.
        page.skipsTrimmed = scan.holes.contains { hole in
            let start = max(offset.number, LogOffset(block: hole.lowerBound, eventCount: 0).number)
            return hole.upperBound <= position && removed.includes(behind: start, before: hole.upperBound)
        }
        if skipsDeleted { page.skipsTrimmed = true }
        if page.reachesEnd { page.nextOffset = max(page.nextOffset, removed.end(before: position)) }
        return page
    }
}

extension UInt64 {
    /// The difference, or 0.
    fileprivate func subtracting(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}
