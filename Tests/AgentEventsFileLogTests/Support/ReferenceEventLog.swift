import AgentEvents
import Synchronization

/// A log written as simply as possible: the model that others are compared with, and, with a fault, what the conformance
/// suite must find.
final class ReferenceEventLog: EventLog {
    /// What it does wrong.
    enum Fault: String, CaseIterable, Sendable {
        case losesAnEvent, swapsEvents, changesBytes, mixesThreads
        case ignoresTheCount, ignoresTheByteCount, alwaysReachesTheEnd, neverReachesTheEnd, keepsTheOffset
        case acceptsGaps, acceptsRepeats, keepsPartOfARefusedCommit
        case forgetsRuns, forgetsEndedRuns, mixesRuns, forgetsOpenRuns, forgetsHosts, namesTheWrongUser,
            namesTheWrongOldest
        case sharesKeys, keepsKeysForEver, forgetsKeys, forgetsGapsInKeys, forgetsDigests, keepsKeysOfARefusedCommit
        case tearsCommits, acknowledgesEarly
        case opensRunsTwice
        case keepsTheGeneration, countsGenerations, losesTheTail, forgetsWhereRunsAreOpen
    }

    private struct Thread {
        var user: UserID
        var events: [StoredEvent] = []
        var runs: Set<RunID> = []
        var open: [OpenRun] = []
    }

    private struct Key: Hashable {
        var thread: ThreadID
        var key: IdempotencyKey
    }

    private struct State {
        var generation: UInt64 = 0
        var events: [StoredEvent] = []
        var threads: [ThreadID: Thread] = [:]
        var keys: [Key: (time: Timestamp, request: RecalledRequest)] = [:]
        var now = Timestamp(milliseconds: 0)
        var late: [LogEntry] = []
    }

    private let fault: Fault?
    private let state = Mutex(State())

    init(fault: Fault? = nil) {
        self.fault = fault
    }

