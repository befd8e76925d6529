import AgentEvents
import AgentEventsProtocol
import Logging
import Synchronization

/// The states of threads as of now. A state is stored now and then, so that the next one is worked out from a bounded
/// tail of the thread, however long the thread is.
final class ThreadSnapshots: Sendable {
    private let log: any EventLog
    private let store: (any StateStore)?
    private let eventsPerStoredState: Int
    private let maximumFolds: Int
    private let logger: Logger
    private let turns = SharedComputations<ThreadState>()
    /// The latest folds, the last used at the end.
    private let folds = Mutex<[(thread: ThreadID, fold: ThreadFold)]>([])
    /// The latest messages, as long as some client has yet to get them.
    private let latestMessages = Mutex<[LatestMessages]>([])

    private struct LatestMessages {
        let thread: ThreadID
        let framing: StreamFraming
        weak var messages: SnapshotMessages?

        func belong(to thread: ThreadID, _ framing: StreamFraming) -> Bool {
            self.thread == thread && self.framing == framing
        }
    }

    /// - Parameters:
    ///   - store: where states are stored; `nil` for nowhere.
    ///   - eventsPerStoredState: a state is stored when more events than this were read for it.
    ///   - maximumFolds: how many states are kept in memory.
    init(
        log: any EventLog,
        store: (any StateStore)?,
        eventsPerStoredState: Int = ThreadFold.eventsPerStoredState,
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
        try await turns.value(of: thread) { () async throws(EventLogError) in
            var fold: ThreadFold
            if let kept = takeFold(of: thread) {
                fold = kept
            } else {
                fold = try await ThreadFold(loading: thread, from: log, store)
            }
            // The retention has overtaken it; each time again takes another trim.
            while try await fold.advance(thread, in: log) == .overtaken {
                fold = try await ThreadFold(loading: thread, from: log, store)
            }
            // Before others continue, so that the next computation neither reads nor stores the same again.
            keep(await stored(fold, of: thread), of: thread)
            return fold.state
        }
    }

    /// The state of a thread as of everything after an event, for those from whom the events up to it are hidden: of what is
    /// hidden, nothing is in it. It is worked out for each call.
    ///
    /// - Parameter hidden: the number of that event; 0 for none.
    func state(of thread: ThreadID, hiddenUpTo hidden: UInt64) async throws(EventLogError) -> ThreadState {
        guard hidden > 0 else { return try await state(of: thread) }
        var fold = ThreadFold(after: hidden)
        // The retention has overtaken it; each time again takes another trim.
        while try await fold.advance(thread, in: log) == .overtaken {
            let oldest = try await log.thread(thread)?.oldest.sequence ?? 1
            fold = ThreadFold(after: max(hidden, oldest - 1))
        }
        return fold.state
    }

    /// The state of a thread as it was after an event: the nearest stored state before it, and the events from there on. It is
    /// worked out for each call.
    ///
    /// - Parameters:
    ///   - hidden: the number of the last event that is hidden; 0 for none.
    ///   - end: the number of the event, which the thread has.
    /// - Throws: ``ProtocolError`` `state.too_far` for more than ``maximumTailCount`` events; `cursor.trimmed` when it was trimmed
    ///   meanwhile; why the log cannot be read.
    func state(
        of thread: ThreadID,
        hiddenUpTo hidden: UInt64,
        upTo end: UInt64
    ) async throws(ProtocolError) -> ThreadState {
        var fold: ThreadFold
        do throws(EventLogError) {
            fold =
                hidden > 0
                ? ThreadFold(after: hidden) : try await ThreadFold(loading: thread, from: log, store, upTo: end)
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
        // What the fold begins after may be beyond the event when the retention has come in between.
        guard fold.position <= end else { throw .cursorTrimmed(in: thread) }
        guard end - fold.position <= Self.maximumTailCount else {
            throw ProtocolError(
                .stateTooFar,
                "the state as of this event would take the \(end - fold.position) events before it, and at most "
                    + "\(Self.maximumTailCount) are read: read the events, and fold them",
                threadID: thread)
        }
        do throws(EventLogError) {
            guard try await fold.advance(thread, in: log, upTo: end) == .overtaken else { return fold.state }
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
        throw .cursorTrimmed(in: thread)
    }

    /// The most events that are read for a state as of an event.
    static let maximumTailCount: UInt64 = 100_000

    /// The state of a thread after everything that was committed before the call, as clients get it. Those who get the
    /// same state at the same time share it.
    func messages(
        of thread: ThreadID,
        hiddenUpTo hidden: UInt64 = 0,
        framing: StreamFraming
    ) async throws(EventLogError) -> SnapshotMessages {
        if hidden > 0 {
            return SnapshotMessages(try await state(of: thread, hiddenUpTo: hidden), of: thread, framing: framing)
        }
        let state = try await state(of: thread)
        let shared = latestMessages.withLock { kept in
            kept.last { $0.belong(to: thread, framing) }?.messages
        }
        if let shared, shared.cursor == state.cursor { return shared }
        let made = SnapshotMessages(state, of: thread, framing: framing)
        latestMessages.withLock { kept in
            kept.removeAll { $0.belong(to: thread, framing) || $0.messages == nil }
            kept.append(LatestMessages(thread: thread, framing: framing, messages: made))
            if kept.count > maximumFolds { kept.removeFirst() }
        }
        return made
    }

    /// Taken out: one that cannot be advanced is not kept.
    private func takeFold(of thread: ThreadID) -> ThreadFold? {
        folds.withLock { folds in
            folds.lastIndex { $0.thread == thread }.map { folds.remove(at: $0).fold }
        }
    }

    private func keep(_ fold: ThreadFold, of thread: ThreadID) {
        guard fold.state.cursor != nil else { return }
        folds.withLock { folds in
            folds.append((thread, fold))
            if folds.count > maximumFolds { folds.removeFirst() }
        }
    }

    // MARK: The store

    private func stored(_ fold: ThreadFold, of thread: ThreadID) async -> ThreadFold {
        guard let store, fold.unstoredCount > eventsPerStoredState, let snapshot = ThreadSnapshot(fold.state) else {
            return fold
        }
        var fold = fold
        do throws(EventLogError) {
            try await store.save(try snapshot.stored(for: thread, in: .latest))
            fold.wasStored()
        } catch {
            // Nothing is lost but time.
            logger.info("state not stored", metadata: ["thread.id": "\(thread)", "error.code": "\(error.code)"])
        }
        return fold
    }
}
