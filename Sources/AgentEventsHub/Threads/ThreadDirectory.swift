import AgentEvents
import AgentEventsProtocol
import Logging
import Synchronization

/// Keeps the cards of a log up to date: a reader of all threads that has no queue but a bounded inbox, and one task.
///
/// The cards that have changed are in memory until there are many, or somebody asks for a list: whoever asks gets what was
/// committed before. After a crash they are made again from the log.
///
/// Where nobody asks it does nothing, and a commit costs one look at a flag. **Why nothing is missed then:** a commit is in the log
/// before it is told of here, and the log is read after the flag was set. Either the reader takes the log's lock after the
/// writer and finds the commit, or before it, and then the writer sees the flag.
final class ThreadDirectory: CommitObserver {
    /// The cards that have changed and are not saved at most, before they are.
    private static let maximumChangedCount = 1024
    /// The events after which they are saved.
    private static let maximumEventCount = 8192
    /// The cards in memory.
    private static let maximumKnownCount = 8192
    /// The events after which it rests when nobody has asked.
    private static let maximumUnaskedCount = 100_000
    /// The longest time for which somebody who asks waits while much of the log is still to be read.
    private static let patience: Duration = .seconds(2)
    /// The pause after the log could not be read or written.
    private static let pause: Duration = .seconds(1)

    let log: any ListingEventLog
    private let environment: Environment
    private let logger: Logger
    private let signal = WakeSignal()
    /// Whether commits are collected.
    private let isCollecting = Atomic(false)
    private let state = Mutex(State())

    private struct State {
        var inbox = DirectoryInboxStateMachine(isDormant: true)
        var waiters: [Waiter] = []
        var nextWaiter: UInt64 = 0
        var watchers = ListWatchers()
        /// Whether a list was asked for since the events that nobody asks for were counted.
        var wasAsked = false
        var isFinished = false
    }

    private struct Waiter {
        let number: UInt64
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
        /// The events since a list was asked for.
        var unaskedCount = 0
        /// The threads whose cards have changed since those who watch were told, in the order in which they did.
        var news: [ThreadOwner] = []
        var threadsWithNews: Set<ThreadID> = []
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
        guard isCollecting.load(ordering: .acquiring) else { return }
        let wakes = state.withLock { state in
            let isWorthwhile = state.inbox.committed(commit.entries)
            return isWorthwhile || !state.watchers.isEmpty && state.inbox.hasEntries
        }
        if wakes { signal.signal() }
    }

    func didAdvance(_ threads: [AdvancedThread]) {
        guard isCollecting.load(ordering: .acquiring) else { return }
        state.withLock { $0.inbox.advanced() }
        signal.signal()
    }

    // MARK: Asking

