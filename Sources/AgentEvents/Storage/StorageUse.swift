import Synchronization

/// A limit on what a log takes.
package enum StorageLimit: Hashable, Sendable {
    /// The bytes of one user: ``RuntimeConfiguration/maximumStoredByteCountPerUser``.
    case user
    /// The room on the disk: ``RuntimeConfiguration/minimumFreeByteCount``.
    case disk
}

/// Refuses events where the log has no room for more: of a user who has stored as much as it may, or of all when the disk is nearly
/// full. What ends something that is open is still taken, from a reserve; what the runtime itself ends is always taken.
///
/// The bytes of a user are read from the log when the user first does something, and counted from then on; see
/// ``StorageUseStateMachine``. Nothing of it is stored: after a restart it is read again.
final class StorageUse: CommitObserver {
    /// The largest number of users that are counted.
    private static let maximumUserCount = 100_000
    /// The committed bytes after which it is looked again how much room the disk has.
    private static let checkedByteCount = 4 * 1024 * 1024
    private static let pause: Duration = .seconds(1)

    private struct State {
        var uses = StorageUseStateMachine(maximumCount: maximumUserCount)
        var uncheckedByteCount = 0
    }

    /// `nil` for no limit.
    private let maximumByteCount: Int?
    private let reserveByteCount: Int
    /// 0 for no limit.
    private let minimumFreeByteCount: Int64
    private let log: any EventLog
    private let environment: Environment
    private let state = Mutex(State())
    private let isRoomLow = Atomic<Bool>(false)
    private let judge = Mutex<(@Sendable (StorageLimit) -> Bool)?>(nil)
    private let signal = WakeSignal()

    /// - Returns: `nil` without any limit.
    init?(_ log: any EventLog, _ configuration: RuntimeConfiguration, _ environment: Environment) {
        guard configuration.maximumStoredByteCountPerUser != nil || configuration.minimumFreeByteCount > 0 else {
            return nil
        }
        maximumByteCount = configuration.maximumStoredByteCountPerUser
        reserveByteCount = configuration.storageReserveByteCount
        minimumFreeByteCount = Int64(configuration.minimumFreeByteCount)
        self.log = log
        self.environment = environment
    }

    /// - Throws: `limits.storage` when the log cannot tell how much it has of a user.
    func check() throws(AgentEventsError) {
        guard maximumByteCount == nil || log is any DeletingEventLog else {
            throw AgentEventsError(
                .storageLimit,
                "the log does not know the threads of a user: there can be no limit on what it has of one")
        }
        checkRoom()
        // Nothing is committed that would have it looked at again.
        if isRoomLow.load(ordering: .acquiring) { signal.signal() }
    }

    // MARK: Deciding

    /// - Parameter judge: says of each event that exceeds a limit whether it is refused for it.
    func setJudge(_ judge: @escaping @Sendable (StorageLimit) -> Bool) {
        self.judge.withLock { $0 = judge }
    }

    /// Somebody else is asked, and with no lock held.
    private func applies(_ limit: StorageLimit) -> Bool {
        let judge = judge.withLock { $0 }
        return judge?(limit) ?? true
    }

    /// The reason why an event is not taken; `nil` when it is. No `await` between this and the offer.
    func refusal(of payloads: some Sequence<EventPayload>, by user: UserID) -> AgentEventsError? {
        let isLow = isRoomLow.load(ordering: .acquiring)
        let byteCount = maximumByteCount == nil ? nil : state.withLock { $0.uses.byteCount(of: user) }
        let isOver = maximumByteCount.map { (byteCount ?? 0) >= $0 } ?? false
        guard isLow || isOver else { return nil }
        let isEnd = payloads.allSatisfy(\.endsSomething)
        if isLow, !isEnd, applies(.disk) {
            return AgentEventsError(
                .storageFull,
                "the disk of this service is nearly full: it takes no events until there is room, and is read as before"
            )
        }
        guard isOver, let maximumByteCount else { return nil }
        if isEnd, byteCount ?? 0 < maximumByteCount + reserveByteCount { return nil }
        guard applies(.user) else { return nil }
        return AgentEventsError(
            .storageLimit,
            "the threads of one user have at most \(maximumByteCount) bytes here, and those of this one's user have them: "
                + "delete threads, or wait until older events are trimmed; what ends an open run is still taken")
    }

    // MARK: Counting

    /// Whether ``prepare(_:)`` has nothing to do for a user.
    func isReady(for user: UserID) -> Bool {
        maximumByteCount == nil || state.withLock { $0.uses.byteCount(of: user) != nil }
    }

