import AgentEvents
import AgentEventsProtocol
import Logging
import Synchronization

/// Keeps the cards of a log up to date: a reader of all threads that has no queue but a bounded inbox, and one task.
///
/// The cards that have changed are in memory until there are many, or somebody asks for a list: whoever asks gets what was
/// committed before. After a crash they are made again from the log.
final class ThreadDirectory: CommitObserver {
    /// The cards that have changed and are not saved at most, before they are.
    private static let maximumChangedCount = 1024
    /// The events after which they are saved.
    private static let maximumEventCount = 8192
    /// The cards in memory.
    private static let maximumKnownCount = 8192
    /// The longest time for which somebody who asks waits while much of the log is still to be read.
    private static let patience: Duration = .seconds(2)
    /// The pause after the log could not be read or written.
    private static let pause: Duration = .seconds(1)

    let log: any ListingEventLog
    private let environment: Environment
    private let logger: Logger
    private let signal = WakeSignal()
    private let state = Mutex(State())

    private struct State {
        var inbox = DirectoryInboxStateMachine()
        var waiters: [Waiter] = []
        var isFinished = false
    }

    private struct Waiter {
        /// The number of commits whose changes are to be saved.
        let commitCount: UInt64
        let deadline: Duration
        let continuation: CheckedContinuation<ProtocolError?, Never>
    }

    /// What the one task knows.
    private struct Work {
        var known: [ThreadID: ThreadSummary] = [:]
        var changed: Set<ThreadID> = []
        /// Everything before it is in the cards, or in those that have changed.
        var place: UInt64 = 0
        var savedPlace: UInt64 = 0
        /// The events since the place was saved.
        var eventCount = 0
        var hasBegun = false
        var mustRead = true
    }

    init(log: any ListingEventLog, environment: Environment, logger: Logger) {
        self.log = log
        self.environment = environment
        self.logger = logger
    }

    // MARK: Commits

