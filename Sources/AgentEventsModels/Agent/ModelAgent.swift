public import AgentEvents
public import AgentEventsHub

/// An agent around a language model: it is told of the conversation, its answer is said as it comes, its calls of tools are
/// carried out, and it is asked again, until it calls no more.
///
/// ```swift
/// let ops = ModelAgent(
///     "ops", model: model, instructions: "You help with releases.", tools: [searchBuilds, deploy],
///     limits: AgentLimits(steps: 20, deadline: .seconds(300), tokens: 200_000), whenBusy: .steer, restart: .resume)
/// ```
///
/// All that it does goes through its run: it can be paused in the middle of a word, stopped, and asked for approvals that take
/// days. What the model is told is made of the log (``Transcript``), so with ``RestartMode/resume`` another process continues a
/// run where it was. Messages that users write meanwhile are taken between two answers, under the policy `steer`.
///
/// One that asks models in another way does the same steps by itself: `AgentRun.transcript()`, `AgentRun.turn(of:on:)` and
/// `AgentRun.execute(_:with:)`.
public struct ModelAgent: ConcurrentAgent, ResumableAgent {
    public let name: AgentName
    public let concurrency: AgentConcurrency
    public let restart: RestartMode
    public let repeatableTools: Set<ToolName>
    private let model: any LanguageModel
    private let instructions: String
    private let tools: [Tool]
    private let limits: AgentLimits
    private let retries: ModelRetryPolicy
    private let result: (@Sendable (ModelRequest) async throws -> JSONValue?)?

    /// - Parameters:
    ///   - name: the name under which it is asked for.
    ///   - model: the model.
    ///   - instructions: what it is and how it should behave.
    ///   - tools: the tools that it may call, each of another name.
    ///   - limits: of each run.
    ///   - whenBusy: what a message becomes in a thread in which a run is open; `nil` for the policy of the service.
    ///   - restart: what becomes of its runs when the process is gone.
    ///   - retries: what follows when an answer does not come, or breaks off.
    ///   - result: makes the result of a run that ends well, of all that was said and done in it: the request that would come next.
    ///     What it throws fails the run. `nil` for runs without a result.
    public init(
        _ name: AgentName,
        model: some LanguageModel,
        instructions: String = "",
        tools: [Tool] = [],
        limits: AgentLimits = AgentLimits(),
        whenBusy: ConcurrencyPolicy? = nil,
        restart: RestartMode = .never,
        retries: ModelRetryPolicy = ModelRetryPolicy(),
        result: (@Sendable (ModelRequest) async throws -> JSONValue?)? = nil
    ) {
        precondition(Set(tools.map(\.name)).count == tools.count, "two tools of the agent \(name) have the same name")
        self.name = name
        self.model = model
        self.instructions = instructions
        self.tools = tools
        self.limits = limits
        self.restart = restart
        self.retries = retries
        self.result = result
        var concurrency = AgentConcurrency(policy: whenBusy)
        concurrency.takesInput = true
        self.concurrency = concurrency
        repeatableTools = Set(tools.filter(\.isRepeatable).map(\.name))
    }

    public func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        try await run.working(within: limits.deadline) { try await answer(prompt, run) }
    }

    /// Ends the calls that are open, and continues from what the log has. A child run that was lost with the call that had
    /// started it is ended, since nobody here knows what it was about; a question that stood in such a call is taken back.
    public func resume(_ resumed: ResumedRun) async throws -> JSONValue? {
        let run = resumed.run
        return try await run.working(within: limits.deadline) {
            for child in resumed.children {
                // It ends as cancelled, which is what this says.
                _ = try? await resumed.withChild(child) { (_: ResumedRun) async throws -> Void in
                    throw CancellationError()
                }
            }
            for approval in resumed.approvals where approval.resolved == nil {
                let resolved = ApprovalResolved(approvalID: approval.id, decision: .cancelled)
                _ = try? await run.emit(.approvalResolved(resolved))
            }
            var calls: [PreparedCall] = []
            for call in resumed.calls { calls.append(await PreparedCall(call, tools)) }
            try await run.finish(calls)
            return try await answer(resumed.prompt, run)
        }
    }

    private func answer(_ prompt: UserPrompt, _ run: AgentRun) async throws -> JSONValue? {
        var fold = TranscriptFold(includesThoughts: (model as? any ThoughtReadingModel)?.wantsThoughts ?? false)
        let reported = await run.reportedTokens
        var machine = AgentLoopStateMachine(
            limits: limits, steps: try await run.transcript(continuing: &fold).turnCount(of: run.id),
            tokens: reported?.sum ?? 0)
        var action = machine.begin()
        var calls: [ModelCall] = []
        while true {
            switch action {
            case .takeInput:
                action = machine.inputTaken(try await run.takeInput().count)
            case .request:
                let request = request(try await run.transcript(continuing: &fold), prompt, run, fold)
                let before = await run.reportedTokens
                let turn = try await ask(run, request)
                calls = turn.calls
                let after = await run.reportedTokens
                action = machine.turnEnded(
                    calls: calls.count, tokens: max(0, (after?.sum ?? 0) - (before?.sum ?? 0)))
            case .execute:
                try await run.execute(calls, with: tools)
                for _ in calls { action = machine.callEnded() }
            case .wait:
                preconditionFailure("the calls end together")
            case .finish:
                guard let result else { return nil }
                return try await result(request(try await run.transcript(continuing: &fold), prompt, run, fold))
            case .fail(let error):
                throw error
            }
        }
    }

    /// The request for the next answer. The model is not told of a question that the user has corrected.
    private func request(
        _ transcript: Transcript,
        _ prompt: UserPrompt,
        _ run: AgentRun,
        _ fold: TranscriptFold
    ) -> ModelRequest {
        let isReplaced = fold.replaced.contains(prompt.messageID)
        return ModelRequest(
            instructions: instructions, transcript: isReplaced ? transcript : transcript.asking(prompt, in: run.id),
            question: isReplaced ? nil : prompt.messageID, run: run.id, tools: tools.map(\.description),
            maximumOutputTokens: limits.outputTokens)
    }

    private func ask(_ run: AgentRun, _ request: ModelRequest) async throws -> ModelTurn {
        try await run.turn(
            of: model, on: request.transcript, question: request.question, instructions: instructions, tools: tools,
            maximumOutputTokens: limits.outputTokens, retries: retries)
    }
}

extension TokenUsage {
    /// Those read and those written.
    fileprivate var sum: Int64 {
        let (sum, overflows) = (inputTokens ?? 0).addingReportingOverflow(outputTokens ?? 0)
        return overflows ? .max : sum
    }
}

extension Transcript {
    /// The answers of a run.
    fileprivate func turnCount(of run: RunID) -> Int {
        items.count { if case .assistant(let turn) = $0 { turn.run == run } else { false } }
    }

    /// The transcript with what the run was asked, where no message in the log says it: of a run that was started with an
    /// input, or by another one.
    fileprivate func asking(_ prompt: UserPrompt, in run: RunID) -> Transcript {
        let isThere = items.contains { item in
            if case .user(let message) = item { message.id == prompt.messageID } else { false }
        }
        guard !isThere, !prompt.text.isEmpty || prompt.data != nil else { return self }
        let message = TranscriptMessage(
            id: prompt.messageID, author: prompt.author, text: prompt.text, data: prompt.data)
        let first = items.firstIndex { if case .assistant(let turn) = $0 { turn.run == run } else { false } }
        var asked = self
        asked.items.insert(.user(message), at: first ?? items.endIndex)
        return asked
    }
}
