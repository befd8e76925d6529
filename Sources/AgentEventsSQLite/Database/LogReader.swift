import AgentEvents
import GRDB
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
        // The memory first, the file second: what leaves the one is in the other before.
        let view = connection.tail.withLock { $0.view(of: thread) }
        let empty = LogPage(events: [], reachesEnd: true)
        let number: UInt64
        let head: UInt64
        if let view {
            (number, head) = (view.number, view.head.sequence)
        } else {
            let stored = try connection.read { try LogDatabase.thread(thread, in: $0) }
            guard let stored, let last = stored.head else { return empty }
            (number, head) = (stored.number, last.sequence)
        }
        guard after < head else { return empty }
        var collector = ThreadCollector(
            thread: thread, number: number, after: after, head: head, request: request, blocks: connection.blocks)
        let pending = view?.references ?? []
        if collector.needsMore(than: pending) {
            try connection.read { database in
                try LogDatabase.chunks(of: number, after: after, in: database) { chunk in
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

    func record(of thread: ThreadID) throws(EventLogError) -> ThreadRecord? {
        let view = connection.tail.withLock { $0.view(of: thread) }
        return try connection.read { database in
            let stored = try LogDatabase.thread(thread, in: database)
            guard let user = view?.owner.user ?? stored?.owner.user, let head = view?.head ?? stored?.head,
                let oldest = view?.oldest ?? stored?.oldest, let number = view?.number ?? stored?.number
            else { return nil }
            var runs: Set<RunID> = []
            let note = { (marks: [RunMark]) in
                for case .started(let run, _) in marks { runs.insert(run) }
            }
            try LogDatabase.chunks(of: number, after: 0, in: database) { chunk in
                note(chunk.marks)
                return chunk.last.sequence < head.sequence
            }
            note(view?.marks ?? [])
            let open = view?.openRuns ?? stored?.openRuns ?? []
            return ThreadRecord(
                user: user,
                head: head,
                oldest: oldest,
                runs: runs,
                firstOpenSequence: open.map(\.sequence).min()
            )
        }
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID, now: Timestamp) throws(EventLogError) -> [EventID]? {
        let (number, pending) = connection.tail.withLock { tail in
            let number = tail.view(of: thread)?.number
            return (number, number.flatMap { tail.recall(key, number: $0) })
        }
        var known = pending
        if known == nil { known = try stored(key, in: thread, number: number) }
        guard let known, known.time.milliseconds > now.milliseconds - LogDatabase.keyLifetime else { return nil }
        return known.ids
    }

    private func stored(
        _ key: IdempotencyKey,
        in thread: ThreadID,
        number: UInt64?
    ) throws(EventLogError) -> PlannedKey? {
        try connection.read { database in
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
        var scan = BlockScan(blocks: connection.blocks, from: offset.block, end: end)
        while page.reachesEnd, var block = try scan.next(&buffer) {
            var index = 0
            while let head = try block.nextEvent() {
                let bytes = try block.content(head)
                index += 1
                if block.position == offset.block, index <= offset.eventCount { continue }
                let isFull = page.events.count >= request.maximumCount || byteCount >= request.maximumByteCount
                if !page.events.isEmpty, isFull {
                    page.reachesEnd = false
                    break
                }
                byteCount += bytes.count
                page.events.append(
                    StoredEvent(
                        thread: try connection.thread(number: head.thread),
                        id: EventID(generation: block.generation, sequence: head.sequence),
                        bytes: [UInt8](bytes)
                    )
                )
                page.nextOffset = LogOffset(block: block.position, eventCount: index).number
            }
        }
        return page
    }
}
