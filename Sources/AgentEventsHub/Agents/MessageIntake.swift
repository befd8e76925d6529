package import AgentEvents
package import AgentEventsProtocol

/// Takes users' requests for runs, messages most of all: has them decided in their threads, and agents answer them.
package struct MessageIntake: Sendable {
    private let runtime: AgentRuntime
    private let access: ThreadAccess
    private let usage: ServiceLimits
    private let dispatcher: AgentDispatcher
    private let configuration: HubConfiguration
    private let threadIDs: ThreadIDSource

    init(
        runtime: AgentRuntime,
        access: ThreadAccess,
        usage: ServiceLimits,
        dispatcher: AgentDispatcher,
        configuration: HubConfiguration,
        threadIDs: ThreadIDSource
    ) {
        self.threadIDs = threadIDs
        self.runtime = runtime
        self.access = access
        self.usage = usage
        self.dispatcher = dispatcher
        self.configuration = configuration
    }

    /// The outcome of a request.
    package struct Answer: Hashable, Sendable {
        package var thread: ThreadID
        /// The message; `nil` for a request without one.
        package var message: MessageID?
        /// The run that answers; `nil` when the service has no agents.
        package var run: RunID?
        /// The state of the run, or of the message, when it was decided.
        package var status: Status?
        /// The events: the message, and the first event of its run. Events that ended other runs are not among them.
        package var cursors: [EventID] = []
        /// Says if the request was logged before, under the same key.
        package var isRepeated = false
    }

    /// The states of a request, by the names on the wire.
    package enum Status: String, Hashable, Sendable {
        /// Its run has started.
        case started
        /// Its run is queued.
        case queued
        /// The message was given to a run under way.
        case given

        /// The status of the run.
        var ofRun: CommandDetails.Status {
            switch self {
            case .queued: .queued
            case .started, .given: .running
            }
        }
    }

    /// Says if the principal may send messages to the agents of a thread, before there is one.
    ///
    /// - Parameter looksUp: whether the log is asked for the owner of the thread, too.
    /// - Throws: ``ProtocolError``.
    package func checkAccess(
        to thread: ThreadID,
        for principal: Principal,
        looksUp: Bool
    ) async throws(ProtocolError) {
        try ThreadAccess.checkScope(of: principal, for: .command, in: thread)
        if looksUp { _ = try await owner(of: thread, for: principal) }
    }

    /// Whether the principal may open threads by messages, before there is one.
    ///
    /// - Throws: ``ProtocolError`` `auth.scope_missing`.
    package func checkOpening(by principal: Principal) throws(ProtocolError) {
        guard !principal.mayOpenAnywhere else { return }
        throw Self.mayNotOpen
    }

    private static var mayNotOpen: ProtocolError {
        ProtocolError(.scopeMissing, "these credentials do not allow to open threads")
    }

    /// Opens a thread by a message; the service makes its id. With a key, a repetition is for the same thread.
    ///
    /// - Throws: ``ProtocolError``; then nothing was logged.
    package func open(
        _ request: MessageRequest,
        key: IdempotencyKey? = nil,
        from principal: Principal
    ) async throws(ProtocolError) -> Answer {
        try checkOpening(by: principal)
        let thread: ThreadID
        do throws(EventLogError) {
            thread = if let key { try await threadIDs.id(for: key, of: principal.user) } else { threadIDs.next() }
        } catch {
            throw ProtocolError(error, threadID: nil)
        }
        do throws(ProtocolError) {
            return try await submit(request, key: key, in: thread, isNewID: true, from: principal)
        } catch {
            // The client knows of no thread.
            guard error.code == .threadUnknown else { throw error }
            throw Self.mayNotOpen
        }
    }

    /// Returns when `user_message`, and in the same commit the first event of the run that answers it, are committed; the
    /// run continues by itself. So no message is accepted that nobody answers: not even a crash comes in between.
    ///
    /// In a thread that is busy the policy decides what a message becomes; see ``ConcurrencyPolicy``.
    ///
    /// A message with a key that came before, in the last 24 hours, is not logged again and has the same answer. One that
    /// was logged without a run, because no agent was served then or by an earlier version, is answered now. Another
    /// message, or one for another agent, is refused with `key.conflict`.
    ///
    /// - Throws: ``ProtocolError``; then nothing was logged.
    package func submit(
        _ request: MessageRequest,
        key: IdempotencyKey? = nil,
        in thread: ThreadID,
        isNewID: Bool = false,
        from principal: Principal
    ) async throws(ProtocolError) -> Answer {
        let owner = try await admit(principal, to: thread, isNewID: isNewID)
        let key = key.map { MessageKey($0, author: principal.user, thread: thread) }
        let agent = try dispatcher.agent(named: request.agent, in: thread, of: owner)
        let policy = try self.policy(request.policy, of: agent, in: thread)
        try Self.check(request, policy, in: thread)
        let message = UserMessage(
            messageID: key?.message ?? runtime.configuration.identifiers.messageID(), userID: principal.user,
            text: request.text, data: request.data, replaces: request.replaces,
            trace: principal.trusted(request.trace))
        guard let agent else { return try await log(message, request, key, in: thread, of: owner, from: principal) }
        let run = RunRequest(
            thread: thread, owner: owner, author: principal.user, agent: agent, policy: policy, message: message,
            answersApproval: request.answersApproval, input: .string(message.text), notBefore: request.notBefore,
            startBy: request.startBy,
            takesAnyAgent: request.agent == nil, waitsForAnswers: request.waitsForAnswers, trace: message.trace,
            run: runtime.configuration.identifiers.runID())
        let identity = key.map { RequestIdentity($0, detail: request.detail, draft: run.messageDraft) }
        return try await take(run, identity, from: principal)
    }

    /// Starts an agent without a message, or does a run again: returns when the first event of the run is committed. What
    /// it becomes in a thread that is busy is a matter of its policy, as for a message.
    ///
    /// - Throws: ``ProtocolError``, among others `run.unknown` for a run to do again that the thread does not have, or no
    ///   longer; then nothing was logged.
    package func start(
        _ request: StartRequest,
        key: IdempotencyKey,
        in thread: ThreadID,
        from principal: Principal
    ) async throws(ProtocolError) -> Answer {
        let owner = try await admit(principal, to: thread)
        // A schedule has none of the rights of a member, or of an administrator.
        guard request.occurrence == nil || owner == principal.user else {
            throw ProtocolError(
                .threadForbidden, "the thread is another user's: schedules are for threads of one's own",
                threadID: thread)
        }
        let retried = try await retried(request.retryOf, in: thread)
        guard let agent = try dispatcher.agent(named: request.agent ?? retried?.agent, in: thread, of: owner) else {
            throw ProtocolError(.agentUnknown, "no agent is served here that could start", threadID: thread)
        }
        var run = RunRequest(
            thread: thread, owner: owner, author: principal.user, agent: agent,
            policy: try policy(request.policy, of: agent, in: thread), message: nil,
            input: request.input ?? retried?.beginning.input,
            retried: retried, waitsForAnswers: request.waitsForAnswers, trace: principal.trusted(request.trace),
            run: request.occurrence?.run ?? runtime.configuration.identifiers.runID())
        run.schedule = request.occurrence?.schedule
        // An occurrence may have been started before its key was forgotten.
        run.isRunNew = request.occurrence == nil
        let identity = RequestIdentity(
            key: CommandKey(key, author: principal.user, thread: thread).key, given: key, detail: request.detail)
        return try await take(run, identity, from: principal)
    }

    /// Tells whether a message with this key was accepted from the principal before. Sending it again repeats the answer, and starts
    /// nothing.
    package func knows(
        _ key: IdempotencyKey,
        in thread: ThreadID,
        from principal: Principal
    ) async throws(ProtocolError) -> Bool {
        try await knows(MessageKey(key, author: principal.user, thread: thread).key, in: thread)
    }

    /// Tells the same of a request to start a run without a message.
    package func knowsStart(
        _ key: IdempotencyKey,
        in thread: ThreadID,
        from principal: Principal
    ) async throws(ProtocolError) -> Bool {
        try await knows(CommandKey(key, author: principal.user, thread: thread).key, in: thread)
    }

    private func knows(_ key: IdempotencyKey, in thread: ThreadID) async throws(ProtocolError) -> Bool {
        do throws(EventLogError) {
            return try await runtime.log.recall(key, in: thread) != nil
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
    }

    /// The id that a message with this key has, or would have.
    package func message(of key: IdempotencyKey, in thread: ThreadID, from principal: Principal) -> MessageID {
        MessageKey(key, author: principal.user, thread: thread).message
    }

    /// - Throws: ``ProtocolError`` `run.unknown`.
    private func retried(_ run: RunID?, in thread: ThreadID) async throws(ProtocolError) -> RetriedRun? {
        guard let run else { return nil }
        do throws(EventLogError) {
            if let found = try await RetriedRun.find(run, in: thread, runtime.log) { return found }
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
        throw ProtocolError(
            .runUnknown,
            "there is no run \(run) in this thread that could be done again: name a run_id from its agent_started or "
                + "agent_queued", threadID: thread)
    }

    /// Logs a message that no agent of this service answers: others may, by way of the events.
    private func log(
        _ message: UserMessage,
        _ request: MessageRequest,
        _ key: MessageKey?,
        in thread: ThreadID,
        of owner: UserID,
        from principal: Principal
    ) async throws(ProtocolError) -> Answer {
        let draft = EventDraft(.userMessage(message))
        let identity = key.map { RequestIdentity($0, detail: request.detail, draft: draft) }
        let decided = try await decide(identity, in: thread, of: owner, from: principal) { _, _ in
            ThreadDecision((), drafts: [draft])
        }
        var answer = Answer(thread: thread, message: message.messageID)
        switch decided {
        case .decided(let result):
            answer.cursors = result.receipt?.ids ?? []
        case .repeated(let receipt):
            answer.cursors = receipt.ids
            answer.isRepeated = true
            if receipt.ids.count > 1 { answer = try await self.answer(receipt, in: answer) }
        }
        return answer
    }

    /// The policy that counts for a request.
    ///
    /// - Throws: ``ProtocolError`` `policy.not_allowed`.
    private func policy(
        _ asked: ConcurrencyPolicy?,
        of agent: (any ServedAgent)?,
        in thread: ThreadID
    ) throws(ProtocolError) -> ConcurrencyPolicy {
        let settings = agent?.settings ?? AgentConcurrency()
        let own = settings.policy ?? configuration.concurrencyPolicy
        guard let asked, asked != own else { return own }
        guard settings.allowedPolicies.contains(asked) else {
            let allowed = ConcurrencyPolicy.allCases.filter { $0 == own || settings.allowedPolicies.contains($0) }
            throw ProtocolError(
                .policyNotAllowed,
                "the agent does not take the policy \(asked.rawValue): leave it out, or ask for one of "
                    + allowed.map(\.rawValue).joined(separator: ", "), threadID: thread)
        }
        return asked
    }

    /// Refuses a message that answers what a run asks, when its policy does not give it to a run: its no would be lost. The policy
    /// may be that of the agent or the service, which decoding does not know.
    private static func check(
        _ request: MessageRequest,
        _ policy: ConcurrencyPolicy,
        in thread: ThreadID
    ) throws(ProtocolError) {
        let members = MemberReader(JSONObject([]), path: "$")
        do throws(WireError) {
            try members.checkAnswers(request.answersApproval, policy: policy)
        } catch {
            var refusal = ProtocolError(member: error)
            refusal.threadID = thread
            throw refusal
        }
    }

    // MARK: Deciding

    /// Has a request decided in its thread, and its run worked for if it starts.
    private func take(
        _ request: RunRequest,
        _ identity: RequestIdentity?,
        from principal: Principal
    ) async throws(ProtocolError) -> Answer {
        let admission = try dispatcher.admit(request.author, in: request.thread)
        let dispatcher = dispatcher
        let rules = RunRequest.Rules(
            // A run of a worker begins when the worker takes it.
            hasSlot: admission.hasSlot && dispatcher.hasRoom && !(request.agent is WorkerAgent),
            queueRefusal: admission.queueRefusal,
            maximumQueuedCount: configuration.maximumQueuedRunsPerThread, inputAgents: dispatcher.inputAgents)
        let decided: DecidedRequest<RunRequest.Outcome>
        do throws(ProtocolError) {
            decided = try await decide(
                identity, in: request.thread, of: request.owner, newRuns: request.isRunNew ? [request.run] : [],
                from: principal
            ) { machine, time in
                request.decide(on: machine, rules, hasBodies: dispatcher.hasBodies(in: request.thread), at: time)
            } settle: { result in
                settle(admission, request, result)
            }
        } catch {
            dispatcher.settle(admission, as: .nothing)
            throw error
        }
        var answer = Answer(thread: request.thread, message: request.message?.messageID)
        switch decided {
        case .repeated(let receipt):
            dispatcher.settle(admission, as: .nothing)
            answer.cursors = Self.own(receipt.ids, of: request)
            answer.isRepeated = true
            return try await self.answer(receipt, in: answer, request, from: principal)
        case .decided(let result):
            answer.cursors = Self.own(result.receipt?.ids ?? [], of: request)
            switch result.outcome {
            case .started:
                (answer.run, answer.status) = (request.run, .started)
            case .queued:
                (answer.run, answer.status) = (request.run, .queued)
            case .given(let run):
                (answer.run, answer.status) = (run, .given)
                answer.cursors = Array(answer.cursors.suffix(1))
            case .refused(let refusal, let met):
                throw ProtocolError(refusal, met, in: request.thread)
            case .forbidden(let met):
                var error = ProtocolError(
                    .approvalForbidden,
                    "what the run asks is not for \(request.author) to answer: send the message without answers_approval",
                    threadID: request.thread)
                error.details = met.json
                throw error
            case .asked(let met):
                var error = ProtocolError(
                    .threadBusy, "the agent waits for an answer to its question: answer that first", isRetryable: true,
                    threadID: request.thread)
                error.details = met.json
                throw error
            }
            return answer
        }
    }

    /// The message and the first event of its run, among the events of a request: the ends of runs whose place it takes
    /// come before them.
    private static func own(_ events: [EventID], of request: RunRequest) -> [EventID] {
        Array(events.suffix(request.message == nil ? 1 : 2))
    }

    /// Tells the dispatcher what a request has become, before its events are committed.
    private func settle(
        _ admission: RunQueueStateMachine.Admission,
        _ request: RunRequest,
        _ result: DecidedRequest<RunRequest.Outcome>.Result
    ) {
        let place = RunQueueStateMachine.Place(thread: request.thread, run: request.run)
        switch result.outcome {
        case .started:
            guard let run = result.started else { preconditionFailure("the run that was started is known") }
            let job = AgentJob(
                agent: request.agent, run: run, place: place, author: request.author,
                prompt: request.prompt(from: runtime.log))
            dispatcher.settle(admission, as: .started(place), job)
        case .queued(let queuedAt, let settlesUntil):
            guard let id = result.receipt?.ids.last else { preconditionFailure("a run is queued by an event") }
            let entry = RunQueueStateMachine.Entry(
                place: place, owner: request.owner, user: request.author, agent: request.agent.name,
                sequence: id.sequence, queuedAt: queuedAt, notBefore: request.notBefore,
                isScheduled: request.schedule != nil)
            dispatcher.settle(admission, as: .queued(entry, settlesUntil: settlesUntil))
        case .given, .refused, .forbidden, .asked:
            dispatcher.settle(admission, as: .nothing)
        }
    }

    /// The answer to a request that came again.
    ///
    /// - Parameter receipt: the events that were logged before: the message, and the first event of its run.
    private func answer(
        _ receipt: EmitReceipt,
        in answer: Answer,
        _ request: RunRequest,
        from principal: Principal
    ) async throws(ProtocolError) -> Answer {
        guard let event = receipt.ids.last, request.message != nil else {
            return try await self.answer(receipt, in: answer)
        }
        // The last one is the message, or the first event of its run.
        if case .userMessage(let message)? = try await self.event(event, in: answer.thread)?.payload,
            let run = message.givenTo
        {
            var answer = answer
            (answer.run, answer.status) = (run, .given)
            answer.cursors = [event]
            return answer
        }
        guard receipt.ids.count == 1 else { return try await self.answer(receipt, in: answer) }
        // It was logged without a run. The run's id comes from that of the event, which is never given twice, so that there
        // is one however often it comes again.
        var answer = answer
        let run = MessageKey.run(answering: event)
        answer.run = run
        if let record = try await record(of: answer.thread), event.sequence < record.oldest.sequence { return answer }
        var again = request
        again.run = run
        again.isRunNew = false
        again.isMessageLogged = true
        do throws(ProtocolError) {
            answer.status = try await take(again, nil, from: principal).status
        } catch {
            // Of two that start it at the same time, the second one is refused by the order of runs.
            guard error.code == .order(.alreadyStarted) || error.code == .order(.alreadyEnded) else { throw error }
        }
        return answer
    }

    /// The answer to a request whose last event was the first one of its run; without the run when that was trimmed.
    private func answer(_ receipt: EmitReceipt, in answer: Answer) async throws(ProtocolError) -> Answer {
        guard let id = receipt.ids.last, let event = try await event(id, in: answer.thread) else { return answer }
        var answer = answer
        answer.run = event.runID
        answer.status = event.type == .agentQueued ? .queued : .started
        return answer
    }

    /// - Returns: `nil` when it was trimmed.
    private func event(_ id: EventID, in thread: ThreadID) async throws(ProtocolError) -> AgentEvent? {
        do throws(EventLogError) {
            let page = try await runtime.log.read(LogRead(.thread(thread, after: id.sequence - 1), maximumCount: 1))
            guard let stored = page.events.first, stored.id == id else { return nil }
            return try stored.decoded()
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
    }

    private func record(of thread: ThreadID) async throws(ProtocolError) -> ThreadRecord? {
        do throws(EventLogError) {
            return try await runtime.log.thread(thread)
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
    }

    /// Counts a request for a run, and the opening of its thread if it has none.
    ///
    /// - Returns: the owner of the thread.
    /// - Throws: ``ProtocolError``, among others `limits.messages` and `limits.threads`.
    private func admit(
        _ principal: Principal,
        to thread: ThreadID,
        isNewID: Bool = false
    ) async throws(ProtocolError) -> UserID {
        let owner = try await knownOwner(of: thread, isNewID: isNewID, for: principal)
        if ContextThread.isReserved(thread) {
            // It would be in the space without being let in.
            throw ProtocolError(
                .stateForbidden, "no agent works in the context of a user: ask it in a thread", threadID: thread)
        }
        if owner == nil, !isNewID { try await access.throwIfDeleted(thread, openingFor: principal.user) }
        if let refusal = usage.message(of: principal, in: thread) { throw refusal }
        if let owner { return owner }
        if let refusal = usage.opening(of: thread, for: principal.user, by: principal) { throw refusal }
        return principal.user
    }

    /// The owner of a thread: the user who opened it, or is about to, or the author when nobody is.
    private func owner(of thread: ThreadID, for principal: Principal) async throws(ProtocolError) -> UserID {
        try await knownOwner(of: thread, for: principal) ?? principal.user
    }

    /// - Returns: `nil` for a thread that is not open.
    private func knownOwner(
        of thread: ThreadID,
        isNewID: Bool = false,
        for principal: Principal
    ) async throws(ProtocolError) -> UserID? {
        try ThreadAccess.checkScope(of: principal, for: .command, in: thread)
        let owner: UserID?
        do throws(EventLogError) {
            owner = try await runtime.owner(of: thread)
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
        try await access.check(.command, of: thread, owner: owner, isNewID: isNewID, by: principal)
        return owner
    }

    /// Has a request decided in its thread, and returns when its events are committed.
    ///
    /// - Parameter settle: is given the decision at once, before the commit.
    private func decide<Outcome: Sendable>(
        _ identity: RequestIdentity?,
        in thread: ThreadID,
        of owner: UserID,
        newRuns: Set<RunID> = [],
        from author: Principal,
        by decision: @escaping @Sendable (ThreadStateMachine, Timestamp) -> ThreadDecision<Outcome>,
        settle: (DecidedRequest<Outcome>.Result) -> Void = { _ in }
    ) async throws(ProtocolError) -> DecidedRequest<Outcome> {
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: owner, thread: thread)
            let decided = try await context.decide(identity?.decisionKey, newRuns: newRuns, by: decision)
            switch decided {
            case .repeated(let receipt):
                try await runtime.waitForCommit(of: receipt)
            case .decided(let result):
                settle(result)
                if let receipt = result.receipt { try await runtime.waitForCommit(of: receipt) }
            }
            return decided
        } catch {
            // It was opened meanwhile for somebody else, of whom the author may not be to know.
            if error.code == .threadForbidden { _ = try await self.owner(of: thread, for: author) }
            if error.code == .threadDeleted { throw try await access.refusal(ofDeleted: thread, for: author.user) }
            var failure = ProtocolError(error, threadID: thread)
            // The client sent no events, so it is not told about the place of one.
            failure.index = nil
            failure.path = nil
            if let identity, failure.code == .keyConflict {
                // The key in the log is not the one that the client knows.
                var known = ""
                if case .userMessage(let message)? = identity.draft?.payload { known = ", \(message.messageID)" }
                failure.message =
                    "the key \(identity.given) was used for another message\(known): send this one with a key of its own"
            }
            throw failure
        }
    }
}
