import Synchronization

/// Knows how many tokens each user has used on this day, and says when there are none left.
///
/// They are counted as they are committed (`usage_reported`), for the user of the thread. Nothing of it is stored: after a restart what
/// was used earlier on the day is read from the log, when the user first does something; see ``TokenBudgetStateMachine``. That takes one
/// look at each thread of the user, and reads the events of this day. What was deleted or trimmed since is not in it.
final class TokenBudgets: CommitObserver {
    private struct State {
        var machine = TokenBudgetStateMachine()
        /// Those who wait until somebody else has read what a user has used.
        var waiters: [UserID: [CheckedContinuation<Void, Never>]] = [:]
    }

    /// The encoder writes the type first.
    private static let reportBeginning = Array(#"{"type":"\#(EventType.usageReported.rawValue)""#.utf8)

    private let limit: Int64
    private let log: any EventLog
    private let environment: Environment
    private let state = Mutex(State())

    /// - Returns: `nil` without a limit.
    init?(_ log: any EventLog, _ configuration: RuntimeConfiguration, _ environment: Environment) {
        guard let limit = configuration.tokensPerUserAndDay else { return nil }
        self.limit = max(0, limit)
        self.log = log
        self.environment = environment
    }

    /// The log is about to be opened.
    func open() { state.withLock { $0.machine.open(at: environment.wallClock.now()) } }

    // MARK: Deciding

    /// The error of a run that begins at a time; `nil` when its user has tokens left.
    func refusal(of user: UserID, at time: Timestamp) -> TokenBudgetError? {
        let used = state.withLock { $0.machine.tokens(of: user, at: time) }
        return used >= limit ? error(used, at: time) : nil
    }

    /// The error that ends a run whose report goes beyond its user's budget; `nil` within the budget.
    func refusal(of user: UserID, reporting tokens: Int64, at time: Timestamp) -> TokenBudgetError? {
        let used = TokenUsage.sum(state.withLock { $0.machine.tokens(of: user, at: time) }, tokens)
        return used > limit ? error(used, at: time) : nil
    }

    private func error(_ used: Int64, at time: Timestamp) -> TokenBudgetError {
        TokenBudgetError(limit: limit, used: used, nextDay: Timestamp(utcDay: time.utcDay + 1))
    }

    // MARK: Counting

    func didCommit(_ commit: LogCommit, upTo position: UInt64) {
        for entry in commit.entries where entry.type == .usageReported {
            guard let event = try? EventDecoder.decode(entry.bytes), let tokens = event.payload.reportedTokens else {
                preconditionFailure("what was encoded can be decoded")
            }
            state.withLock { $0.machine.didReport(tokens, of: entry.owner.user, at: event.time) }
        }
    }

    /// Others write the log, too: each process counts what it commits, and what it reads at its beginning.
    func didAdvance(_ threads: [AdvancedThread]) {}

    /// `true` when ``prepare(_:)`` has nothing to read for a user.
    func isReady(for user: UserID) -> Bool {
        let now = environment.wallClock.now()
        return state.withLock { $0.machine.isKnown(user, at: now) }
    }

    /// Returns when it is known what a user has used on this day. Until then nothing of the user is taken here.
    func prepare(_ user: UserID) async throws(EventLogError) {
        while true {
            let now = environment.wallClock.now()
            switch state.withLock({ $0.machine.begin(user, at: now) }) {
            case .known:
                return
            case .read(let start):
                do throws(EventLogError) {
                    let tokens = try await tokens(of: user, since: start)
                    return didRead(tokens, of: user, since: start)
                } catch {
                    didRead(nil, of: user, since: start)
                    throw error
                }
            case .wait:
                await withCheckedContinuation { waiter in
                    let waits = state.withLock { state in
                        guard state.machine.isReading(user) else { return false }
                        state.waiters[user, default: []].append(waiter)
                        return true
                    }
                    if !waits { waiter.resume() }
                }
            }
        }
    }

    private func didRead(_ tokens: Int64?, of user: UserID, since start: Timestamp) {
        let waiters = state.withLock { state in
            state.machine.didRead(tokens, of: user, since: start)
            return state.waiters.removeValue(forKey: user) ?? []
        }
        for waiter in waiters { waiter.resume() }
    }

    // MARK: Reading

    /// The tokens that a user has used since a time, by the log. In a log that does not know the threads of a user, none.
    private func tokens(of user: UserID, since start: Timestamp) async throws(EventLogError) -> Int64 {
        guard let log = log as? any DeletingEventLog else { return 0 }
        var sum: Int64 = 0
        for thread in try await log.threads(of: user) {
            guard let record = try await log.thread(thread), !record.isEmpty,
                let last = try await time(of: record.head.sequence, in: thread), last >= start
            else { continue }
            var position = try await position(in: thread, record, before: start)
            while true {
                let page = try await log.read(LogRead(.thread(thread, after: position)))
                for stored in page.events where stored.bytes.starts(with: Self.reportBeginning) {
                    let event = try stored.decoded()
                    if event.time >= start { sum = TokenUsage.sum(sum, event.payload.reportedTokens ?? 0) }
                }
                guard let end = page.events.last, !page.reachesEnd else { break }
                position = end.id.sequence
            }
        }
        return sum
    }

    /// A place in a thread before the first event since a time, and after the last one before it. Times do not fall from one event of a
    /// thread to the next.
    private func position(
        in thread: ThreadID,
        _ record: ThreadRecord,
        before start: Timestamp
    ) async throws(EventLogError) -> UInt64 {
        var (low, high) = (record.oldest.sequence, record.head.sequence)
        while low < high {
            let middle = low + (high - low) / 2
            if let time = try await time(of: middle, in: thread), time < start {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low - 1
    }

    /// The time of an event, or of the one after it where it was trimmed; `nil` when there is none any longer.
    private func time(of sequence: UInt64, in thread: ThreadID) async throws(EventLogError) -> Timestamp? {
        let page = try await log.read(LogRead(.thread(thread, after: sequence - 1), maximumCount: 1))
        return try page.events.first?.decoded().time
    }
}

extension EventPayload {
    /// The tokens that it reports, read and written; `nil` for another event.
    var reportedTokens: Int64? {
        if case .usageReported(let report) = self {
            TokenUsage.sum(report.inputTokens, report.outputTokens)
        } else {
            nil
        }
    }
}
