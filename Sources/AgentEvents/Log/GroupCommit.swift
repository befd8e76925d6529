import Dispatch
import Synchronization

/// Takes events from all contexts and commits them in groups: while one commit is under way the next one gathers.
///
/// Offering is synchronous, so that a context decides and enqueues without a suspension in between. There is one
/// writer, ``run(log:environment:committed:)``.
package final class GroupCommit: Sendable {
    private typealias Waiter = CheckedContinuation<Void, Never>
    private let machine: Mutex<GroupCommitStateMachine<Waiter>>
    /// Signalled when as much is pending as the writer waits for.
    private let gathered = DispatchSemaphore(value: 0)

    /// - Parameter highWaterByteCount: the number of bytes offered and not yet committed at which producers wait.
    package init(highWaterByteCount: Int) {
        machine = Mutex(GroupCommitStateMachine(highWaterByteCount: highWaterByteCount))
    }

    /// The place of an offer.
    struct Offer {
        /// The position to wait for.
        var position: UInt64
        /// Whether the producer has to wait for capacity before it offers again.
        var isFull: Bool
    }

    /// Enqueues one event after everything offered before.
    func offer(_ entry: consuming LogEntry) throws(EventLogError) -> Offer {
        // Moved into the lock: a copy of the entry would be made and given back for each event.
        var handedOver: LogEntry? = entry
        return try carryOut(
            machine.withLock { machine in
                guard let entry = handedOver.take() else { preconditionFailure("the body runs once") }
                return machine.offer(entry)
            })
    }

    /// Enqueues events that are committed together.
    func offer(_ entries: [LogEntry], key: KeyedEvents?) throws(EventLogError) -> Offer {
        try carryOut(machine.withLock { $0.offer(entries, key: key) })
    }

    private func carryOut(_ action: GroupCommitStateMachine<Waiter>.OfferAction) throws(EventLogError) -> Offer {
        switch action {
        case .enqueued(let position, let isFull, let wake):
            switch wake {
            case .nobody: break
            case .writer: machine.withLock { $0.takeWriter() }?.resume()
            case .gatheringWriter: gathered.signal()
            }
            return Offer(position: position, isFull: isFull)
        case .reject(let error):
            throw error
        }
    }

    /// Returns when there is room for an event, or the log has failed, which the next offer reports. Does not react to
    /// cancellation, because the ends of a cancelled run are events too; the writer always makes room or fails.
    func waitForCapacity() async {
        await withCheckedContinuation { continuation in
            switch machine.withLock({ $0.waitForCapacity(continuation) }) {
            case .suspend: break
            case .proceed, .fail: continuation.resume()
            }
        }
    }

    /// Returns when everything up to a position is durable; does not react to cancellation.
    package func waitForCommit(of position: UInt64) async throws(EventLogError) {
        await withCheckedContinuation { (continuation: Waiter) in
            switch machine.withLock({ $0.waitForCommit(of: position, continuation) }) {
            case .suspend: break
            case .proceed, .fail: continuation.resume()
            }
        }
        // Asked again, to learn how it ended; nobody waits in between, so this does not suspend.
        try machine.withLock { (machine) throws(EventLogError) in try machine.outcome(of: position) }
    }

    /// Returns when the events that a context has offered up to a position are committed, or were refused by a
    /// ``ContendedLog``. For a context that has nothing else on its way.
    ///
    /// - Returns: whether they were taken; otherwise somebody else has appended to the thread first.
    func waitUntilSettled(_ position: UInt64, of owner: ThreadOwner) async throws(EventLogError) -> Bool {
        try await waitForCommit(of: position)
        return machine.withLock { !$0.takeRefusal(of: ObjectIdentifier(owner)) }
    }

    /// The position of the last offer.
    package var offeredPosition: UInt64 { machine.withLock { $0.offeredPosition } }

    /// Up to where everything is durable.
    package var committedPosition: UInt64 { machine.withLock { $0.committedPosition } }

    /// Why offers are refused, from now on; `nil` while they are taken.
    var refusal: EventLogError? { machine.withLock { $0.refusal } }

    /// No further offers; ``run(log:environment:committed:)`` commits what is pending and returns.
    func close() {
        for waiter in machine.withLock({ $0.close() }) { waiter.resume() }
    }

    /// The writer: commits what was offered, again and again, until ``close()`` or an error of the log.
    ///
    /// - Parameter committed: called after each commit and before those who wait for it continue, with what was taken, and how
    ///   long the log took for it.
    func run(
        log: any EventLog,
        environment: Environment,
        committed: (_ commit: LogCommit, _ position: UInt64, _ duration: Duration) -> Void
    ) async throws(EventLogError) {
        var gathering = CommitGathering()
        let contended = log as? any ContendedLog
        // The threads that all tasks share must not be blocked.
        let hasThread = log.executor != nil
        while true {
            if hasThread, let wait = gathering.next { gather(wait, &gathering) }
            switch machine.withLock({ $0.nextCommit() }) {
            case .finish:
                return
            case .suspend:
                await withCheckedContinuation { continuation in
                    let suspended = machine.withLock { $0.suspendWriter(continuation) }
                    if !suspended { continuation.resume() }
                }
            case .commit(let entries, let keys, let position):
                let commit = LogCommit(entries: entries, keys: keys, time: environment.wallClock.now())
                let start = environment.monotonicNow()
                var refused: Set<ThreadID> = []
                do throws(EventLogError) {
                    if let contended {
                        refused = try await contended.appendByThread(commit).refusedThreads
                    } else {
                        try await log.append(commit)
                    }
                } catch {
                    for waiter in machine.withLock({ $0.didFail(error) }) { waiter.resume() }
                    throw error
                }
                let duration = environment.monotonicNow() - start
                gathering.committed(entries.count, in: duration)
                committed(commit.without(refused), position, duration)
                let byteCount = entries.reduce(0) { $0 + $1.bytes.count }
                let refusedOwners = Self.owners(of: refused, in: entries)
                let waiters = machine.withLock {
                    $0.didCommit(byteCount: byteCount, count: entries.count, refused: refusedOwners)
                }
                for waiter in waiters { waiter.resume() }
            }
        }
    }

    /// The contexts of threads of which nothing was taken. There may be two of a thread: one for each of two users, until
    /// it is known whose it is.
    private static func owners(of threads: Set<ThreadID>, in entries: [LogEntry]) -> Set<ObjectIdentifier> {
        guard !threads.isEmpty else { return [] }
        return Set(entries.lazy.filter { threads.contains($0.owner.thread) }.map { ObjectIdentifier($0.owner) })
    }

    /// Lets those who were just released by a commit join the next one. Blocks the writer's thread, never for longer
    /// than a fraction of the commit it may save.
    private func gather(_ wait: CommitGathering.Wait, _ gathering: inout CommitGathering) {
        guard machine.withLock({ $0.beginGathering(wait.count) }) else {
            return gathering.waited(for: wait.count, wait)
        }
        if gathered.wait(timeout: .now() + .nanoseconds(wait.nanoseconds)) == .success {
            return gathering.waited(for: wait.count, wait)
        }
        if let count = machine.withLock({ $0.endGathering() }) {
            gathering.waited(for: count, wait)
        } else {
            // The signal came after the time was over; it must not end the next wait.
            gathered.wait()
            gathering.waited(for: wait.count, wait)
        }
    }

    /// The log could not even be opened: nothing is accepted from now on.
    func fail(_ error: EventLogError) {
        for waiter in machine.withLock({ $0.didFail(error) }) { waiter.resume() }
    }
}
