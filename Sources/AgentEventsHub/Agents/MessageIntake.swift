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

    /// Returns when `user_message` is committed; the run continues by itself.
    ///
    /// A message with a key that came before, in the last 24 hours, is not logged again and has the same answer; its
    /// run is started if it was not, because the process ended in between. Another message, or one for another agent,
    /// is refused with `key.conflict`.
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
        guard let agent = try dispatcher.agent(named: request.agent) else {
            let logged = try await log(request, key, in: thread, of: owner, author: principal)
            return Answer(thread: thread, message: logged.message)
        }
        try dispatcher.reserve()
        let logged: Logged
        let isAnswered: Bool
        do throws(ProtocolError) {
            logged = try await log(request, key, in: thread, of: owner, author: principal)
            isAnswered = try await wasStarted(logged, in: thread)
        } catch {
            dispatcher.giveBack()
            throw error
        }
        let run = logged.run ?? runtime.configuration.identifiers.runID()
        if isAnswered {
            dispatcher.giveBack()
        } else {
            // Of two that start at the same time, the second one is refused by the order of runs.
            let prompt = UserPrompt(
                text: request.text, data: request.data, messageID: logged.message, author: principal.user)
            dispatcher.start(AgentJob(agent: agent, prompt: prompt, run: run, thread: thread, owner: owner))
        }
        return Answer(thread: thread, message: logged.message, run: run)
    }

    /// Whether the run of a message that came again has begun.
    private func wasStarted(_ logged: Logged, in thread: ThreadID) async throws(ProtocolError) -> Bool {
        guard let repeated = logged.repeatedEvent, let run = logged.run,
            let record = try await record(of: thread)
        else { return false }
        // What is trimmed is old.
        if repeated.sequence < record.oldest.sequence { return true }
        do throws(EventLogError) {
            return try await !runtime.log.startedRuns(among: [run], in: thread).isEmpty
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

    /// A message in the log.
    private struct Logged {
        var message: MessageID
        /// The run that answers it; `nil` for any.
        var run: RunID?
        /// The event, when it was logged by an earlier request.
        var repeatedEvent: EventID?
    }

    private func log(
        _ request: MessageRequest,
        _ key: MessageKey?,
        in thread: ThreadID,
        of owner: UserID,
        author: Principal
    ) async throws(ProtocolError) -> Logged {
        let message = key?.message ?? runtime.configuration.identifiers.messageID()
        let draft = EventDraft(
            .userMessage(UserMessage(messageID: message, userID: author.user, text: request.text, data: request.data)))
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: owner, thread: thread)
            let request = key.map { RequestKey($0.key, detail: request.agent?.rawValue) }
            let receipt = try await context.emit([draft], as: request)
            try await runtime.waitForCommit(of: receipt)
            guard key != nil, let event = receipt.ids.first else { return Logged(message: message) }
            return Logged(
                message: message, run: MessageKey.run(answering: event),
                repeatedEvent: receipt.isRepeated ? event : nil)
        } catch {
            // It was opened meanwhile for somebody else, of whom the author may not be to know.
            if error.code == .threadForbidden { _ = try await self.owner(of: thread, for: author) }
            var failure = ProtocolError(error, threadID: thread)
            // The client sent no events, so it is not told about the place of one.
            failure.index = nil
            failure.path = nil
            if let key, failure.code == .keyConflict {
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
/// The ids of such a message come from the key, so that a repetition is answered with the same ones: the message's id
/// from the key itself, the run's from the id of the event, which is never given twice.
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

    /// The run that answers the message, whose event has this id.
    static func run(answering event: EventID) -> RunID { identifier("r_\(event)") }

    private static func identifier<Kind: Identifier>(_ text: String) -> Kind {
        do throws(IdentifierError) {
            return try Kind(text)
        } catch {
            preconditionFailure("letters and digits are an id")
        }
    }
}
