/// Decides what happens between the contexts that offer events and the one writer that commits them.
///
/// A position counts the entries offered so far, so `committed >= position` says that an offer is durable. The machine
/// is generic over what a waiting task is, so that it can be tested without tasks.
///
/// ```
/// accepting ── close ──> closing ── everything is committed ──> finished
///     │                     │                                     ^
///     └─────────────────────┴──── the log fails ──────────────────┘
///
/// an entry:  offered ── nextCommit ──> under way ──┬── didCommit ──> committed, or its thread was refused (ContendedLog)
///                                                  └── didFail ────> not committed, and nothing later is
///
/// the writer:  sleeping ── offer ──> gathering ── enough, full or too long ──> committing ── nothing pending ──> sleeping
/// ```
package struct GroupCommitStateMachine<Waiter>: ~Copyable {
    private enum Phase {
        case accepting
        /// No further offers; what was offered is still committed.
        case closing
        case finished(EventLogError)
    }

    private var phase = Phase.accepting
    private var entries: [LogEntry] = []
    private var keys: [KeyedEvents] = []
    private var pendingByteCount = 0
    private var offered: UInt64 = 0
    private var taken: UInt64 = 0
    private var committed: UInt64 = 0
    private var writer: Waiter?
    /// Whether the writer sleeps and nobody was told to wake it.
    private var isWriterAsleep = false
    private var commitWaiters: [(position: UInt64, waiter: Waiter)] = []
    private var capacityWaiters: [Waiter] = []
    /// The contexts, by their owners, of which the log has refused what they offered last, until they ask. Each of them
    /// has nothing else on its way, so there are no more than there are emissions under way.
    private var refusedOwners: Set<ObjectIdentifier> = []
    /// The number of entries that were pending when the last commit ended.
    private var pendingAfterCommit = 0
    /// So many pending entries end the writer's wait for more; a full buffer does, too.
    private var gatherTarget: Int?
    private let highWaterByteCount: Int

    /// - Parameter highWaterByteCount: the number of bytes offered and not yet committed at which producers wait.
    package init(highWaterByteCount: Int) { self.highWaterByteCount = highWaterByteCount }

    package var offeredPosition: UInt64 { offered }
    package var committedPosition: UInt64 { committed }

    /// Why offers are rejected; `nil` while they are not. Once there is a reason, there always will be.
    var refusal: EventLogError? {
        switch phase {
        case .accepting: nil
        case .closing: Self.closedError
        case .finished(let error): error
        }
    }

    private var isFull: Bool { pendingByteCount >= highWaterByteCount }

    // MARK: Producers

    package enum OfferAction {
        /// `isFull`: the producer waits for capacity before it continues.
        case enqueued(position: UInt64, isFull: Bool, wake: Wake)
        case reject(EventLogError)
    }

    package enum Wake: Hashable {
        case nobody
        /// The writer sleeps: it is taken by ``takeWriter()`` and resumed. (It is not a part of the answer, because
        /// nearly every offer wakes nobody, and a task that may be there makes each answer dearer.)
        case writer
        /// The writer waits for so much, see ``beginGathering(_:)``.
        case gatheringWriter
    }

    /// The cost of one entry in addition to its bytes; counted, so that many tiny events are bounded too.
    private static var entryOverhead: Int { 128 }

    package mutating func offer(_ entry: consuming LogEntry) -> OfferAction {
        switch phase {
        case .accepting:
            pendingByteCount += entry.bytes.count + Self.entryOverhead
            entries.append(entry)
            offered += 1
            return .enqueued(position: offered, isFull: isFull, wake: takeWake())
        case .closing:
            return .reject(Self.closedError)
        case .finished(let error):
            return .reject(error)
        }
    }

    package mutating func offer(_ batch: [LogEntry], key: KeyedEvents?) -> OfferAction {
        switch phase {
        case .accepting:
            entries.append(contentsOf: batch)
            if let key { keys.append(key) }
            pendingByteCount += batch.reduce(0) { $0 + $1.bytes.count + Self.entryOverhead }
            offered += UInt64(batch.count)
            return .enqueued(position: offered, isFull: isFull, wake: takeWake())
        case .closing:
            return .reject(Self.closedError)
        case .finished(let error):
            return .reject(error)
        }
    }

    private mutating func takeWake() -> Wake {
        if let target = gatherTarget, entries.count >= target || isFull {
            gatherTarget = nil
            return .gatheringWriter
        }
        guard isWriterAsleep, !entries.isEmpty else { return .nobody }
        isWriterAsleep = false
        return .writer
    }

    /// The writer to wake; `nil` when somebody else has done so.
    package mutating func takeWriter() -> Waiter? { writer.take() }

    package enum WaitAction {
        case proceed
        case suspend
        case fail(EventLogError)
    }

    /// A producer whose offer found the buffer full waits here. So each producer is at most one offer over the
    /// high-water mark.
    package mutating func waitForCapacity(_ waiter: Waiter) -> WaitAction {
        switch phase {
        case .accepting:
            guard isFull else { return .proceed }
            capacityWaiters.append(waiter)
            return .suspend
        case .closing: return .fail(Self.closedError)
        case .finished(let error): return .fail(error)
        }
    }

    package mutating func waitForCommit(of position: UInt64, _ waiter: Waiter) -> WaitAction {
        if committed >= position { return .proceed }
        switch phase {
        case .accepting, .closing:
            commitWaiters.append((position, waiter))
            return .suspend
        case .finished(let error):
            return .fail(error)
        }
    }

    /// The outcome of the wait for a position, once the waiter was resumed.
    package func outcome(of position: UInt64) throws(EventLogError) {
        if committed >= position { return }
        switch phase {
        case .finished(let error): throw error
        case .accepting, .closing: preconditionFailure("resumed before position \(position) was committed")
        }
    }

    // MARK: The writer

    package enum WriterAction {
        case commit(entries: [LogEntry], keys: [KeyedEvents], position: UInt64)
        case suspend
        case finish
    }

    package mutating func nextCommit() -> WriterAction {
        if !entries.isEmpty {
            precondition(taken == committed, "one commit at a time")
            var batch: [LogEntry] = []
            batch.reserveCapacity(min(entries.count, 256))
            swap(&batch, &entries)
            var batchKeys: [KeyedEvents] = []
            swap(&batchKeys, &keys)
            taken = offered
            return .commit(entries: batch, keys: batchKeys, position: taken)
        }
        switch phase {
        case .accepting:
            return .suspend
        case .closing:
            phase = .finished(Self.closedError)
            return .finish
        case .finished:
            return .finish
        }
    }

    /// The writer waits until this number of entries were offered since the last commit ended.
    ///
    /// - Returns: whether it has to: not when they were, when the buffer is full, or when nothing more is accepted.
    package mutating func beginGathering(_ count: Int) -> Bool {
        guard case .accepting = phase, !isFull, entries.count < pendingAfterCommit + count else { return false }
        gatherTarget = pendingAfterCommit + count
        return true
    }

    /// The writer waits no longer.
    ///
    /// - Returns: how many entries were offered since the last commit ended; `nil` when a producer has ended the wait.
    package mutating func endGathering() -> Int? {
        guard gatherTarget != nil else { return nil }
        gatherTarget = nil
        return entries.count - pendingAfterCommit
    }

    /// - Returns: whether the writer sleeps until it is resumed; `false` when there is something to do already.
    package mutating func suspendWriter(_ waiter: Waiter) -> Bool {
        switch phase {
        case .accepting where entries.isEmpty:
            precondition(!isWriterAsleep, "there is one writer")
            writer = waiter
            isWriterAsleep = true
            return true
        case .accepting, .closing, .finished:
            return false
        }
    }

    /// The batch taken last is durable, but for what was refused: that has come to its end as well.
    ///
    /// - Parameter refused: the owners of the entries of which a ``ContendedLog`` has taken none.
    /// - Returns: the tasks to resume: those whose offers are committed, and those that waited for room.
    package mutating func didCommit(byteCount: Int, count: Int, refused: Set<ObjectIdentifier> = []) -> [Waiter] {
        committed = taken
        if !refused.isEmpty { refusedOwners.formUnion(refused) }
        pendingAfterCommit = entries.count
        pendingByteCount -= byteCount + count * Self.entryOverhead
        var resumed: [Waiter] = []
        if !commitWaiters.isEmpty {
            var remaining: [(position: UInt64, waiter: Waiter)] = []
            for waiting in commitWaiters {
                if waiting.position <= committed {
                    resumed.append(waiting.waiter)
                } else {
                    remaining.append(waiting)
                }
            }
            commitWaiters = remaining
        }
        if !isFull, !capacityWaiters.isEmpty {
            resumed += capacityWaiters
            capacityWaiters = []
        }
        return resumed
    }

    /// Takes the refusal of the last offer of a context.
    ///
    /// - Returns: whether there was one.
    package mutating func takeRefusal(of owner: ObjectIdentifier) -> Bool { refusedOwners.remove(owner) != nil }

    /// The log failed: nothing of what is pending is committed, nothing more is accepted.
    /// - Returns: the tasks to resume with the error.
    package mutating func didFail(_ error: EventLogError) -> [Waiter] {
        phase = .finished(error)
        entries = []
        keys = []
        pendingByteCount = 0
        return takeWaiters()
    }

    /// No further offers; the writer commits what is pending and finishes.
    /// - Returns: the writer, if it sleeps, and the producers that waited for room.
    package mutating func close() -> [Waiter] {
        guard case .accepting = phase else { return [] }
        phase = .closing
        var resumed = capacityWaiters
        capacityWaiters = []
        isWriterAsleep = false
        if let writer = writer.take() { resumed.append(writer) }
        return resumed
    }

    private mutating func takeWaiters() -> [Waiter] {
        var waiters = commitWaiters.map(\.waiter) + capacityWaiters
        isWriterAsleep = false
        if let writer = writer.take() { waiters.append(writer) }
        commitWaiters = []
        capacityWaiters = []
        return waiters
    }

    private static var closedError: EventLogError {
        EventLogError(.closed, "the runtime is stopping and takes no further events")
    }
}
