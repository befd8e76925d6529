import AgentEvents
import Synchronization

/// The log in memory, with one fault.
final class FaultyTrimmableLog: TrimmableLog {
    enum Fault: CaseIterable {
        case namesTheHeadOfAll, neverComesToAnEnd, namesTooManyThreads, namesAThreadTwice
        case ignoresTheNumber, ignoresTheAge, ignoresTheByteCount, namesOneEventTooMany, namesOneEventTooFew
        case trimsNothing, trimsOneTooMany, trimsWhenAsked, forgetsWhatItNamed, trimsOpenRuns, takesTrimsBack
        case losesTheThread, namesTheWrongOldest, forgetsKeys, saysNothingOfGaps, seesGapsEverywhere
        case seesNoGapInAll, seesAGapInAll, losesWhatFollows, undoesTrimsAtTheEnd, keepsTrimmedRuns
    }

    private let log: InMemoryEventLog
    private let fault: Fault?
    private let trimmed: Mutex<[ThreadID: UInt64]>
    private let named = Mutex<Set<ThreadTrim>>([])
    private let started = Mutex<Set<RunID>>([])

    init(_ fault: Fault?) {
        log = InMemoryEventLog()
        self.fault = fault
        trimmed = Mutex([:])
    }

    private init(reopening other: FaultyTrimmableLog) {
        log = other.log
        fault = other.fault
        trimmed = Mutex(other.fault == .undoesTrimsAtTheEnd ? [:] : other.trimmed.withLock { $0 })
        log.close()
    }

    func reopened() -> FaultyTrimmableLog { FaultyTrimmableLog(reopening: self) }

    func open() async throws(EventLogError) -> LogOpening { try await log.open() }

    func append(_ commit: LogCommit) async throws(EventLogError) {
        for entry in commit.entries where entry.type == .agentStarted {
            started.withLock { started in entry.run.map { _ = started.insert($0) } }
        }
        try await log.append(commit)
    }

    /// Faults that hide events do it here, so that the log itself has them all.
    private var hides: Bool {
        switch fault {
        case .trimsOpenRuns, .takesTrimsBack, .undoesTrimsAtTheEnd: true
        default: false
        }
    }

    private func oldest(of thread: ThreadID) -> UInt64 { hides ? trimmed.withLock { $0[thread] ?? 1 } : 1 }

    func read(_ request: LogRead) async throws(EventLogError) -> LogPage {
        var page = try await log.read(request)
        switch request.selection {
        case .thread(let thread, let after):
            let oldest = oldest(of: thread)
            page.events.removeAll { $0.id.sequence < oldest }
            if after + 1 < oldest { page.skipsTrimmed = true }
            if fault == .saysNothingOfGaps { page.skipsTrimmed = false }
            if fault == .seesGapsEverywhere { page.skipsTrimmed = true }
            if fault == .losesWhatFollows, page.skipsTrimmed { page.events = page.events.dropLast() }
        case .all:
            page.events.removeAll { $0.id.sequence < oldest(of: $0.thread) }
            if fault == .seesNoGapInAll { page.skipsTrimmed = false }
            if fault == .seesAGapInAll { page.skipsTrimmed = true }
        }
        return page
    }

    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? {
        guard var record = try await log.thread(thread) else { return nil }
        if fault == .losesTheThread, record.isEmpty { return nil }
        let generation = record.oldest.generation
        let sequence = max(oldest(of: thread), record.oldest.sequence)
        record.oldest = EventID(generation: generation, sequence: sequence)
        if fault == .namesTheWrongOldest { record.oldest = EventID(generation: generation, sequence: 1) }
        return record
    }

    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        if fault == .keepsTrimmedRuns { return started.withLock { $0.intersection(runs) } }
        return try await log.startedRuns(among: runs, in: thread)
    }

    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        let known = try await log.recall(key, in: thread)
        guard fault == .forgetsKeys, let first = known?.ids.first else { return known }
        return first.sequence < (try await log.thread(thread)?.oldest.sequence ?? 1) ? nil : known
    }

    func expired(_ query: RetentionQuery) async throws(EventLogError) -> RetentionStep {
        var query = query
        if fault == .namesTooManyThreads { query.maximumThreadCount = 1000 }
        if fault == .ignoresTheNumber { query.policy.maximumEventsPerThread = nil }
        if fault == .ignoresTheAge { query.policy.maximumAge = nil }
        if fault == .ignoresTheByteCount { query.policy.maximumByteCount = nil }
        if fault == .namesTheHeadOfAll { query.policy.maximumEventsPerThread = 1 }
        var step = try await log.expired(query)
        switch fault {
        case .neverComesToAnEnd:
            step.isLast = false
        case .namesAThreadTwice:
            step.trims += step.trims.prefix(1)
        case .namesOneEventTooMany:
            step.trims = step.trims.map { ThreadTrim(thread: $0.thread, firstKept: $0.firstKept + 1) }
        case .namesOneEventTooFew:
            step.trims = step.trims.map { ThreadTrim(thread: $0.thread, firstKept: $0.firstKept - 1) }
        case .trimsWhenAsked:
            try await log.trim(step.trims)
        case .forgetsWhatItNamed:
            step.trims = named.withLock { named in step.trims.filter { named.insert($0).inserted } }
        default:
            break
        }
        return step
    }

    func trim(_ trims: [ThreadTrim]) async throws(EventLogError) {
        if hides { return try await hide(trims) }
        switch fault {
        case .trimsNothing:
            break
        case .trimsOneTooMany:
            try await log.trim(trims.map { ThreadTrim(thread: $0.thread, firstKept: $0.firstKept + 1) })
        default:
            try await log.trim(trims)
        }
    }

    private func hide(_ trims: [ThreadTrim]) async throws(EventLogError) {
        for trim in trims {
            guard let record = try await log.thread(trim.thread) else { continue }
            var firstKept = min(trim.firstKept, record.head.sequence + 1)
            if fault != .trimsOpenRuns { firstKept = min(firstKept, record.firstOpenSequence ?? .max) }
            if fault != .takesTrimsBack { firstKept = max(firstKept, oldest(of: trim.thread)) }
            trimmed.withLock { $0[trim.thread] = max(1, firstKept) }
        }
    }
}