    func open() async throws(EventLogError) -> LogOpening {
        state.withLock { state in
            if fault == .countsGenerations {
                state.generation += 1
            } else if fault != .keepsTheGeneration || state.generation == 0 {
                state.generation = GenerationSource.system.next(after: state.generation)
            }
            if fault == .losesTheTail, let last = state.events.popLast() {
                state.threads[last.thread]?.events.removeLast()
            }
            let open = state.threads.filter { !$0.value.open.isEmpty }.map(\.key)
            return LogOpening(
                generation: state.generation,
                threadsWithOpenRuns: fault == .forgetsWhereRunsAreOpen ? [] : open,
                endOffset: UInt64(state.events.count)
            )
        }
    }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        try state.withLock { (state) throws(EventLogError) in
            do throws(EventLogError) {
                try check(commit.entries, state)
            } catch {
                if fault == .keepsPartOfARefusedCommit, let first = commit.entries.first { take(first, &state) }
                if fault == .keepsKeysOfARefusedCommit { take(commit.keys, time: commit.time, &state) }
                throw error
            }
            for entry in state.late { take(entry, &state) }
            state.late = []
            take(commit.keys, time: commit.time, &state)
        }
        var entries = commit.entries
        if fault == .losesAnEvent, entries.count > 1 { entries.removeLast() }
        if fault == .swapsEvents { entries.reverse() }
        if fault == .tearsCommits {
            for entry in entries {
                state.withLock { take(entry, &$0) }
                await Task.yield()
            }
        } else if fault == .acknowledgesEarly {
            state.withLock { $0.late = entries }
        } else {
            state.withLock { state in
                for entry in entries { take(entry, &state) }
            }
        }
    }

    private func check(_ entries: [LogEntry], _ state: State) throws(EventLogError) {
        var heads: [ThreadID: UInt64] = [:]
        for entry in entries {
            let thread = entry.owner.thread
            let head = heads[thread] ?? state.threads[thread]?.events.last?.id.sequence ?? 0
            heads[thread] = entry.id.sequence
            if entry.id.sequence &- 1 == head || fault == .acknowledgesEarly { continue }
            if entry.id.sequence > head, fault == .acceptsGaps { continue }
            if entry.id.sequence <= head, fault == .acceptsRepeats { continue }
            // What is wrong already must not stop here, but where it is seen.
            if fault == .losesAnEvent || fault == .swapsEvents || fault == .losesTheTail { continue }
            throw EventLogError(.conflict, "\(entry.id) does not follow \(head)")
        }
    }

    private func take(_ entry: LogEntry, _ state: inout State) {
        let id = entry.owner.thread
        let bytes = fault == .changesBytes ? entry.bytes + [10] : entry.bytes
        let event = StoredEvent(thread: id, id: entry.id, bytes: bytes)
        state.events.append(event)
        var thread = state.threads[id] ?? Thread(user: entry.owner.user)
        thread.events.append(event)
        let isOpen = thread.open.contains { $0.run == entry.run }
        if let run = entry.run, entry.type.beginsRun, !isOpen || fault == .opensRunsTwice {
            thread.runs.insert(run)
            let host = fault == .forgetsHosts ? .process : entry.host
            thread.open.append(OpenRun(run: run, sequence: entry.id.sequence, host: host))
        } else if let run = entry.run, entry.type.endsRun {
            thread.open.removeAll { $0.run == run }
        }
        state.threads[id] = thread
    }

    private func take(_ keys: [KeyedEvents], time: Timestamp, _ state: inout State) {
        state.now = max(state.now, time)
        guard fault != .forgetsKeys else { return }
        for keyed in keys {
            let request = RecalledRequest(ids: keyed.ids, digest: fault == .forgetsDigests ? nil : keyed.digest)
            state.keys[Key(thread: fault == .sharesKeys ? "t_0" : keyed.thread, key: keyed.key)] = (time, request)
        }
    }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        state.withLock { state in
            var events: [StoredEvent]
            var offset: UInt64 = 0
            switch request.selection {
            case .thread(let thread, let after):
                events = (state.threads[thread]?.events ?? []).filter { $0.id.sequence > after }
                if fault == .mixesThreads { events = state.events.filter { $0.id.sequence > after } }
            case .all(let afterOffset):
                events = Array(state.events.dropFirst(Int(afterOffset)))
                offset = afterOffset
            }
            var page = LogPage(events: [], reachesEnd: true)
            var byteCount = 0
            for event in events {
                let isFull =
                    page.events.count >= request.maximumCount && fault != .ignoresTheCount
                    || byteCount >= request.maximumByteCount && !page.events.isEmpty && fault != .ignoresTheByteCount
                if isFull {
                    page.reachesEnd = fault == .alwaysReachesTheEnd
                    break
                }
                page.events.append(event)
                byteCount += event.bytes.count
            }
            if fault == .neverReachesTheEnd { page.reachesEnd = false }
            if case .all = request.selection, fault != .keepsTheOffset {
                page.nextOffset = offset + UInt64(page.events.count)
            }
            return page
        }
    }

    func thread(_ id: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        state.withLock { state in
            guard let thread = state.threads[id], let head = thread.events.last, let oldest = thread.events.first else {
                return nil
            }
            return ThreadRecord(
                user: fault == .namesTheWrongUser ? "nobody" : thread.user,
                head: head.id,
                oldest: fault == .namesTheWrongOldest ? head.id : oldest.id,
                openRuns: fault == .forgetsOpenRuns ? [] : thread.open
            )
        }
    }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        state.withLock { state in
            switch fault {
            case .forgetsRuns: []
            case .forgetsEndedRuns: runs.intersection(state.threads[thread]?.open.map(\.run) ?? [])
            case .mixesRuns: runs.filter { run in state.threads.values.contains { $0.runs.contains(run) } }
            default: runs.intersection(state.threads[thread]?.runs ?? [])
            }
        }
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        state.withLock { state in
            let known = state.keys[Key(thread: fault == .sharesKeys ? "t_0" : thread, key: key)]
            guard let known else { return nil }
            let isOld = state.now.milliseconds(since: known.time) >= 24 * 60 * 60 * 1000
            guard !isOld || fault == .keepsKeysForEver else { return nil }
            var request = known.request
            guard fault == .forgetsGapsInKeys, let first = request.ids.first else { return request }
            request.ids = request.ids.indices.map {
                EventID(generation: first.generation, sequence: first.sequence + UInt64($0))
            }
            return request
        }
    }
}
