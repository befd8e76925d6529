import AgentEvents
import AgentEventsHub

/// Mirrors `AgentRuntime` and `GroupCommit`: the contexts of one process, and the writer of its log.
final class SimulatedRuntime {
    enum Waiter: Equatable {
        case writer
        case room(thread: Int)
        case commit(thread: Int)
    }

    /// A commit that was begun.
    struct UnderWay {
        var entries: [LogEntry]
        var keys: [KeyedEvents]
        var position: UInt64
    }

    enum CommitStep {
        case nothing
        case begun
        case committed(UnderWay, resumed: [Waiter])
        /// Everything is committed, and nothing more is taken.
        case finished
    }

    enum EmitOutcome {
        /// Nothing more is taken, or it is to be tried again.
        case unavailable
        case rejected(OrderViolation)
        /// - Parameter isFull: the producer has to wait for room.
        case accepted(SimulatedContext.Accepted, position: UInt64, isFull: Bool)
    }

    static let highWaterByteCount = 2048

    let generation: UInt64
    private let log: SimulatedLog
    private var commit = GroupCommitStateMachine<Waiter>(highWaterByteCount: SimulatedRuntime.highWaterByteCount)
    private var contexts: [SimulatedContext?]
    private var uncommittedKeys: [IdempotencyKey: (ids: [EventID], position: UInt64)] = [:]
    private var isWriterAsleep = false
    private(set) var underWay: UnderWay?
    private(set) var pendingByteCount = 0
    /// Agents that run in this process.
    var slots: AgentSlotsStateMachine
    private(set) var isClosed = false

    init(log: SimulatedLog, maximumRuns: Int) {
        self.log = log
        generation = log.generation
        contexts = Array(repeating: nil, count: log.threads.count)
        slots = AgentSlotsStateMachine(maximumRuns: maximumRuns)
    }

    var isWriterReady: Bool { underWay != nil || !isWriterAsleep }

    // MARK: Contexts

    /// - Returns: `true` when the context was rebuilt, `nil` when it has to wait for what it would be rebuilt from.
    func openContext(_ thread: Int) throws(InvariantViolation) -> Bool? {
        guard contexts[thread] == nil else { return false }
        // The last context of the thread may have been given back with events still on their way into the log.
        guard commit.committedPosition == commit.offeredPosition else { return nil }
        contexts[thread] = try SimulatedContext(log.threads[thread], generation: generation)
        return true
    }

    func giveBack(_ thread: Int) -> Bool {
        defer { contexts[thread] = nil }
        return contexts[thread] != nil
    }

    func isOpen(_ run: RunID, in thread: Int) -> Bool { contexts[thread]?.isOpen(run) ?? false }

    func openHostedRuns(in thread: Int) -> [RunID] { contexts[thread]?.openHostedRuns ?? [] }

    // MARK: Emissions

    /// What was emitted with a key before, and the position of its commit.
    func recall(_ key: IdempotencyKey, in thread: Int) -> (ids: [EventID], position: UInt64)? {
        uncommittedKeys[key] ?? log.threads[thread].keys[key].map { ($0, 0) }
    }

    /// Ends what is overdue in a thread whose context is open.
    ///
    /// - Returns: how many events that took.
    func endOverdue(in thread: Int, at time: Timestamp) throws(InvariantViolation) -> Int {
        guard !isClosed else { return 0 }
        return try contexts[thread]?.endOverdue(at: time, surroundings(of: thread, key: nil)) ?? 0
    }

    /// The context of the thread is open.
    func emit(
        _ drafts: [EventDraft],
        in thread: Int,
        key: IdempotencyKey? = nil,
        host: RunHost = .process,
        at time: Timestamp
    ) throws(InvariantViolation) -> EmitOutcome {
        guard !isClosed else { return .unavailable }
        _ = try endOverdue(in: thread, at: time)
        switch try contexts[thread]?.accept(drafts, host: host, at: time, surroundings(of: thread, key: key)) {
        case .accepted(let accepted):
            if let key { uncommittedKeys[key] = (accepted.ids, accepted.offer.position) }
            return .accepted(accepted, position: accepted.offer.position, isFull: accepted.offer.isFull)
        case .rejected(let violation):
            return .rejected(violation)
        case .unavailable, nil:
            return .unavailable
        }
    }

    private func surroundings(of thread: Int, key: IdempotencyKey?) -> SimulatedContext.Surroundings {
        SimulatedContext.Surroundings(
            startedRuns: { runs in runs.filter { self.log.threads[thread].hasStarted($0) } },
            offer: { self.offer($0, key, in: thread) },
            committedPosition: { self.commit.committedPosition })
    }

    private func offer(_ batch: ThreadHead.Batch, _ key: IdempotencyKey?, in thread: Int) -> SimulatedContext.Offer? {
        let action: GroupCommitStateMachine<Waiter>.OfferAction
        if let key {
            let keyed = KeyedEvents(key: key, thread: log.threads[thread].owner.thread, ids: batch.ids)
            action = commit.offer(batch.entries, key: keyed)
        } else if batch.entries.count == 1 {
            action = commit.offer(batch.entries[0])
        } else {
            action = commit.offer(batch.entries, key: nil)
        }
        guard case .enqueued(let position, let isFull, let wake) = action else { return nil }
        if case .writer = wake { isWriterAsleep = false }
        pendingByteCount += batch.entries.reduce(0) { $0 + $1.bytes.count }
        return SimulatedContext.Offer(position: position, isFull: isFull)
    }

    /// - Returns: whether the producer has to wait.
    func waitForCapacity(_ thread: Int) -> Bool {
        if case .suspend = commit.waitForCapacity(.room(thread: thread)) { return true }
        return false
    }

    /// - Returns: whether the producer has to wait.
    func waitForCommit(of position: UInt64, _ thread: Int) -> Bool {
        if case .suspend = commit.waitForCommit(of: position, .commit(thread: thread)) { return true }
        return false
    }

    // MARK: The writer

    /// - Throws: ``InvariantViolation`` when the log is given what does not belong there.
    func commitStep() throws(InvariantViolation) -> CommitStep {
        if let done = underWay {
            underWay = nil
            if let violation = log.append(done.entries, done.keys) { throw violation }
            for keyed in done.keys { uncommittedKeys[keyed.key] = nil }
            let byteCount = done.entries.reduce(0) { $0 + $1.bytes.count }
            pendingByteCount -= byteCount
            return .committed(done, resumed: commit.didCommit(byteCount: byteCount, count: done.entries.count))
        }
        switch commit.nextCommit() {
        case .finish:
            return .finished
        case .suspend:
            isWriterAsleep = commit.suspendWriter(.writer)
            return .nothing
        case .commit(let entries, let keys, let position):
            underWay = UnderWay(entries: entries, keys: keys, position: position)
            return .begun
        }
    }

    /// No further events; what was accepted is still committed.
    ///
    /// - Returns: the producers that waited for room.
    func close() -> [Waiter] {
        isClosed = true
        isWriterAsleep = false
        return commit.close().filter { $0 != .writer }
    }

    /// The process ends in the middle of a commit: the log has it as a whole or not at all, and nobody was told.
    func end(keeping isKept: Bool) throws(InvariantViolation) {
        guard isKept, let done = underWay else { return }
        underWay = nil
        if let violation = log.append(done.entries, done.keys) { throw violation }
    }
}
