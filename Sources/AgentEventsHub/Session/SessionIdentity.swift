import AgentEvents
import AgentEventsProtocol
import Synchronization

/// The name of a connection, its user and the credentials, for all parts of the session: whether they count is compared before
/// every write of events; see ``AccessEpoch``. Confined to the event loop.
final class SessionIdentity {
    let connection: ConnectionID
    /// The user stays the same, whatever the credentials.
    private(set) var principal: Principal
    /// The number of times that the credentials were replaced: what was asked for earlier ones does not count for these.
    private(set) var generation = 0
    /// Until when they count.
    var validity = LoopValidity()
    private let access: ThreadAccess
    private let epoch: AccessEpoch
    private let clock: LoopClock
    /// The session has taken account of everything up to this epoch.
    private var seenEpoch: UInt64
    /// As far as it has looked.
    private var notedEpoch: UInt64
    /// The changes in between that concern the user, and that its subscriptions have yet to be told.
    private var pending: [RightsChange] = []
    /// The reason why the credentials count no longer.
    private var end: AuthenticationError.Code?

    /// - Parameter principal: one that is as good as expired, which a leeway of the authenticator has let in, has a moment to be
    ///   replaced.
    init(
        _ connection: ConnectionID,
        _ principal: Principal,
        access: ThreadAccess,
        clock: LoopClock,
        environment: Environment
    ) {
        self.connection = connection
        self.principal = principal.withLife(of: Self.shortestLifeMilliseconds, at: environment.wallClock.now())
        self.access = access
        epoch = access.currentEpoch
        self.clock = clock
        seenEpoch = access.epoch
        notedEpoch = seenEpoch
        guard access.revocations.revoke(principal) else { return }
        // Since they were looked at.
        end = .revoked
        validity.end = 0
    }

    private static var shortestLifeMilliseconds: Int64 { 5000 }

    /// Whether nothing has changed: two loads and two compares.
    private var isCurrent: Bool { seenEpoch == epoch.value && clock.milliseconds < validity.end }

    /// Whether events of a thread may be written, as far as that was allowed before.
    func mayWrite(to thread: ThreadID) -> Bool { isCurrent || look(at: thread) }

    /// Something has changed.
    private func look(at thread: ThreadID) -> Bool {
        look()
        return end == nil && !pending.contains { $0.concerns(thread) }
    }

    private func look() {
        guard end == nil else { return }
        guard clock.milliseconds < validity.end else {
            end = .expired
            return
        }
        guard access.epoch != notedEpoch else { return }
        let (changes, epoch) = access.changes(since: notedEpoch)
        notedEpoch = epoch
        guard !access.revocations.revoke(principal) else {
            validity.end = 0
            end = .revoked
            return
        }
        // An answer that is always the same cannot have changed.
        if !access.isConstant { pending += changes.filter { $0.concerns(principal.user) } }
        if pending.count > AccessHistory.maximumCount { pending = [RightsChange(user: principal.user, thread: nil)] }
        if pending.isEmpty { seenEpoch = epoch }
    }

    enum Standing {
        case current
        /// Subscriptions have to be asked for again.
        case changed([RightsChange])
        /// The connection has to be closed.
        case over(AuthenticationError.Code)
    }

    /// The session takes account of what has changed, by the time of its loop.
    func settle() -> Standing {
        if isCurrent { return .current }
        look()
        if let end { return .over(end) }
        defer {
            pending = []
            seenEpoch = notedEpoch
        }
        return pending.isEmpty ? .current : .changed(pending)
    }

    /// The credentials are replaced by others of the same user.
    ///
    /// - Returns: whether they count; not when they were revoked meanwhile, or those before have ended.
    func replace(by principal: Principal) -> Bool {
        guard end == nil, !access.revocations.revoke(principal) else { return false }
        self.principal = principal
        generation += 1
        return true
    }
}

extension Principal {
    /// The same, with credentials that do not end before this time has passed.
    fileprivate func withLife(of milliseconds: Int64, at now: Timestamp) -> Principal {
        guard let end = expiresAt, end.milliseconds < now.milliseconds + milliseconds else { return self }
        var principal = self
        principal.expiresAt = Timestamp(milliseconds: now.milliseconds + milliseconds)
        return principal
    }
}

/// Until when the credentials of a connection count, for its event loop.
struct LoopValidity {
    /// In milliseconds on the monotonic clock; the largest number when they do not end.
    var end: Int64 = .max {
        didSet { shared?.end = end }
    }
    private var shared: Validity?

    /// For workers; made when the first one needs it.
    mutating func share() -> Validity {
        if let shared { return shared }
        let made = Validity()
        made.end = end
        shared = made
        return made
    }
}

/// Until when the credentials of a connection count, for workers.
final class Validity: Sendable {
    private let milliseconds = Atomic<Int64>(.max)

    /// In milliseconds on the monotonic clock; the largest number when they do not end.
    var end: Int64 {
        get { milliseconds.load(ordering: .relaxed) }
        set { milliseconds.store(newValue, ordering: .relaxed) }
    }
}

/// The time by which an event loop looks at the end of credentials: read once for all that it delivers together. Confined to the
/// loop.
final class LoopClock {
    private(set) var milliseconds: Int64
    private let environment: Environment

    init(_ environment: Environment) {
        self.environment = environment
        milliseconds = environment.monotonicMilliseconds
    }

    func advance() { milliseconds = environment.monotonicMilliseconds }
}

extension Environment {
    /// A time of the day as a time of the monotonic clock, in milliseconds.
    func monotonicMilliseconds(at time: Timestamp) -> Int64 {
        let (rest, isOver) = time.milliseconds.subtractingReportingOverflow(wallClock.now().milliseconds)
        guard !isOver else { return time.milliseconds < 0 ? 0 : .max }
        let (end, isBeyond) = monotonicMilliseconds.addingReportingOverflow(rest)
        return isBeyond ? .max : max(0, end)
    }
}
