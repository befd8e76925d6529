package import AgentEvents
package import AgentEventsProtocol

/// Logs the events that clients send, over whatever transport.
package struct EventIngest: Sendable {
    private let runtime: AgentRuntime
    private let access: ThreadAccess
    private let usage: ServiceLimits
    private let outsideEmitters: OutsideEmitters
    private let workers: Workers

    /// - Parameters:
    ///   - outsideEmitters: is told of each request.
    ///   - workers: those who emit by leases.
    init(
        runtime: AgentRuntime,
        access: ThreadAccess,
        usage: ServiceLimits,
        outsideEmitters: OutsideEmitters,
        workers: Workers
    ) {
        self.workers = workers
        self.runtime = runtime
        self.access = access
        self.usage = usage
        self.outsideEmitters = outsideEmitters
    }

    /// Whether the principal may log events of a user in a thread, before there are any to log.
    ///
    /// - Parameters:
    ///   - user: the user whose thread it is; `nil` for the principal's own.
    ///   - looksUp: whether the log is asked for the owner of the thread, too.
    /// - Throws: ``ProtocolError``.
    package func checkAccess(
        to thread: ThreadID,
        of user: UserID?,
        as principal: Principal,
        looksUp: Bool
    ) async throws(ProtocolError) {
        try ThreadAccess.checkScope(of: principal, for: .emit, in: thread)
        guard looksUp else { return }
        let owner = try await authorize(thread, of: user, as: principal)
        if let owner, owner != user ?? principal.user {
            throw ProtocolError(.threadForbidden, "the thread \(thread) belongs to another user", threadID: thread)
        }
    }

    /// Logs the events of a request, all or none, and returns when they are committed.
    ///
    /// - Parameters:
    ///   - principal: the one who asks.
    ///   - root: where the events stand in the request, for the paths in errors.
    /// - Returns: the ids of the events, in the order of the request.
    /// - Throws: ``ProtocolError``; then nothing was logged.
    package func log(
        _ request: EmitRequest,
        as principal: Principal,
        root: DraftRoot
    ) async throws(ProtocolError) -> [Cursor] {
        // The body may have taken its time.
        try access.checkRevocation(of: principal)
        try ThreadAccess.checkScope(of: principal, for: .emit, in: request.thread)
        outsideEmitters.didRequest()
        let receipt = try await emit(request, as: principal, root: root)
        do throws(AgentEventsError) {
            try await runtime.waitForCommit(of: receipt)
        } catch {
            throw ProtocolError(error, threadID: request.thread, root: root)
        }
        return receipt.ids
    }

    /// Hands the events of a request to the thread's context, all or none, if that is allowed; they are not committed yet.
    ///
    /// - Parameters:
    ///   - answer: what is known of the rights; `nil` for nothing.
    ///   - root: where the events stand in the request, for the paths in errors.
    /// - Throws: ``ProtocolError``; then nothing was logged.
    func emit(
        _ request: EmitRequest,
        as principal: Principal,
        _ answer: RightsAnswer? = nil,
        root: DraftRoot = .messageMember
    ) async throws(ProtocolError) -> EmitReceipt {
        let thread = request.thread
        var request = request
        if let lease = request.lease {
            try await workers.use(lease, as: principal, in: thread, hasKey: request.key != nil)
            // The run is the user's, whatever the worker is.
            if request.user == nil { request.user = try await owner(of: thread) }
        }
        // Before the key of the request is looked at.
        let open = allowedContext(of: request, as: principal, answer)
        let owner: UserID?
        if let open {
            owner = open.user
        } else {
            owner = try await authorize(thread, of: request.user, as: principal, answer)
            if owner == nil {
                let opener = request.user ?? principal.user
                try await access.throwIfDeleted(thread, openingFor: opener)
                if let refusal = usage.opening(of: thread, for: opener, by: principal) { throw refusal }
            }
        }
        var drafts = request.drafts
        try Self.checkAuthors(of: drafts, by: principal, in: thread, root: root)
        let answers = try EmittedAnswers(drafts, in: thread, root: root)
        if let index = answers.first {
            try await checkAnswer(at: index, in: thread, of: owner, by: principal, root: root)
            drafts = EmittedAnswers.signed(drafts, by: principal.user)
        }
        do throws(AgentEventsError) {
            let context =
                if let open { open } else {
                    try await runtime.context(user: request.user ?? principal.user, thread: thread)
                }
            return try await context.emit(
                drafts, as: request.key.map { RequestKey($0) }, host: request.lease == nil ? .outside : .process,
                by: principal.user, checksAnswers: answers.first != nil, lease: request.lease)
        } catch {
            // It may have been opened meanwhile, for a user of whom the principal is not to know.
            if error.code == .threadForbidden {
                _ = try await authorize(thread, of: request.user, as: principal)
            }
            if error.code == .threadDeleted {
                throw try await access.refusal(ofDeleted: thread, for: request.user ?? principal.user)
            }
            throw ProtocolError(error, threadID: thread, root: root)
        }
    }

    /// Whether nothing has to be looked up for a thread.
    func isInMemory(_ thread: ThreadID) -> Bool { runtime.knownOwner(of: thread) != nil }

    /// Looks threads up together that the body emits into.
    func lookingUp<Result>(_ threads: Set<ThreadID>, _ body: () async -> Result) async -> Result {
        await runtime.lookingUp(threads, body)
    }

    /// The context of the thread, when it is known without a question, and without the log, that the request is allowed.
    private func allowedContext(
        of request: EmitRequest,
        as principal: Principal,
        _ answer: RightsAnswer?
    ) -> ExecutionContext? {
        let user = request.user ?? principal.user
        guard let context = runtime.contextInMemory(of: request.thread), context.user == user,
            principal.mayEmit(as: user)
        else { return nil }
        let question = RightsRequest(principal: principal, thread: request.thread, owner: user)
        guard let known = find(answer, for: user) ?? access.known(question), known.allows(.emit) else { return nil }
        return context
    }

    /// - Returns: the answer, if it is one about a thread of the owner, and counts.
    private func find(_ answer: RightsAnswer?, for owner: UserID?) -> RightsAnswer? {
        answer.flatMap { $0.owner == owner && access.counts($0) ? $0 : nil }
    }

    /// Nobody puts words into the mouth of a user for whom they may not emit.
    ///
    /// - Throws: ``ProtocolError`` `event.field_not_allowed`.
    private static func checkAuthors(
        of drafts: [EventDraft],
        by principal: Principal,
        in thread: ThreadID,
        root: DraftRoot
    ) throws(ProtocolError) {
        if principal.actsAs == .everybody { return }
        for index in drafts.indices {
            if case .stateUpdated(let update) = drafts[index].payload, let by = update.by, !principal.mayEmit(as: by) {
                throw ProtocolError(
                    .wire(.fieldNotAllowed),
                    "by names a user for whom these credentials may not emit: leave it out, or use credentials with act_as",
                    index: index, path: root.path(of: index) + ".data.by", threadID: thread)
            }
            guard case .userMessage(let message) = drafts[index].payload, !principal.mayEmit(as: message.userID)
            else { continue }
            throw ProtocolError(
                .wire(.fieldNotAllowed),
                "user_id names a user for whom these credentials may not emit: say your own, or use credentials with act_as",
                index: index, path: root.path(of: index) + ".data.user_id", threadID: thread)
        }
    }

    /// Whether the principal may answer requests for approval.
    ///
    /// - Throws: ``ProtocolError``: `approval.forbidden`, or `auth.unavailable`.
    private func checkAnswer(
        at index: Int,
        in thread: ThreadID,
        of owner: UserID?,
        by principal: Principal,
        root: DraftRoot
    ) async throws(ProtocolError) {
        do throws(ProtocolError) {
            try await access.check(.approve, of: thread, owner: owner, by: principal)
        } catch {
            // That the thread is there the principal knows: it may emit in it.
            guard error.code == .scopeMissing || error.code == .threadUnknown else { throw error }
            throw EmittedAnswers.forbidden(at: index, in: thread, root: root)
        }
    }

    /// The rights that a request takes, as far as they are known without a question; `nil` when the authorizer has to be
    /// asked.
    func knownRights(for request: EmitRequest, of principal: Principal) -> RightsAnswer? {
        guard let owner = runtime.knownOwner(of: request.thread) else { return nil }
        return access.known(RightsRequest(principal: principal, thread: request.thread, owner: owner))
    }

    private func owner(of thread: ThreadID) async throws(ProtocolError) -> UserID? {
        do throws(EventLogError) {
            return try await runtime.owner(of: thread)
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
    }

    /// - Returns: the user that the thread belongs to; `nil` while it has no event.
    private func authorize(
        _ thread: ThreadID,
        of user: UserID?,
        as principal: Principal,
        _ answer: RightsAnswer? = nil
    ) async throws(ProtocolError) -> UserID? {
        let owner = try await owner(of: thread)
        if let answer = find(answer, for: owner) {
            guard answer.allows(.emit) else { throw .unknown(thread) }
        } else {
            try await access.check(.emit, of: thread, owner: owner, by: principal)
        }
        guard principal.mayEmit(as: user ?? principal.user) else { throw .unknown(thread) }
        return owner
    }
}
