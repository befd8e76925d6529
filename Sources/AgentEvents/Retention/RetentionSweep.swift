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
    private let state = Mutex(RetentionState())

    /// How a sweep went that was not broken off.
    private struct Outcome {
        /// Whether everything was gone through; not when the task was cancelled.
        var isWhole = false
        /// Why a state could not be kept.
        var damage: EventLogError?
    }

    /// - Returns: `nil` when the policy keeps everything.
    /// - Throws: ``AgentEventsError`` `retention.unsupported` when the log cannot be trimmed.
    init?(_ log: any EventLog, _ configuration: RuntimeConfiguration) throws(AgentEventsError) {
        guard !configuration.retention.keepsEverything else { return nil }
        guard let trimmable = log as? any TrimmableLog else {
            throw AgentEventsError(
                .retentionUnsupported, "the log keeps everything: use one that is a TrimmableLog, or no retention")
        }
        self.log = trimmable
        store = log as? any StateStore
        policy = configuration.retention
        interval = .seconds(configuration.retentionSeconds)
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
            for trim in step.trims {
                guard let damage = try await keepState(before: trim) else { continue }
                outcome.damage = outcome.damage ?? damage
            }
            if !step.trims.isEmpty { try await log.trim(step.trims) }
            state.withLock { $0.trimCount += step.trims.count }
            if step.isLast {
                outcome.isWhole = true
                return outcome
            }
            previous = step.trims
            await Task.yield()
        }
        return outcome
    }

    /// Saves the state of a thread as of its last event that is about to go. A state that cannot be had holds up nothing:
    /// the log would grow for ever.
    ///
    /// - Returns: why the state cannot be had.
    private func keepState(before trim: ThreadTrim) async throws(EventLogError) -> EventLogError? {
        guard let store, let record = try await log.thread(trim.thread) else { return nil }
        let last = min(trim.firstKept - 1, record.head.sequence)
        guard last >= record.oldest.sequence else { return nil }
        let values: [StoredValue]
        do {
            guard let snapshot = try await snapshot(of: trim.thread, record: record, at: last, store) else {
                return nil
            }
            values = try snapshot.stored(for: trim.thread, in: .trimmed)
        } catch let error as EventLogError where error.code != .tooLarge {
            throw error
        } catch {
            // One that would not lead on to what is kept must not stay.
            try await store.save(ThreadSnapshot.removal(of: .trimmed, for: trim.thread))
            state.withLock { $0.droppedSnapshotCount += 1 }
            if case EventLogError.Code.tooLarge = error { return nil }
            return EventLogError(
                .corrupt, "the state of thread \(trim.thread) up to \(last) cannot be read: \(error)", cause: error)
        }
        try await store.save(values)
        return nil
    }

    /// The fold of a thread up to a sequence, from the newest stored snapshot on.
    private func snapshot(
        of thread: ThreadID,
        record: ThreadRecord,
        at last: UInt64,
        _ store: any StateStore
    ) async throws -> ThreadSnapshot? {
        let base = try await ThreadSnapshot.newest(of: thread, record: record, upTo: last, in: log, store)
        var state = base?.state ?? ThreadState()
        var after = base?.cursor.sequence ?? record.oldest.sequence - 1
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
