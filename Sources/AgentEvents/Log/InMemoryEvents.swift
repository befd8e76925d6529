/// The events of an in-memory log.
struct InMemoryEvents: Sendable {
    /// An event's place among all.
    private struct Place: Sendable {
        /// The number of events that were committed before.
        let offset: UInt64
        let thread: ThreadID
        let sequence: UInt64
        let time: Timestamp
    }

    /// The place of a sweep over due events.
    private struct Sweep: Sendable {
        /// Events before it were looked at.
        var offset: UInt64 = 0
        /// So many bytes more than allowed are still to be found.
        var excess: Int64
        var isThroughEvents = false
        /// So many threads were looked at.
        var thread = 0
    }

    /// So many events and threads are looked at in one step.
    private static let stepLimit = 16_384

    private(set) var threads: [ThreadID: InMemoryThread] = [:]
    /// In the order of their first events.
    private var threadOrder: [ThreadID] = []
    /// All events in the order of their commits; some of the trimmed ones are still among them.
    private var order: [Place] = []
    private var trimmedInOrder = 0
    /// The number of events that were ever committed.
    private(set) var endOffset: UInt64 = 0
    /// The size of the events that are kept, in bytes.
    private(set) var byteCount = 0
    /// The sweep that the next step continues; `nil` between two sweeps.
    private var sweep: Sweep?

    /// In the order of their first events.
    var threadsWithOpenRuns: [ThreadID] { threadOrder.filter { threads[$0]?.openRuns.isEmpty == false } }

    mutating func append(_ commit: LogCommit) throws(EventLogError) {
        try checkOrder(of: commit)
        for entry in commit.entries {
            let thread = entry.owner.thread
            order.append(Place(offset: endOffset, thread: thread, sequence: entry.id.sequence, time: commit.time))
            endOffset += 1
            byteCount += entry.bytes.count
            if threads[thread] == nil { threadOrder.append(thread) }
            threads[thread, default: InMemoryThread(user: entry.owner.user)].append(entry)
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

    /// The threads of a commit whose events do not follow the last ones here.
    func threadsNotFollowed(by commit: LogCommit) -> Set<ThreadID> {
        var heads: [ThreadID: UInt64] = [:]
        var refused: Set<ThreadID> = []
        for entry in commit.entries {
            let thread = entry.owner.thread
            let head = heads[thread] ?? threads[thread]?.head?.sequence ?? 0
            let isForeign = threads[thread].map { $0.user != entry.owner.user } ?? false
            if isForeign || entry.id.sequence != head + 1 { refused.insert(thread) }
            heads[thread] = entry.id.sequence
        }
        return refused
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
            if count > 0, byteCount >= request.maximumByteCount { break }
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
            guard let event = threads[place.thread]?.event(place.sequence) else { continue }
            let isFull =
                page.events.count == request.maximumCount
                || !page.events.isEmpty && byteCount >= request.maximumByteCount
            if isFull {
                page.reachesEnd = false
                return page
            }
            // The page that passes over events that are gone says so.
            if place.offset != page.nextOffset { page.skipsTrimmed = true }
            page.nextOffset = place.offset + 1
            byteCount += event.bytes.count
            page.events.append(event)
        }
        // A page with events ends after the last of them; the next one says that something after it is gone.
        if page.events.isEmpty, page.nextOffset < endOffset {
            page.skipsTrimmed = true
            page.nextOffset = endOffset
        }
        return page
    }

    /// The place in the order of the first event at or after an offset.
    private func index(ofOffset offset: UInt64) -> Int {
        order.partitioningIndex { $0.offset >= offset }
    }

    // MARK: Retention

    /// Looks at a bounded number of events and threads, from where the last call ended.
    mutating func expired(_ query: RetentionQuery) -> RetentionStep {
        var sweep = sweep ?? Sweep(excess: query.policy.maximumByteCount.map { Int64(byteCount) - $0 } ?? 0)
        var due: [ThreadID: UInt64] = [:]
        var budget = Self.stepLimit
        noteOldEvents(query, &sweep, &due, &budget)
        if sweep.isThroughEvents { noteLongThreads(query, &sweep, &due, &budget) }
        let isLast = sweep.isThroughEvents && sweep.thread == threadOrder.count
        self.sweep = isLast ? nil : sweep
        // The order of a dictionary differs from one to the next, and who sweeps meets the threads in this one.
        let trims = due.sorted { $0.key.rawValue < $1.key.rawValue }.compactMap { id, sequence -> ThreadTrim? in
            guard let thread = threads[id] else { return nil }
            let firstKept = thread.firstKept(ofTrimTo: sequence)
            return firstKept > thread.oldestSequence ? ThreadTrim(thread: id, firstKept: firstKept) : nil
        }
        return RetentionStep(trims: trims, isLast: isLast)
    }

    private func noteOldEvents(
        _ query: RetentionQuery,
        _ sweep: inout Sweep,
        _ due: inout [ThreadID: UInt64],
        _ budget: inout Int
    ) {
        guard !sweep.isThroughEvents else { return }
        let oldestAllowed = query.policy.oldestAllowed(at: query.now)
        for place in order[index(ofOffset: sweep.offset)...] {
            guard budget > 0, due.count < query.maximumThreadCount else { return }
            budget -= 1
            if let event = threads[place.thread]?.event(place.sequence) {
                let isOld = oldestAllowed.map { place.time <= $0 } ?? false
                let isTooMuch = query.policy.maximumByteCount != nil && sweep.excess > 0
                guard isOld || isTooMuch else { break }
                sweep.excess -= Int64(event.bytes.count)
                due[place.thread] = place.sequence + 1
            }
            sweep.offset = place.offset + 1
        }
        sweep.isThroughEvents = true
    }

    private func noteLongThreads(
        _ query: RetentionQuery,
        _ sweep: inout Sweep,
        _ due: inout [ThreadID: UInt64],
        _ budget: inout Int
    ) {
        guard let count = query.policy.maximumEventsPerThread else {
            sweep.thread = threadOrder.count
            return
        }
        while sweep.thread < threadOrder.count, budget > 0, due.count < query.maximumThreadCount {
            let id = threadOrder[sweep.thread]
            sweep.thread += 1
            budget -= 1
            guard let thread = threads[id], thread.events.count > count, let head = thread.head else { continue }
            due[id] = max(due[id] ?? 0, head.sequence + 1 - UInt64(count))
        }
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

    // MARK: Deletion

    /// Forgets a thread. The places of its events stay among all, as those of trimmed ones do.
    mutating func delete(_ thread: ThreadID) {
        guard let deleted = threads.removeValue(forKey: thread) else { return }
        let position = threadOrder.firstIndex(of: thread)
        threadOrder.removeAll { $0 == thread }
        if let position, var sweep, position < sweep.thread {
            sweep.thread -= 1
            self.sweep = sweep
        }
        byteCount -= deleted.events.reduce(0) { $0 + $1.bytes.count }
        order.removeAll { $0.thread == thread }
    }

    /// In the order of their first events.
    func threads(of user: UserID) -> [ThreadID] { threadOrder.filter { threads[$0]?.user == user } }
}
