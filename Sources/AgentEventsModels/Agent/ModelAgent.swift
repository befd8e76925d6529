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

    /// - Parameters:
    ///   - name: the name under which it is asked for.
    ///   - model: the model.
    ///   - instructions: what it is and how it should behave.
    ///   - tools: the tools that it may call, each of another name.
    ///   - limits: of each run.
    ///   - whenBusy: what a message becomes in a thread in which a run is open; `nil` for the policy of the service.
    ///   - restart: what becomes of its runs when the process is gone.
    ///   - retries: what follows when an answer does not come, or breaks off.
    public init(
        _ name: AgentName,
        model: some LanguageModel,
        instructions: String = "",
        tools: [Tool] = [],
        limits: AgentLimits = AgentLimits(),
        whenBusy: ConcurrencyPolicy? = nil,
        restart: RestartMode = .never,
        retries: ModelRetryPolicy = ModelRetryPolicy()
    ) {
        precondition(Set(tools.map(\.name)).count == tools.count, "two tools of the agent \(name) have the same name")
        self.name = name
        self.model = model
        self.instructions = instructions
        self.tools = tools
        self.limits = limits
        self.restart = restart
        self.retries = retries
        var concurrency = AgentConcurrency(policy: whenBusy)
        concurrency.takesInput = true
        self.concurrency = concurrency
        repeatableTools = Set(tools.filter(\.isRepeatable).map(\.name))
    }

    public func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        try await run.working(within: limits.deadline) { try await answer(prompt, run) }
        return nil
    }

    /// Ends the calls that are open, and continues from what the log has. A child run that was lost with the call that had
    /// started it is ended, since nobody here knows what it was about; a question that stood in such a call is taken back.
    public func resume(_ resumed: ResumedRun) async throws -> JSONValue? {
        let run = resumed.run
        try await run.working(within: limits.deadline) {
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
            try await run.finish(resumed.calls.map { PreparedCall($0, tools) })
            try await answer(resumed.prompt, run)
        }
        return nil
    }

    private func answer(_ prompt: UserPrompt, _ run: AgentRun) async throws {
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
                var transcript = try await run.transcript(continuing: &fold)
                // Nor is the model told of a question that the user has corrected.
                if !fold.replaced.contains(prompt.messageID) { transcript = transcript.asking(prompt, in: run.id) }
                let before = await run.reportedTokens
                let turn = try await ask(run, transcript)
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
                return
            case .fail(let error):
                throw error
            }
        }
    }

    private func ask(_ run: AgentRun, _ transcript: Transcript) async throws -> ModelTurn {
        try await run.turn(
            of: model, on: transcript, instructions: instructions, tools: tools,
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
