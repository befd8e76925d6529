public import AgentEvents

extension AgentRun {
    /// Asks a model once, and says and thinks what it answers as it comes; its calls are in the result.
    ///
    /// ```swift
    /// let turn = try await run.turn(of: model, on: run.transcript(), tools: tools)
    /// ```
    ///
    /// What is said is one message. The model is read no faster than the log takes its words, and not while the run is paused.
    /// The tokens are reported with the end of the answer, and of each one that broke off (estimated then, four bytes each); a
    /// run that is stopped meanwhile ends with what was seen up to then.
    ///
    /// - Parameters:
    ///   - transcript: the conversation so far.
    ///   - question: the message in it that the run was asked with, for models that make a difference of it.
    ///   - instructions: what the model is and how it should behave.
    ///   - tools: those that it may call; ``execute(_:with:)`` carries the calls out.
    ///   - maximumOutputTokens: `nil` for the model's own limit.
    ///   - retries: what follows when the answer does not come, or breaks off.
    /// - Throws: the error of the model (``ModelError``) when no further try is made; ``AgentEventsError``, among others
    ///   `order.already_ended` when the run has ended meanwhile; `CancellationError`.
    public func turn(
        of model: some LanguageModel,
        on transcript: Transcript,
        question: MessageID? = nil,
        instructions: String = "",
        tools: [Tool] = [],
        maximumOutputTokens: Int? = nil,
        retries: ModelRetryPolicy = ModelRetryPolicy()
    ) async throws -> ModelTurn {
        let request = ModelRequest(
            instructions: instructions, transcript: transcript, question: question, run: id,
            tools: tools.map(\.description), maximumOutputTokens: maximumOutputTokens)
        var machine = ModelTurnStateMachine(
            model: model.name, retries: retries, inputEstimate: TokenEstimate.count(of: request))
        while true {
            let answer = ModelAnswer(run: self)
            var refusal: (any Error)?
            do {
                answer.count(machine.report)
                try await model.reply(to: request) { part in
                    do {
                        try await answer.take(part, &machine)
                    } catch {
                        refusal = error
                        throw error
                    }
                }
                // A model may have swallowed it.
                if let refusal { throw refusal }
                try Task.checkCancellation()
            } catch {
                // The log, or the order of the run, and not the model. And what was counted stands in the end of a stopped run.
                if refusal != nil || error is CancellationError || Task.isCancelled { throw error }
                try await answer.retry(after: error, &machine)
                continue
            }
            return try await answer.end(&machine)
        }
    }
}

/// One try of an answer, in its run.
private struct ModelAnswer {
    private let run: AgentRun
    private let message: MessageID
    private let thought: ThoughtID

    init(run: AgentRun) {
        self.run = run
        message = run.identifiers.messageID()
        thought = run.identifiers.thoughtID()
    }

    func take(_ part: ModelPart, _ machine: inout ModelTurnStateMachine) async throws(AgentEventsError) {
        let action = machine.receive(part)
        count(machine.report)
        switch action {
        case .say(let text):
            try await run.emit(.messageDelta(MessageDelta(messageID: message, text: text)))
        case .think(let text):
            try await run.emit(.agentThinking(AgentThinking(thoughtID: thought, text: text)))
        case .keep:
            break
        }
    }

    /// Counts the tokens in memory, for the case that the run ends before they are reported.
    func count(_ report: UsageReported) { run.usage.count(report, of: message) }

    private func log(_ report: UsageReported?) async throws(AgentEventsError) {
        guard let report else { return run.usage.settle(message) }
        try await run.reportUsage(report, of: message)
    }

    func end(_ machine: inout ModelTurnStateMachine) async throws(AgentEventsError) -> ModelTurn {
        switch machine.end() {
        case .complete(let turn, let hasMessage):
            if hasMessage {
                try await run.emit(.messageCompleted(MessageCompleted(messageID: message, text: await text)))
            }
            try await log(turn.usage)
            return turn
        }
    }

    /// The text as the log has it.
    private var text: String { get async { await run.context.openMessageText(message, in: run.id) ?? "" } }

    /// - Throws: the error of the model when no further try is made.
    func retry(after error: any Error, _ machine: inout ModelTurnStateMachine) async throws {
        let environment = run.context.environment
        let action = machine.fail(
            isRetryable: (error as? any CodedError)?.isRetryable ?? false,
            retryAfter: (error as? ModelError)?.retryAfter, fraction: environment.randomFraction())
        switch action {
        case .retry(let delay, let interrupts, let usage):
            if interrupts {
                let broken = MessageCompleted(messageID: message, text: await text, isInterrupted: true)
                try await run.emit(.messageCompleted(broken))
            }
            try await log(usage)
            try await environment.sleep(delay)
        case .fail(let usage):
            try await log(usage)
            throw error
        }
    }
}