    func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        let wakes = state.withLock { $0.inbox.committed(commit.entries) }
        if wakes { signal.signal() }
    }

    func didAdvance(_ threads: [AdvancedThread]) {
        state.withLock { $0.inbox.advanced() }
        signal.signal()
    }

    // MARK: Asking

    /// Returns when the log's cards tell of everything that was committed before.
    ///
    /// - Throws: ``ProtocolError``: `threads.behind` while much of the log is still to be read; `server.stopping`; or why the log
    ///   cannot be read or written.
    func catchUp() async throws(ProtocolError) {
        let error = await withCheckedContinuation { (continuation: CheckedContinuation<ProtocolError?, Never>) in
            let isFinished = state.withLock { state in
                if state.isFinished { return true }
                state.waiters.append(
                    Waiter(
                        commitCount: state.inbox.commitCount, deadline: environment.monotonicNow() + Self.patience,
                        continuation: continuation))
                return false
            }
            if isFinished { continuation.resume(returning: .stopping()) } else { signal.signal() }
        }
        if let error { throw error }
    }

    private func answer(_ error: ProtocolError? = nil, where isAnswered: (Waiter) -> Bool) {
        let waiters = state.withLock { state in
            let waiters = state.waiters.filter(isAnswered)
            state.waiters.removeAll(where: isAnswered)
            return waiters
        }
        for waiter in waiters { waiter.continuation.resume(returning: error) }
    }

    private func answerImpatient() {
        let now = environment.monotonicNow()
        answer(.threadsBehind) { $0.deadline <= now }
    }

    // MARK: Working

    /// Follows the log until ``finish()``.
    func run() async {
        var work = Work()
        while true {
            do throws(EventLogError) {
                if !work.hasBegun { try await begin(&work) }
                if work.mustRead { try await read(&work) }
                work.mustRead = try await !follow(&work)
            } catch {
                // What was not saved is made again.
                work.mustRead = true
                logger.info("list of threads behind", metadata: ["error.message": "\(error)"])
                answer(ProtocolError(error, threadID: nil)) { _ in true }
                try? await environment.sleep(Self.pause)
            }
            if work.mustRead, !isFinished, !Task.isCancelled { continue }
            guard await signal.wait() else { break }
        }
        // Where it fails, the next start makes it again.
        if !work.mustRead { _ = try? await follow(&work, savesAll: true) }
        state.withLock { $0.isFinished = true }
        answer(.stopping()) { _ in true }
    }

    private var isFinished: Bool { state.withLock { $0.isFinished } }

    /// Nothing more is asked for: what has changed is saved, and ``run()`` returns.
    func finish() {
        state.withLock { $0.isFinished = true }
        signal.finish()
    }

    private func begin(_ work: inout Work) async throws(EventLogError) {
        let place = try await log.listing().savedThrough
        (work.place, work.savedPlace, work.hasBegun) = (place, place, true)
    }

    /// Reads the log to its end, from the last place.
    private func read(_ work: inout Work) async throws(EventLogError) {
        state.withLock { $0.inbox.beginReading() }
        while true {
            let page = try await log.read(LogRead(.all(afterOffset: work.place)))
            work.eventCount += page.events.count
            try await fold(page.events, &work)
            work.place = max(work.place, page.nextOffset)
            try await saveIfMany(&work)
            if page.reachesEnd { return }
            answerImpatient()
            if isFinished { return }
        }
    }

    /// Takes what has come.
    ///
    /// - Parameter savesAll: whether all is saved, though nobody asks for it.
    /// - Returns: `false` when the log has to be read.
    private func follow(_ work: inout Work, savesAll: Bool = false) async throws(EventLogError) -> Bool {
        if work.eventCount >= Self.maximumEventCount / 2, state.withLock({ $0.inbox.wantsEnd }) {
            let end = try await log.listing().end
            state.withLock { $0.inbox.found(end: end) }
        }
        let batch = state.withLock { $0.inbox.take() }
        guard !batch.isLost else { return false }
        work.eventCount += batch.passedCount
        try await fold(batch.entries, &work)
        if let place = batch.place { work.place = max(work.place, place) }
        if savesAll || state.withLock({ !$0.waiters.isEmpty }) {
            try await save(&work)
            answer { $0.commitCount <= batch.commitCount }
        }
        try await saveIfMany(&work)
        return true
    }

    private func saveIfMany(_ work: inout Work) async throws(EventLogError) {
        guard work.changed.count >= Self.maximumChangedCount || work.eventCount >= Self.maximumEventCount else {
            return
        }
        try await save(&work)
    }

    private func save(_ work: inout Work) async throws(EventLogError) {
        guard !work.changed.isEmpty || work.place > work.savedPlace else { return }
        try await log.saveCards(work.changed.compactMap { work.known[$0]?.card }, through: work.place)
        if work.place > work.savedPlace { work.eventCount = 0 }
        work.savedPlace = work.place
        work.changed = []
        if work.known.count > Self.maximumKnownCount { work.known = [:] }
    }

    // MARK: Folding

    private func fold(_ entries: [LogEntry], _ work: inout Work) async throws(EventLogError) {
        try await load(Set(entries.map(\.owner.thread)), &work)
        for entry in entries { try fold(entry.owner, entry.id.sequence, entry.type, entry.bytes, &work) }
    }

    private func fold(_ events: [StoredEvent], _ work: inout Work) async throws(EventLogError) {
        let counting = events.compactMap { event in
            EventGlance.type(of: event.bytes).flatMap { ThreadSummary.counts($0) ? (event, $0) : nil }
        }
        try await load(Set(counting.map(\.0.thread)), &work)
        var owners: [ThreadID: ThreadOwner] = [:]
        for (event, type) in counting {
            if owners[event.thread] == nil {
                let known = work.known[event.thread]?.user
                let user = if let known { known } else { try await log.thread(event.thread)?.user }
                // Without a record it was deleted since.
                guard let user else { continue }
                owners[event.thread] = ThreadOwner(thread: event.thread, user: user)
            }
            guard let owner = owners[event.thread] else { continue }
            try fold(owner, event.id.sequence, type, event.bytes, &work)
        }
    }

    private func load(_ threads: Set<ThreadID>, _ work: inout Work) async throws(EventLogError) {
        let unknown = threads.filter { work.known[$0] == nil }
        guard !unknown.isEmpty else { return }
        for card in try await log.cards(of: Array(unknown)) {
            // One that cannot be read was written by another version: it begins again.
            work.known[card.thread] = ThreadSummary(card)
        }
    }

    private func fold(
        _ owner: ThreadOwner,
        _ sequence: UInt64,
        _ type: EventType,
        _ bytes: [UInt8],
        _ work: inout Work
    ) throws(EventLogError) {
        let thread = owner.thread
        let event =
            ThreadSummary.readsData(of: type)
            ? try StoredEvent(thread: thread, id: EventID(generation: 0, sequence: sequence), bytes: bytes).decoded()
            : nil
        guard let time = event?.time ?? EventGlance.time(of: bytes) else { return }
        var summary = work.known[thread] ?? ThreadSummary(thread: thread, user: owner.user, updatedAt: time)
        work.known[thread] = nil
        if summary.apply(sequence, at: time, event) { work.changed.insert(thread) }
        work.known[thread] = summary
    }
}

extension ProtocolError {
    fileprivate static let threadsBehind = ProtocolError(
        .threadsBehind, "the list of threads is being made from what the log has: try again soon", isRetryable: true,
        retryAfterMilliseconds: 1000)
}
