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
        if let view, view.head.sequence <= after { return empty }
        return try connection.read { database in
            let number: UInt64
            let head: UInt64
            if let view {
                (number, head) = (view.number, view.head.sequence)
            } else {
                guard let stored = try LogDatabase.thread(thread, in: database), let last = stored.head else {
                    return empty
                }
                (number, head) = (stored.number, last.sequence)
            }
            guard after < head else { return empty }
            var collector = ThreadCollector(thread: thread, number: number, after: after, head: head, request: request)
            let pending = view?.references ?? []
            if collector.needsMore(than: pending) {
                try LogDatabase.chunks(of: number, after: after, in: database) { chunk in
                    try collector.collect(chunk.references, end: chunk.last.sequence, in: database)
                }
            }
            _ = try collector.collect(pending, end: head, in: database)
            guard collector.isComplete else {
                throw LogConnection.corrupt("sequence \(collector.next) of thread \(thread) is missing")
            }
            return LogPage(events: collector.events, reachesEnd: collector.next > head)
        }
    }

    func record(of thread: ThreadID) throws(EventLogError) -> ThreadRecord? {
        let view = connection.tail.withLock { $0.view(of: thread) }
        return try connection.read { database in
            let stored = try LogDatabase.thread(thread, in: database)
            guard let stored, let head = view?.head ?? stored.head else { return nil }
            var runs: Set<RunID> = []
            let note = { (marks: [RunMark]) in
                for case .started(let run, _) in marks { runs.insert(run) }
            }
            try LogDatabase.chunks(of: stored.number, after: 0, in: database) { chunk in
                note(chunk.marks)
                return chunk.last.sequence < head.sequence
            }
            note(view?.marks ?? [])
            let open = view?.openRuns ?? stored.openRuns
            return ThreadRecord(
                user: stored.owner.user,
                head: head,
                oldest: EventID(generation: stored.generation, sequence: 1),
                runs: runs,
                firstOpenSequence: open.map(\.sequence).min()
            )
        }
    }

    func recall(
        _ key: IdempotencyKey,
        in thread: ThreadID,
        now: Timestamp
    ) throws(EventLogError) -> [EventID]? {
        let view = connection.tail.withLock { $0.view(of: thread) }
        return try connection.read { database in
            guard let number = try view?.number ?? LogDatabase.thread(thread, in: database)?.number else { return nil }
            return try LogDatabase.recall(key, number: number, now: now, in: database)
        }
    }

    // MARK: All threads

    private func page(after offset: LogOffset, request: LogRead) throws(EventLogError) -> LogPage {
        try connection.read { database in
            var page = LogPage(events: [], reachesEnd: true, nextOffset: offset.number)
            var byteCount = 0
            let statement = try RawStatement(
                "SELECT id, generation, body FROM block WHERE id >= ? ORDER BY id",
                in: database
            )
            defer { statement.reset() }
            statement.bind(offset.block, at: 1)
            while page.reachesEnd, try statement.step() {
                let block = statement.integer(0)
                let generation = statement.unsigned(1)
                var index = 0
                var reader = try BlockReader(statement.bytes(2), block: block, generation: generation)
                while let head = try reader.next() {
                    let bytes = try reader.eventBytes(head)
                    index += 1
                    if block == offset.block, index <= offset.eventCount { continue }
                    let isFull = page.events.count >= request.maximumCount || byteCount >= request.maximumByteCount
                    if !page.events.isEmpty, isFull {
                        page.reachesEnd = false
                        break
                    }
                    byteCount += bytes.count
                    page.events.append(
                        StoredEvent(
                            thread: try connection.thread(number: head.thread, in: database),
                            id: EventID(generation: generation, sequence: head.sequence),
                            bytes: [UInt8](bytes)
                        )
                    )
                    page.nextOffset = LogOffset(block: block, eventCount: index).number
                }
            }
            return page
        }
    }
}