    /// Returns when the log's cards tell of everything that was committed before.
    ///
    /// - Throws: ``ProtocolError``: `threads.behind` while much of the log is still to be read; `server.stopping`; or why the log
    ///   cannot be read or written.
    func catchUp() async throws(ProtocolError) {
        let number = state.withLock { state in
            defer { state.nextWaiter += 1 }
            return state.nextWaiter
        }
        let error = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<ProtocolError?, Never>) in
                let isFinished = state.withLock { state in
                    // A cancellation that came before finds nobody.
                    if state.isFinished || Task.isCancelled { return true }
                    ask(&state)
                    state.waiters.append(
                        Waiter(
                            number: number, commitCount: state.inbox.commitCount,
                            deadline: environment.monotonicNow() + Self.patience, continuation: continuation))
                    return false
                }
                if isFinished { continuation.resume(returning: .stopping()) } else { signal.signal() }
            }
        } onCancel: {
            answer(.stopping()) { $0.number == number }
        }
        if let error { throw error }
    }

    /// Returns when the cards tell of everything that was committed before, or cannot: events are about to be trimmed.
    func readAll() async {
        while true {
            do throws(ProtocolError) {
                return try await catchUp()
            } catch {
                guard error.code == .threadsBehind, !Task.isCancelled else { return }
            }
        }
    }

    private func ask(_ state: inout State) {
        state.wasAsked = true
        state.inbox.asked()
        isCollecting.store(true, ordering: .releasing)
    }

    // MARK: Watching

    /// From now on somebody is told when a card changes that is listed for one of the readers.
    func watch(_ readers: [CardReader], _ tell: @escaping @Sendable () -> Void) -> ListWatchers.Name {
        let name = state.withLock { state in
            ask(&state)
            return state.watchers.add(readers, tell)
        }
        signal.signal()
        return name
    }

    func stopWatching(_ name: ListWatchers.Name) { state.withLock { $0.watchers.remove(name) } }

    /// - Returns: whether there is more to look at already.
    func arm(_ name: ListWatchers.Name) -> Bool { state.withLock { $0.watchers.arm(name) } }

    /// Cards have gone, or may be read by others.
    func listsChanged() {
        for tell in state.withLock({ $0.watchers.allChanged() }) { tell() }
    }

    private func tellNews(_ work: inout Work) async throws(EventLogError) {
        let (isWatched, wantsMembers) = state.withLock { (!$0.watchers.isEmpty, $0.watchers.wantsMembers) }
        if isWatched {
            for owner in work.news {
                let members = wantsMembers ? try await log.loadAll(.member, thread: owner.thread).map(\.name) : []
                for tell in state.withLock({ $0.watchers.changed(owner, members: members) }) { tell() }
            }
        }
        work.news = []
        work.threadsWithNews = []
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
            if state.withLock({ $0.inbox.isDormant }) {
                guard await signal.wait() else { break }
                continue
            }
            do throws(EventLogError) {
                if !work.hasBegun { try await begin(&work) }
                if work.mustRead { try await read(&work) }
                work.mustRead = try await !follow(&work)
                if !work.mustRead, try await rests(&work) { continue }
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
        if !work.mustRead, !state.withLock({ $0.inbox.isDormant }) { _ = try? await follow(&work, savesAll: true) }
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
            work.unaskedCount += page.events.count
            try await fold(page.events, &work)
            work.place = max(work.place, page.nextOffset)
            try await saveIfMany(&work)
            try await tellNews(&work)
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
        work.unaskedCount += batch.passedCount
        try await fold(batch.entries, &work)
        if let place = batch.place { work.place = max(work.place, place) }
        if savesAll || state.withLock({ !$0.waiters.isEmpty }) {
            try await save(&work)
            answer { $0.commitCount <= batch.commitCount }
        }
        try await saveIfMany(&work)
        try await tellNews(&work)
        return true
    }

    /// Rests when nobody has asked for long, with everything saved.
    private func rests(_ work: inout Work) async throws(EventLogError) -> Bool {
        let wasAsked = state.withLock { state in
            defer { state.wasAsked = false }
            return state.wasAsked || !state.watchers.isEmpty
        }
        if wasAsked { work.unaskedCount = 0 }
        guard work.unaskedCount >= Self.maximumUnaskedCount else { return false }
        try await save(&work)
        let isResting = state.withLock { state in
            guard !state.wasAsked, state.watchers.isEmpty, state.waiters.isEmpty else { return false }
            state.inbox.rest()
            isCollecting.store(false, ordering: .releasing)
            return true
        }
        if isResting {
            // It continues in the log at this place.
            let place = work.place
            work = Work()
            (work.place, work.savedPlace, work.hasBegun) = (place, place, true)
        }
        return isResting
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
                try await forgetTrimmedRuns(before: event, &work)
            }
            guard let owner = owners[event.thread] else { continue }
            try fold(owner, event.id.sequence, type, event.bytes, &work)
        }
    }

    /// The ends of runs may have been trimmed before they were looked at: only those that are open are kept of a card that is
    /// older than what the log has.
    private func forgetTrimmedRuns(before event: StoredEvent, _ work: inout Work) async throws(EventLogError) {
        guard let known = work.known[event.thread], !known.openRuns.isEmpty,
            event.id.sequence > known.sequence + 1, let record = try await log.thread(event.thread),
            record.oldest.sequence > known.sequence + 1
        else { return }
        let open = Set(record.openRuns.map(\.run))
        work.known[event.thread]?.openRuns = known.openRuns.filter { open.contains($0.key) }
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
        if summary.apply(sequence, at: time, event) {
            work.changed.insert(thread)
            if work.threadsWithNews.insert(thread).inserted { work.news.append(owner) }
        }
        work.known[thread] = summary
    }
}

extension ProtocolError {
    fileprivate static let threadsBehind = ProtocolError(
        .threadsBehind, "the list of threads is being made from what the log has: try again soon", isRetryable: true,
        retryAfterMilliseconds: 1000)
}
