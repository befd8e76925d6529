import Synchronization

/// Trims a log by a policy, again and again: a part of what is due at a time, the state of each thread saved before its
/// events go.
final class RetentionSweep: Sendable {
    private let log: any TrimmableLog
    private let store: (any StateStore)?
    private let policy: RetentionPolicy
    private let interval: Duration
    private let clock: any Clock<Duration>
    private let wallClock: WallClock
    /// Is told of whom events were trimmed.
    private let storage: StorageUse?
    /// Called before events are trimmed: reads of them what has to outlive them.
    private let willTrim: @Sendable () async -> Void
    private let state = Mutex(RetentionState())

    /// The outcome of a sweep that no error ended.
    private struct Outcome {
        /// Whether everything was gone through; not when the task was cancelled.
        var isWhole = false
        /// Why a state could not be kept.
        var damage: EventLogError?
    }

    /// - Returns: `nil` when the policy keeps everything.
    /// - Throws: ``AgentEventsError`` `retention.unsupported` when the log cannot be trimmed.
    init?(
        _ log: any EventLog,
        _ configuration: RuntimeConfiguration,
        _ storage: StorageUse? = nil,
        willTrim: @escaping @Sendable () async -> Void = {}
    ) throws(AgentEventsError) {
        guard !configuration.retention.keepsEverything else { return nil }
        guard let trimmable = log as? any TrimmableLog else {
            throw AgentEventsError(
                .retentionUnsupported, "the log keeps everything: use one that is a TrimmableLog, or no retention")
        }
        self.log = trimmable
        self.storage = storage
        self.willTrim = willTrim
        store = log as? any StateStore
        policy = configuration.retention
        interval = configuration.retentionInterval
        clock = configuration.durationClock
        wallClock = configuration.clock
    }

    var retentionState: RetentionState { state.withLock { $0 } }

    /// Sweeps until the task is cancelled; the first time at once.
    func run() async {
        while !Task.isCancelled {
            do throws(EventLogError) {
                let outcome = try await sweep()
                state.withLock { state in
                    state.failure = outcome.damage
                    if outcome.isWhole { state.sweepCount += 1 }
                }
            } catch {
                state.withLock { $0.failure = error }
            }
            // Cancelled at the end of the runtime; then nothing is left to do.
            try? await clock.sleep(for: interval)
        }
    }

    private func sweep() async throws(EventLogError) -> Outcome {
        var previous: [ThreadTrim] = []
        var outcome = Outcome()
        while !Task.isCancelled {
            let step = try await log.expired(RetentionQuery(policy: policy, now: wallClock.now()))
            guard step.trims.isEmpty || step.trims != previous else {
                throw EventLogError(.failed, "the log names what was just trimmed as due")
            }
            if let damage = try await trim(step.trims) { outcome.damage = outcome.damage ?? damage }
            if step.isLast {
                outcome.isWhole = true
                return outcome
            }
            previous = step.trims
            await Task.yield()
        }
        return outcome
    }

    /// - Returns: why a state could not be kept.
    private func trim(_ trims: [ThreadTrim]) async throws(EventLogError) -> EventLogError? {
        guard !trims.isEmpty else { return nil }
        await willTrim()
        var damage: EventLogError?
        var dropped: [ThreadTrim] = []
        for trim in trims {
            switch try await keepState(before: trim) {
            case .done: break
            case .dropped: dropped.append(trim)
            case .unreadable(let error):
                damage = damage ?? error
                dropped.append(trim)
            }
        }
        var users: Set<UserID> = []
        if storage != nil {
            for trim in trims {
                if let user = try await log.thread(trim.thread)?.user { users.insert(user) }
            }
        }
        try await log.trim(trims)
        for user in users { storage?.didRemove(of: user) }
        // Those that do not lead on to what is kept must not stay; only now that the events are gone.
        for trim in dropped {
            for place in [ThreadSnapshot.Place.trimmed, .trimmedInTurn] {
                try await store?.save(ThreadSnapshot.removal(of: place, for: trim.thread))
            }
        }
        state.withLock { state in
            state.trimCount += trims.count
            state.droppedSnapshotCount += dropped.count
        }
        return damage
    }

    private enum Keeping {
        /// Saved, or there is nothing to be saved.
        case done
        /// Cannot be saved.
        case dropped
        /// An event cannot be decoded. It goes all the same, or the log would grow for ever.
        case unreadable(EventLogError)
    }

    /// Saves the state of a thread as of its last event that is about to go. The one before stays until it has gone.
    private func keepState(before trim: ThreadTrim) async throws(EventLogError) -> Keeping {
        guard let store, let record = try await log.thread(trim.thread) else { return .done }
        let last = min(trim.firstKept - 1, record.head.sequence)
        guard last >= record.oldest.sequence else { return .done }
        let base = try await ThreadSnapshot.newest(of: trim.thread, record: record, upTo: last, in: log, store)
        // Without it, the fold would say nothing of what went before.
        guard base != nil || record.oldest.sequence == 1 else { return .dropped }
        let snapshot: ThreadSnapshot?
        do {
            snapshot = try await fold(trim.thread, from: base, through: last)
        } catch let error as EventLogError {
            throw error
        } catch {
            return .unreadable(
                EventLogError(
                    .corrupt, "the state of thread \(trim.thread) up to \(last) cannot be read: \(error)", cause: error)
            )
        }
        guard let snapshot else { return .done }
        let known = try await ThreadSnapshot.load(.trimmed, of: trim.thread, from: store)
        let place: ThreadSnapshot.Place = known?.leadsOn(to: record) == true ? .trimmedInTurn : .trimmed
        do throws(EventLogError) {
            try await store.save(try snapshot.stored(for: trim.thread, in: place))
        } catch {
            guard error.code == .tooLarge else { throw error }
            return .dropped
        }
        return .done
    }

    /// The state of a thread up to a sequence.
    private func fold(
        _ thread: ThreadID,
        from base: ThreadSnapshot?,
        through last: UInt64
    ) async throws -> ThreadSnapshot? {
        var state = base?.state ?? ThreadState()
        var after = base?.cursor.sequence ?? 0
        while after < last {
            let count = Int(clamping: min(1000, last - after))
            let page = try await log.read(LogRead(.thread(thread, after: after), maximumCount: count))
            guard let end = page.events.last, end.id.sequence <= last else { break }
            for stored in page.events { state.apply(try EventDecoder.decode(stored.bytes)) }
            after = end.id.sequence
        }
        return ThreadSnapshot(state)
    }
}

/// Counts of the trimming of a runtime's log, and its last error.
public struct RetentionState: Sendable {
    /// The number of times that everything due has been gone through.
    public var sweepCount = 0
    /// The number of trims of a thread.
    public var trimCount = 0
    /// The number of trims of a thread without its state: the state exceeded the limit of what is stored, that of events
    /// trimmed before is not known, or an event could not be read, which ``failure`` tells then.
    public var droppedSnapshotCount = 0
    /// The error of the last sweep; `nil` when there was none. A sweep that could not continue is tried again.
    public var failure: (any Error)?

    public init() {}
}
