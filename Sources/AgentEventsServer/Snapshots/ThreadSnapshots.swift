import AgentEvents
import Logging
import Synchronization

/// The states of threads as of now. A state is stored now and then, so that the next one is worked out from a bounded
/// tail of the thread, however long the thread is.
final class ThreadSnapshots: Sendable {
    private enum Turn: Sendable {
        case lead
        case take(Result<ThreadState, EventLogError>)
    }

    private struct Shared {
        var flights = SnapshotFlights<CheckedContinuation<Turn, Never>>()
        /// The latest folds, the last used at the end.
        var folds: [(thread: ThreadID, fold: ThreadFold)] = []
    }

    private let log: any EventLog
    private let store: (any StateStore)?
    private let eventsPerStoredState: Int
    private let maximumFolds: Int
    private let logger: Logger
    private let shared = Mutex(Shared())

    /// - Parameters:
    ///   - store: where states are stored; `nil` for nowhere.
    ///   - eventsPerStoredState: a state is stored when more events than this were read for it.
    ///   - maximumFolds: how many states are kept in memory.
    init(
        log: any EventLog,
        store: (any StateStore)?,
        eventsPerStoredState: Int = 1000,
        maximumFolds: Int = 16,
        logger: Logger
    ) {
        self.log = log
        self.store = store
        self.eventsPerStoredState = eventsPerStoredState
        self.maximumFolds = maximumFolds
        self.logger = logger
    }

    /// The state of a thread after everything that was committed before the call.
    func state(of thread: ThreadID) async throws(EventLogError) -> ThreadState {
        var turn = Turn.lead
        if case .wait = shared.withLock({ $0.flights.join(thread, waiter: nil) }) {
            turn = await withCheckedContinuation { continuation in
                let action = shared.withLock { $0.flights.join(thread, waiter: continuation) }
                if case .lead = action { continuation.resume(returning: .lead) }
            }
        }
        switch turn {
        case .take(let result): return try result.get()
        case .lead: return try await lead(thread)
        }
    }

    private func lead(_ thread: ThreadID) async throws(EventLogError) -> ThreadState {
        let fold: ThreadFold
        do throws(EventLogError) {
            fold = try await advanced(thread)
        } catch {
            land(thread, .failure(error), nil)
            throw error
        }
        // Before others go on, so that the next leader neither reads nor stores the same again.
        let kept = await stored(fold, of: thread)
        land(thread, .success(fold.state), kept)
        return fold.state
    }

    private func land(_ thread: ThreadID, _ result: Result<ThreadState, EventLogError>, _ fold: ThreadFold?) {
        let landing = shared.withLock { shared in
            shared.folds.removeAll { $0.thread == thread }
            if let fold, fold.state.cursor != nil { shared.folds.append((thread, fold)) }
            if shared.folds.count > maximumFolds { shared.folds.removeFirst() }
            return shared.flights.land(thread)
        }
        for member in landing.members { member.resume(returning: .take(result)) }
        landing.leader?.resume(returning: .lead)
    }

    private func advanced(_ thread: ThreadID) async throws(EventLogError) -> ThreadFold {
        var fold: ThreadFold
        if let known = shared.withLock({ $0.folds.last { $0.thread == thread }?.fold }) {
            fold = known
        } else {
            fold = try await load(thread).map { ThreadFold(stored: $0) } ?? ThreadFold()
        }
        try await fold.advance(thread, in: log)
        return fold
    }

    // MARK: The store

    /// The newest stored state that is one of the thread's history, also when what it stands for was trimmed.
    private func load(_ thread: ThreadID) async throws(EventLogError) -> ThreadState? {
        guard let store, let record = try await log.thread(thread) else { return nil }
        return try await ThreadSnapshot.newest(of: thread, record: record, in: log, store)?.state
    }

    private func stored(_ fold: ThreadFold, of thread: ThreadID) async -> ThreadFold {
        guard let store, fold.unstoredCount > eventsPerStoredState, let snapshot = ThreadSnapshot(fold.state) else {
            return fold
        }
        var fold = fold
        let value = snapshot.stored(for: thread, in: .latest)
        do throws(EventLogError) {
            try await store.save([value])
            fold.wasStored()
        } catch {
            // Nothing is lost but time.
            logger.info("state not stored", metadata: ["thread.id": "\(thread)", "error.code": "\(error.code)"])
        }
        return fold
    }
}
