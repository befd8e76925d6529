/// The events of an in-memory log.
struct InMemoryEvents: Sendable {
    /// An event's place among all.
    private struct Place: Sendable {
        /// How many events were committed before.
        let offset: UInt64
        let thread: ThreadID
        let sequence: UInt64
        let time: Timestamp
    }

    private(set) var threads: [ThreadID: InMemoryThread] = [:]
    /// All events in the order of their commits; some of the trimmed ones are still among them.
    private var order: [Place] = []
    private var trimmedInOrder = 0
    /// How many events were ever committed.
    private(set) var endOffset: UInt64 = 0
    /// How many bytes the events kept have.
    private(set) var byteCount = 0

    mutating func append(_ commit: LogCommit) throws(EventLogError) {
        try checkOrder(of: commit)
        for entry in commit.entries {
            let thread = entry.owner.thread
            order.append(Place(offset: endOffset, thread: thread, sequence: entry.id.sequence, time: commit.time))
            endOffset += 1
            byteCount += entry.bytes.count
            var stored = threads.removeValue(forKey: thread) ?? InMemoryThread(user: entry.owner.user)
            stored.append(entry)
            threads[thread] = stored
        }
    }

    /// All or nothing: looked at before anything is stored.
    private func checkOrder(of commit: LogCommit) throws(EventLogError) {
        var heads: [ThreadID: UInt64] = [:]
        for entry in commit.entries {
            let thread = entry.owner.thread
            let head = heads[thread] ?? threads[thread]?.head?.sequence ?? 0
            guard entry.id.sequence == head + 1 else {
                throw EventLogError(.conflict, "thread \(thread) is at \(head) and event \(entry.id) does not follow")
            }
            heads[thread] = entry.id.sequence
        }
    }

    // MARK: Reading

    func page(_ request: LogRead) -> LogPage {
        switch request.selection {
        case .thread(let thread, let after): page(of: threads[thread], after: after, request)
        case .all(let offset): page(after: offset, request)
        }
    }

    private func page(of thread: InMemoryThread?, after: UInt64, _ request: LogRead) -> LogPage {
        guard let thread else { return LogPage(events: [], reachesEnd: true) }
        let rest = thread.events(after: after)
        var byteCount = 0
        var count = 0
        for event in rest.prefix(request.maximumCount) {
            if count > 0, byteCount + event.bytes.count > request.maximumByteCount { break }
            byteCount += event.bytes.count
            count += 1
        }
        var page = LogPage(events: Array(rest.prefix(count)), reachesEnd: count == rest.count)
        page.skipsTrimmed = after < thread.oldestSequence - 1
        return page
    }

    private func page(after offset: UInt64, _ request: LogRead) -> LogPage {
        var page = LogPage(events: [], reachesEnd: true, nextOffset: offset)
        var byteCount = 0
        // Looked up one by one, so that a page costs what it holds.
        for place in order[index(ofOffset: offset)...] {
            if let event = threads[place.thread]?.event(place.sequence) {
                let isFull =
                    page.events.count == request.maximumCount
                    || !page.events.isEmpty && byteCount + event.bytes.count > request.maximumByteCount
                if isFull {
                    page.reachesEnd = false
                    return page
                }
                if place.offset != page.nextOffset { page.skipsTrimmed = true }
                byteCount += event.bytes.count
                page.events.append(event)
            } else {
                page.skipsTrimmed = true
            }
            page.nextOffset = place.offset + 1
        }
        if page.nextOffset < endOffset {
            page.skipsTrimmed = true
            page.nextOffset = endOffset
        }
        return page
    }

    /// Where in the order the first event at or behind an offset is.
    private func index(ofOffset offset: UInt64) -> Int {
        var low = 0
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            if order[middle].offset < offset { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Retention

    func expired(_ query: RetentionQuery) -> RetentionStep {
        var due: [ThreadID: UInt64] = [:]
        let oldestAllowed = query.policy.oldestAllowed(at: query.now)
        var remaining = byteCount
        for place in order {
            guard let event = threads[place.thread]?.event(place.sequence) else { continue }
            let isOld = oldestAllowed.map { place.time <= $0 } ?? false
            let isTooMuch = query.policy.maximumByteCount.map { Int64(remaining) > $0 } ?? false
            guard isOld || isTooMuch else { break }
            remaining -= event.bytes.count
            due[place.thread] = place.sequence + 1
        }
        if let count = query.policy.maximumEventsPerThread {
            for (id, thread) in threads where thread.events.count > count {
                due[id] = max(due[id] ?? 0, (thread.head?.sequence ?? 0) + 1 - UInt64(count))
            }
        }
        let trims = due.compactMap { id, sequence -> ThreadTrim? in
            guard let thread = threads[id] else { return nil }
            let firstKept = thread.firstKept(ofTrimTo: sequence)
            return firstKept > thread.oldestSequence ? ThreadTrim(thread: id, firstKept: firstKept) : nil
        }
        return RetentionStep(
            trims: Array(trims.prefix(query.maximumThreadCount)), isLast: trims.count <= query.maximumThreadCount)
    }

    mutating func trim(_ trims: [ThreadTrim]) {
        for trim in trims {
            guard let trimmed = threads[trim.thread]?.trim(to: trim.firstKept) else { continue }
            byteCount -= trimmed.reduce(0) { $0 + $1.bytes.count }
            trimmedInOrder += trimmed.count
        }
        // Amortized: as many were trimmed as are looked at.
        guard trimmedInOrder * 2 >= order.count else { return }
        order.removeAll { threads[$0.thread]?.event($0.sequence) == nil }
        trimmedInOrder = 0
    }
}
