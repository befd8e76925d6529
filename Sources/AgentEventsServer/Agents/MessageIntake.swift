package import AgentEvents

/// Takes a user's message: logs it and has an agent answer it.
package struct MessageIntake: Sendable {
    private let runtime: AgentRuntime
    private let dispatcher: AgentDispatcher

    package init(runtime: AgentRuntime, dispatcher: AgentDispatcher) {
        self.runtime = runtime
        self.dispatcher = dispatcher
    }

    /// What became of a message.
    package struct Answer: Hashable, Sendable {
        package var thread: ThreadID
        package var message: MessageID
        /// The run that answers; `nil` when the service has no agents.
        package var run: RunID?
    }

    /// Returns when `user_message` is committed; the run goes on by itself.
    ///
    /// - Throws: ``ProtocolError``; then nothing was logged.
    package func take(
        _ request: MessageRequest,
        in thread: ThreadID,
        from principal: Principal
    ) async throws(ProtocolError) -> Answer {
        let owner = try await owner(of: thread, for: principal)
        guard let agent = try dispatcher.agent(named: request.agent) else {
            let message = try await log(request, in: thread, of: owner, author: principal.user)
            return Answer(thread: thread, message: message)
        }
        try dispatcher.reserve()
        let message: MessageID
        do throws(ProtocolError) {
            message = try await log(request, in: thread, of: owner, author: principal.user)
        } catch {
            dispatcher.giveBack()
            throw error
        }
        let run = runtime.configuration.identifiers.runID()
        let prompt = UserPrompt(text: request.text, message: message, author: principal.user)
        dispatcher.start(AgentJob(agent: agent, prompt: prompt, run: run, thread: thread, owner: owner))
        return Answer(thread: thread, message: message, run: run)
    }

    /// Whose thread it is: the one who opened it, or the author when nobody has.
    private func owner(of thread: ThreadID, for principal: Principal) async throws(ProtocolError) -> UserID {
        let record: ThreadRecord?
        do throws(EventLogError) {
            record = try await runtime.log.thread(thread)
        } catch {
            throw ProtocolError(error, thread: thread)
        }
        guard principal.scopes.contains(.command) else {
            throw ProtocolError(
                .scopeMissing, "these credentials do not allow to send messages to agents", thread: thread)
        }
        guard principal.mayCommand(thread, owner: record?.user) else {
            throw ProtocolError(.threadForbidden, "the thread \(thread) belongs to another user", thread: thread)
        }
        return record?.user ?? principal.user
    }

    private func log(
        _ request: MessageRequest,
        in thread: ThreadID,
        of owner: UserID,
        author: UserID
    ) async throws(ProtocolError) -> MessageID {
        let message = runtime.configuration.identifiers.messageID()
        let draft = EventDraft(.userMessage(UserMessage(message: message, user: author, text: request.text)))
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: owner, thread: thread)
            let receipt = try await context.emit([draft])
            try await runtime.waitForCommit(of: receipt)
        } catch {
            var failure = ProtocolError(error, thread: thread)
            // The client sent no events, so it is not told about the place of one.
            failure.index = nil
            failure.path = nil
            throw failure
        }
        return message
    }
}
