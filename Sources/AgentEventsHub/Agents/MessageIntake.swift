package import AgentEvents
package import AgentEventsProtocol

/// Takes a user's message: logs it and has an agent answer it.
package struct MessageIntake: Sendable {
    private let runtime: AgentRuntime
    private let access: ThreadAccess
    private let dispatcher: AgentDispatcher

    init(runtime: AgentRuntime, access: ThreadAccess, dispatcher: AgentDispatcher) {
        self.runtime = runtime
        self.access = access
        self.dispatcher = dispatcher
    }

    /// The outcome of a message.
    package struct Answer: Hashable, Sendable {
        package var thread: ThreadID
        package var message: MessageID
        /// The run that answers; `nil` when the service has no agents.
        package var run: RunID?
    }

    /// Whether the principal may send messages to the agents of a thread, before there is one.
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

    /// Returns when `user_message`, and in the same commit the first event of the run that answers it, are committed; the
    /// run continues by itself. So no message is accepted that nobody answers: not even a crash comes in between.
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
        from principal: Principal
    ) async throws(ProtocolError) -> Answer {
        let owner = try await owner(of: thread, for: principal)
        let key = key.map { MessageKey($0, author: principal.user, thread: thread) }
        let prompt = UserPrompt(
            text: request.text, data: request.data,
            messageID: key?.message ?? runtime.configuration.identifiers.messageID(), author: principal.user)
        let message = Message(prompt: prompt, agent: request.agent, key: key, thread: thread, owner: owner)
        guard let agent = try dispatcher.agent(named: request.agent) else {
            _ = try await decide(on: message, from: principal) { ThreadDecision((), drafts: [message.draft]) }
            return Answer(thread: thread, message: prompt.messageID)
        }
        let run = runtime.configuration.identifiers.runID()
        let drafts = [message.draft, message.start(run, of: agent)]
        switch try await start(agent, for: message, newRun: run, from: principal, drafts: drafts) {
        case .decided:
            return Answer(thread: thread, message: prompt.messageID, run: run)
        case .repeated(let receipt):
            let answering = try await self.run(answering: receipt, to: message, agent, from: principal)
            return Answer(thread: thread, message: prompt.messageID, run: answering)
        }
    }

    /// Has a run started, in a slot that is its own, and hands it over.
    private func start(
        _ agent: any ServedAgent,
        for message: Message,
        newRun run: RunID,
        from principal: Principal,
        drafts: [EventDraft]
    ) async throws(ProtocolError) -> DecidedRequest<Void> {
        try dispatcher.reserve()
        var isHandedOver = false
        let decided: DecidedRequest<Void>
        do throws(ProtocolError) {
            decided = try await decide(on: message, newRun: run, from: principal) {
                ThreadDecision((), drafts: drafts, startedRun: run)
            } begin: { started in
                isHandedOver = true
                dispatcher.start(AgentJob(agent: agent, prompt: message.prompt, run: started, thread: message.thread))
            }
        } catch {
            // A run that has started has its slot until its body returns, also when its start could not be committed.
            if !isHandedOver { dispatcher.giveBack() }
            throw error
        }
        if case .repeated = decided { dispatcher.giveBack() }
        return decided
    }

    /// The run that answers a message which came again.
    ///
    /// - Parameter receipt: the events of the message that were logged before: itself, and the first event of its run.
    /// - Returns: `nil` when that event was trimmed.
    private func run(
        answering receipt: EmitReceipt,
        to message: Message,
        _ agent: any ServedAgent,
        from principal: Principal
    ) async throws(ProtocolError) -> RunID? {
        guard let event = receipt.ids.first, let last = receipt.ids.last else { return nil }
        if event != last { return try await self.run(beganBy: last, in: message.thread) }
        // It was logged without a run. The run's id comes from that of the event, which is never given twice, so that there
        // is one however often it comes again.
        let run = MessageKey.run(answering: event)
        if let record = try await record(of: message.thread), event.sequence < record.oldest.sequence { return run }
        var again = message
        again.key = nil
        do throws(ProtocolError) {
            _ = try await start(
                agent, for: again, newRun: run, from: principal, drafts: [message.start(run, of: agent)])
        } catch {
            // Of two that start it at the same time, the second one is refused by the order of runs.
            guard error.code == .order(.alreadyStarted) || error.code == .order(.alreadyEnded) else { throw error }
        }
        return run
    }

    /// The run whose first event this is; `nil` when it was trimmed.
    private func run(beganBy event: EventID, in thread: ThreadID) async throws(ProtocolError) -> RunID? {
        do throws(EventLogError) {
            let page = try await runtime.log.read(
                LogRead(.thread(thread, after: event.sequence - 1), maximumCount: 1))
            guard let stored = page.events.first, stored.id == event else { return nil }
            do throws(WireError) {
                return try EventDecoder.decode(stored.bytes).runID
            } catch {
                throw EventLogError(.corrupt, "event \(event) of thread \(thread) is unreadable", cause: error)
            }
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

    /// The owner of a thread: the user who opened it, or is about to, or the author when nobody is.
    private func owner(of thread: ThreadID, for principal: Principal) async throws(ProtocolError) -> UserID {
        try ThreadAccess.checkScope(of: principal, for: .command, in: thread)
        let owner: UserID?
        do throws(EventLogError) {
            owner = try await runtime.owner(of: thread)
        } catch {
            throw ProtocolError(error, threadID: thread)
        }
        try await access.check(.command, of: thread, owner: owner, by: principal)
        return owner ?? principal.user
    }

    /// A message on its way into its thread.
    private struct Message: Sendable {
        var prompt: UserPrompt
        /// The agent that was asked for.
        var agent: AgentName?
        var key: MessageKey?
        var thread: ThreadID
        /// The user the thread belongs to.
        var owner: UserID

        var draft: EventDraft {
            EventDraft(
                .userMessage(
                    UserMessage(
                        messageID: prompt.messageID, userID: prompt.author, text: prompt.text, data: prompt.data)))
        }

        func start(_ run: RunID, of agent: any ServedAgent) -> EventDraft {
            let started = AgentStarted(input: .string(prompt.text), messageIDs: [prompt.messageID])
            return EventDraft(runID: run, agent: agent.name, .agentStarted(started))
        }
    }

    /// Has a message decided in its thread, and returns when the events are committed.
    ///
    /// - Parameter begin: is given the run that starts, before the commit.
    private func decide(
        on message: Message,
        newRun: RunID? = nil,
        from author: Principal,
        by decision: @escaping @Sendable () -> ThreadDecision<Void>,
        begin: (AcceptedRun) -> Void = { _ in }
    ) async throws(ProtocolError) -> DecidedRequest<Void> {
        let thread = message.thread
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: message.owner, thread: thread)
            let key = message.key.map {
                DecisionKey(RequestKey($0.key, detail: message.agent?.rawValue), for: [message.draft])
            }
            let decided = try await context.decide(key, newRuns: Set([newRun].compactMap(\.self))) { _, _ in decision()
            }
            let receipt: EmitReceipt?
            switch decided {
            case .repeated(let logged):
                receipt = logged
            case .decided(let result):
                if let started = result.started { begin(started) }
                receipt = result.receipt
            }
            if let receipt { try await runtime.waitForCommit(of: receipt) }
            return decided
        } catch {
            // It was opened meanwhile for somebody else, of whom the author may not be to know.
            if error.code == .threadForbidden { _ = try await self.owner(of: thread, for: author) }
            var failure = ProtocolError(error, threadID: thread)
            // The client sent no events, so it is not told about the place of one.
            failure.index = nil
            failure.path = nil
            if let key = message.key, failure.code == .keyConflict {
                // The key in the log is not the one that the client knows.
                failure.message =
                    "the key \(key.given) was used for another message, \(key.message): send this one with a key of its own"
            }
            throw failure
        }
    }
}

/// The identity of a user's message that may be sent again: one key of one author in one thread.
///
/// The id of such a message comes from the key, so that a repetition is answered with the same one.
struct MessageKey: Hashable, Sendable {
    /// The key of the event in the log; clients cannot give events such a key.
    let key: IdempotencyKey
    /// As the author gave it.
    let given: IdempotencyKey
    let message: MessageID

    init(_ key: IdempotencyKey, author: UserID, thread: ThreadID) {
        given = key
        // An id has no space in it.
        let text = "\(thread.rawValue) \(author.rawValue) \(key.rawValue)"
        let digits = Hexadecimal.text(of: SHA256Hash.hash(Array(text.utf8)).prefix(16))
        self.key = Self.identifier("message~\(digits)")
        message = Self.identifier("m_\(digits)")
    }

    /// The run that answers a message which was logged without one; its event has this id.
    static func run(answering event: EventID) -> RunID { identifier("r_\(event)") }

    private static func identifier<Kind: Identifier>(_ text: String) -> Kind {
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            preconditionFailure("letters and digits are an id")
        }
    }
}