    /// Returns when it is known how much the log has of a user, or another caller reads it. A number from before something was
    /// removed is enough: ``run()`` reads it again.
    func prepare(_ user: UserID) async throws(EventLogError) {
        guard maximumByteCount != nil else { return }
        let begins = state.withLock { $0.uses.byteCount(of: user) == nil && $0.uses.begin(user) }
        if begins { try await measure(user) }
    }

    private func measure(_ user: UserID) async throws(EventLogError) {
        guard let log = log as? any DeletingEventLog else { return }
        do throws(EventLogError) {
            let threads = try await log.threads(of: user)
            state.withLock { $0.uses.didList(threads, of: user) }
            for thread in threads {
                var last: UInt64 = 0
                var emptyCount = 0
                var isMeasured = false
                while !isMeasured {
                    let size = try await size(of: thread, after: last)
                    emptyCount = size.last == last ? emptyCount + 1 : 0
                    last = size.last
                    // What was told of before the second empty read was there to be read, unless it was deleted or trimmed.
                    let isGone = emptyCount > 1
                    isMeasured = state.withLock {
                        $0.uses.didMeasure(
                            thread, of: user, upTo: size.last, byteCount: size.byteCount, isGone: isGone)
                    }
                }
            }
            let isStale = state.withLock { $0.uses.finish(user) }
            // The signal of the removal may be spent: no user is stale while it is measured.
            if isStale { signal.signal() }
        } catch {
            state.withLock { $0.uses.fail(user) }
            throw error
        }
    }

    private func size(
        of thread: ThreadID,
        after start: UInt64
    ) async throws(EventLogError) -> (last: UInt64, byteCount: Int) {
        var (last, byteCount) = (start, 0)
        while true {
            let page = try await log.read(LogRead(.thread(thread, after: last)))
            for event in page.events { byteCount += event.bytes.count }
            last = page.events.last?.id.sequence ?? last
            if page.reachesEnd || page.events.isEmpty { return (last, byteCount) }
        }
    }

    func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        let isDue = state.withLock { state in
            for entry in commit.entries {
                state.uncheckedByteCount += entry.bytes.count
                if maximumByteCount != nil {
                    state.uses.didCommit(
                        entry.id.sequence, of: entry.owner.thread, entry.owner.user, byteCount: entry.bytes.count)
                }
            }
            return state.uncheckedByteCount >= Self.checkedByteCount
        }
        if isDue { signal.signal() }
    }

    /// Others write the log, too: their events are found when a user is measured again.
    func didAdvance(_ threads: [AdvancedThread]) {}

    /// Events of a user were trimmed, or a thread of the user was deleted.
    func didRemove(of user: UserID) {
        state.withLock { $0.uses.invalidate(user) }
        signal.signal()
    }

    /// Looks how much room there is, and measures users again of whom something was removed, until the task is cancelled.
    func run() async {
        while await signal.wait() {
            checkRoom()
            var hasFailed = false
            for user in state.withLock({ $0.uses.staleUsers }) where state.withLock({ $0.uses.begin(user) }) {
                // The last number counts when the log cannot be read, and the user stays stale.
                if (try? await measure(user)) == nil { hasFailed = true }
            }
            if hasFailed || isRoomLow.load(ordering: .acquiring) {
                // Nothing is committed that would wake it. Cancelled at the end of the runtime, which a signal would hide.
                guard (try? await environment.sleep(Self.pause)) != nil else { return }
                signal.signal()
            }
        }
    }

    private func checkRoom() {
        state.withLock { $0.uncheckedByteCount = 0 }
        guard minimumFreeByteCount > 0, let free = (log as? any RoomAwareLog)?.freeByteCount else { return }
        isRoomLow.store(free < minimumFreeByteCount, ordering: .releasing)
    }
}

/// A log that knows how much room there is where it keeps its events.
public protocol RoomAwareLog: EventLog {
    /// The bytes that can still be written; `nil` when that is not known. Asked every now and then; it returns soon.
    var freeByteCount: Int64? { get }
}

extension EventPayload {
    /// Whether it ends a run, or something that is open in one.
    var endsSomething: Bool {
        switch self {
        case .agentCompleted, .agentFailed, .agentCancelled, .toolCompleted, .approvalResolved, .messageCompleted: true
        case .agentQueued, .agentStarted, .inputTaken, .agentThinking, .agentProgress, .messageDelta, .toolExecuting,
            .toolProgress, .approvalRequested, .usageReported, .agentPaused, .agentResumed, .userMessage, .stateUpdated,
            .custom, .unknown:
            false
        }
    }
}
