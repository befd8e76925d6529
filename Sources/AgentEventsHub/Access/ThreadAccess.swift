package import AgentEvents
package import AgentEventsProtocol
import Logging
import Synchronization

/// Decides whether a principal may use a thread, on every path that uses one: asks the authorizer, waits for a limited
/// time, and keeps its answers for as long as they are valid.
package final class ThreadAccess: Sendable {
    /// The longest time for which an answer is reused.
    static let lifetime: Duration = .seconds(30)
    /// The longest time that an answer is waited for.
    static let patience: Duration = .seconds(2)
    /// The number of abandoned questions, which nobody waits for any longer, at which no further one is asked.
    static let maximumAbandonedCount = 64
    private static let maximumKeptCount = 10_000

    private let authorizer: any Authorizer
    private let constant: (any ConstantAuthorizer)?
    /// The authorizer, when it is that of members.
    private let members: MembersAuthorizer?
    /// Knows which threads were deleted; `nil` when none can be.
    private let deletingLog: (any DeletingEventLog)?
    /// The same, where it need not be waited for.
    private let immediateLog: (any ImmediateEventLog)?
    private let environment: Environment
    private let logger: Logger
    /// Questions under way.
    let questions = WorkerPool(workerCount: nil)
    private let table = Mutex(RightsTable(maximumCount: maximumKeptCount))
    /// That of the table, to be compared without its lock.
    let currentEpoch = AccessEpoch()
    /// The credentials that count no longer.
    let revocations: Revocations
    private let abandonedCount = Atomic<Int>(0)

    /// - Parameter revocations: by default none, and no place for them.
    init(
        _ authorizer: any Authorizer,
        environment: Environment,
        logger: Logger,
        revocations: Revocations? = nil,
        deletingLog: (any DeletingEventLog)? = nil
    ) {
        self.deletingLog = deletingLog
        immediateLog = deletingLog as? any ImmediateEventLog
        self.revocations =
            revocations
            ?? Revocations(store: nil, lifetime: .seconds(24 * 3600), environment: environment, logger: logger)
        self.authorizer = authorizer
        constant = authorizer as? any ConstantAuthorizer
        members = authorizer as? MembersAuthorizer
        self.environment = environment
        self.logger = logger
    }

    /// Whether every question has one answer for ever, which ``known(_:)`` gives.
    var isConstant: Bool { constant != nil }

    /// Whether it may take long to ask, so that requests ask beforehand, and nothing else waits with them. Members are
    /// looked up where the thread is.
    var asksBeforehand: Bool { constant == nil && members == nil }

    /// The number of questions under way that nobody waits for any longer.
    var abandonedQuestionCount: Int { abandonedCount.load(ordering: .relaxed) }

    // MARK: Deciding

    /// Whether the credentials allow to use any thread like this.
    ///
    /// - Throws: ``ProtocolError`` `auth.scope_missing`.
    static func checkScope(
        of principal: Principal,
        for use: ThreadUse,
        in thread: ThreadID
    ) throws(ProtocolError) {
        guard !principal.mayAnywhere(use) else { return }
        switch use {
        case .read:
            throw ProtocolError(.scopeMissing, "reading takes the scope read", threadID: thread)
        case .emit:
            throw ProtocolError(.scopeMissing, "these credentials do not allow to log events", threadID: thread)
        case .command:
            throw ProtocolError(
                .scopeMissing, "these credentials do not allow to send messages and commands to agents",
                threadID: thread)
        case .approve:
            throw ProtocolError(
                .scopeMissing, "these credentials do not allow to answer requests for approval", threadID: thread)
        case .share:
            throw ProtocolError(
                .scopeMissing, "these credentials do not allow to decide who may use threads", threadID: thread)
        }
    }

    /// Whether a principal may use a thread.
    ///
    /// - Parameters:
    ///   - owner: the user of the thread; `nil` while it has no event.
    ///   - isNewID: whether the id of the thread was just made here.
    /// - Throws: ``ProtocolError``: `auth.scope_missing`; `thread.unknown`, the same for a thread of somebody else and for one
    ///   that does not exist and may not be opened; `thread.deleted` for one that was the principal's; or `auth.unavailable`.
    package func check(
        _ use: ThreadUse,
        of thread: ThreadID,
        owner: UserID?,
        isNewID: Bool = false,
        by principal: Principal
    ) async throws(ProtocolError) {
        _ = try await checked(use, of: thread, owner: owner, isNewID: isNewID, by: principal)
    }

    /// As ``check(_:of:owner:isNewID:by:)``, with the answer that allows it.
    func checked(
        _ use: ThreadUse,
        of thread: ThreadID,
        owner: UserID?,
        isNewID: Bool = false,
        by principal: Principal
    ) async throws(ProtocolError) -> RightsAnswer {
        try checkRevocation(of: principal)
        try Self.checkScope(of: principal, for: use, in: thread)
        if owner == nil, !isNewID { try await throwIfDeleted(thread, by: principal) }
        let request = RightsRequest(principal: principal, thread: thread, owner: owner, isNewID: isNewID)
        let answer = try await answer(to: request).get()
        guard answer.allows(use) else { throw .unknown(thread) }
        return answer
    }

    /// Tells those whose thread it was that it was deleted; to all others it is one that does not exist.
    func throwIfDeleted(_ thread: ThreadID, by principal: Principal) async throws(ProtocolError) {
        if try await deletion(of: thread, of: principal) != nil { throw .deleted(thread) }
    }

    /// Whether a thread was deleted that was the principal's, where the log knows that without waiting; `nil` elsewhere.
    func wasDeletedAtOnce(_ thread: ThreadID, of principal: Principal) -> Bool? {
        guard deletingLog != nil else { return false }
        guard case .known(let deletion) = immediateLog?.deletionAtOnce(of: thread) else { return nil }
        return deletion?.belonged(to: principal.user, thread: thread) ?? false
    }

    /// The id of a deleted thread opens none. Those whose thread it was are told so; to all others it is one that does not
    /// exist, and that they may not open.
    ///
    /// - Parameter user: the user for whom it would be opened.
    func throwIfDeleted(_ thread: ThreadID, openingFor user: UserID) async throws(ProtocolError) {
        guard let deletion = try await deletion(of: thread) else { return }
        throw deletion.belonged(to: user, thread: thread) ? .deleted(thread) : .unknown(thread)
    }

    /// The answer to a request that was allowed, and then met that the thread was deleted: that of one that comes later.
    func refusal(ofDeleted thread: ThreadID, for user: UserID) async throws(ProtocolError) -> ProtocolError {
        try await throwIfDeleted(thread, openingFor: user)
        // It is being deleted, and as long it may be used by those who are answered here.
        return .deleted(thread)
    }

    /// The deletion of a thread that was the principal's; `nil` for all others.
    func deletion(of thread: ThreadID, of principal: Principal) async throws(ProtocolError) -> ThreadDeletion? {
        guard let deletion = try await deletion(of: thread), deletion.belonged(to: principal.user, thread: thread)
        else { return nil }
        return deletion
    }

    private func deletion(of thread: ThreadID) async throws(ProtocolError) -> ThreadDeletion? {
        guard let deletingLog else { return nil }
        do throws(EventLogError) {
            return try await deletingLog.deletion(of: thread)
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
    }

    /// The answer that is at hand; `nil` when the authorizer has to be asked.
    func known(_ request: RightsRequest) -> RightsAnswer? {
        if let constant {
            return RightsAnswer(rights: Self.limited(constant.constantRights(request), request), owner: request.owner)
        }
        // Most requests are of the user whose thread it is.
        if let rights = members?.rightsAtHand(request) {
            return RightsAnswer(rights: Self.limited(rights, request), owner: request.owner)
        }
        return table.withLock { $0.find(request, at: environment.monotonicNow()) }
    }

    /// The rights that are left within the limits of the credentials.
    private static func limited(_ rights: Rights, _ request: RightsRequest) -> Rights {
        rights.complete.intersection(request.principal.limit(in: request.thread))
    }

    /// Whether an answer still counts.
    func counts(_ answer: RightsAnswer) -> Bool {
        guard let expires = answer.expires else { return true }
        return environment.monotonicNow() < expires && isOfNow(answer)
    }

    /// Whether rights have not changed since the answer.
    func isOfNow(_ answer: RightsAnswer) -> Bool { currentEpoch.value == answer.epoch }

    /// Whether what was found by an answer may still be given: an answer that counts no longer is used once, unless rights
    /// have changed since.
    func stands(_ answer: RightsAnswer) -> Bool { answer.expires == nil || isOfNow(answer) }

    /// The time by which answers expire.
    var now: Duration { environment.monotonicNow() }

    /// Rights have changed.
    ///
    /// - Parameters:
    ///   - user: the user whose rights; `nil` for all.
    ///   - thread: the thread; `nil` for all.
    func invalidate(user: UserID?, thread: ThreadID?) {
        change { $0.invalidate(user: user, thread: thread) }
    }

    private func change(_ body: (inout RightsTable) -> Void) {
        table.withLock { table in
            body(&table)
            currentEpoch.set(table.epoch)
        }
    }

    // MARK: The epoch

    /// The epoch of access; see ``AccessEpoch``.
    var epoch: UInt64 { currentEpoch.value }

    /// The changes of rights since an epoch, and the epoch that they lead to.
    func changes(since earlier: UInt64) -> (changes: [RightsChange], epoch: UInt64) {
        table.withLock { ($0.changes(since: earlier), $0.epoch) }
    }

    /// Credentials were revoked.
    func credentialsRevoked() { change { $0.beginEpoch() } }

    /// Whether the credentials of a principal may be used.
    ///
    /// - Throws: ``ProtocolError`` `auth.revoked`.
    func checkRevocation(of principal: Principal) throws(ProtocolError) {
        if revocations.revoke(principal) { throw ProtocolError(AuthenticationError.revoked) }
    }

    // MARK: Asking

    private enum Outcome: Sendable {
        case answered(ThreadClearance)
        case failed(any Error)
        case late
        case stopping
    }

    /// The answer that is at hand, or that of the authorizer.
    func answer(to request: RightsRequest) async -> Result<RightsAnswer, ProtocolError> {
        if let known = known(request) { return .success(known) }
        let start = environment.monotonicNow()
        // An answer to a question from before a change of rights does not count, and it is asked again.
        repeat {
            let epoch = table.withLock { $0.epoch }
            switch await ask(request) {
            case .answered(let clearance):
                let now = environment.monotonicNow()
                let answer = RightsAnswer(
                    rights: Self.limited(clearance.rights, request), owner: request.owner,
                    expires: now + lifetime(request.principal.expiresAt, clearance.expiresAt),
                    rightsEnd: clearance.expiresAt,
                    visibleAfter: clearance.visibleAfter, epoch: epoch)
                if table.withLock({ $0.keep(answer, to: request, at: now) }) { return .success(answer) }
            case .failed(let error):
                logger.info(
                    "authorizer failed",
                    metadata: [
                        "thread.id": "\(request.thread)",
                        "error.code": "\((error as? any CodedError)?.eventCode ?? "error")",
                    ])
                return .failure(.unavailable(request.thread))
            case .late:
                logger.info("authorizer gave no answer in time", metadata: ["thread.id": "\(request.thread)"])
                return .failure(.unavailable(request.thread))
            case .stopping:
                return .failure(.stopping(request.thread))
            }
        } while environment.monotonicNow() - start < Self.patience
        return .failure(.unavailable(request.thread))
    }

    /// No longer than the credentials count, and than the rights are given for.
    private func lifetime(_ ends: Timestamp?...) -> Duration {
        guard let end = ends.compactMap(\.self).min() else { return Self.lifetime }
        return min(Self.lifetime, .milliseconds(end.milliseconds(since: environment.wallClock.now())))
    }

    private func clearance(_ request: RightsRequest) async throws -> ThreadClearance {
        if let members { return try await members.clearance(request, at: environment.wallClock.now()) }
        return ThreadClearance(rights: try await authorizer.rights(request))
    }

    private func ask(_ request: RightsRequest) async -> Outcome {
        guard abandonedQuestionCount < Self.maximumAbandonedCount else { return .late }
        return await withCheckedContinuation { continuation in
            let reply = Reply(continuation)
            if !questions.submit({ await self.put(request, reply) }) { reply.give(.stopping) }
        }
    }

    /// Asks, and waits no longer than it may take; the task ends when the authorizer has returned.
    private func put(_ request: RightsRequest, _ reply: Reply) async {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                do {
                    reply.give(.answered(try await self.clearance(request)))
                } catch {
                    reply.give(.failed(error))
                }
                return true
            }
            group.addTask {
                // Cancelled when there is an answer, or the hub stops.
                try? await self.environment.sleep(Self.patience)
                reply.give(.late)
                return false
            }
            let isAnswered = await group.next() ?? false
            group.cancelAll()
            guard !isAnswered else { return }
            self.abandonedCount.add(1, ordering: .relaxed)
            await group.waitForAll()
            self.abandonedCount.subtract(1, ordering: .relaxed)
        }
    }

    /// The first outcome of a question; later ones find nobody.
    private final class Reply: Sendable {
        private let continuation: Mutex<CheckedContinuation<Outcome, Never>?>

        init(_ continuation: CheckedContinuation<Outcome, Never>) { self.continuation = Mutex(continuation) }

        func give(_ outcome: Outcome) {
            continuation.withLock { continuation in
                defer { continuation = nil }
                return continuation
            }?.resume(returning: outcome)
        }
    }
}

extension ProtocolError {
    /// There is no such thread, or it is somebody else's: nobody is told which.
    package static func unknown(_ thread: ThreadID) -> ProtocolError {
        if ContextThread.isReserved(thread) {
            return ProtocolError(.stateUnknownSpace, "there is no context \(thread)", threadID: thread)
        }
        return ProtocolError(.threadUnknown, "there is no thread \(thread)", threadID: thread)
    }

    /// The thread was the principal's.
    static func deleted(_ thread: ThreadID) -> ProtocolError {
        ProtocolError(
            .threadDeleted, "the thread \(thread) was deleted, and its id is not used again", threadID: thread)
    }

    /// The hub is at its end, and asks nobody any longer.
    static func stopping(_ thread: ThreadID?) -> ProtocolError {
        ProtocolError.stopping(in: thread)
    }

    /// Nobody could say what the principal may do.
    static func unavailable(_ thread: ThreadID) -> ProtocolError {
        ProtocolError(
            .authorizationUnavailable, "what these credentials allow in this thread cannot be found out; try again",
            isRetryable: true, retryAfterMilliseconds: 1000, threadID: thread)
    }
}
