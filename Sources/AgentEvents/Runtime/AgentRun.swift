/// A run, in the hands of the agent's code. Its methods emit the events of the run; scopes emit the ends, so the right
/// order is the one that is easy to write.
///
/// A handle may be used from several tasks at once, so tools can run in parallel. Methods return when their events are
/// accepted; ``flush()`` and the end of the run wait for the commit. They do not react to cancellation, since the ends of
/// a cancelled run are events too; they throw ``AgentEventsError`` when an event is refused or the log fails.
///
/// While the run is paused they wait, and continue where they were when it is resumed: an agent need not know of pauses, and
/// nothing of what it says is lost. That is so for everything that a paused run does not do, the start of a tool's body, of
/// a child run, and the end of the run among it; bodies of tools that have begun continue. They throw `order.already_ended`
/// when the run ends meanwhile, and, in a task that is cancelled, `order.paused`.
public struct AgentRun: Sendable {
    /// The run's id.
    public let id: RunID
    /// The agent that runs.
    public let agent: AgentName
    /// The context the run belongs to.
    public let context: ExecutionContext

    /// The place of the run's first event.
    let start: RunStart
    private let ownUsage: RunUsage
    /// The user who asked for the run; `nil` for the user of the thread.
    package private(set) var author: UserID?

    init(
        id: RunID,
        agent: AgentName,
        context: ExecutionContext,
        start: RunStart,
        usage: RunUsage,
        author: UserID? = nil
    ) {
        self.id = id
        self.agent = agent
        self.context = context
        self.start = start
        self.author = author
        ownUsage = usage
    }

    /// The same run, with the user who asked for it.
    package func asked(by author: UserID) -> AgentRun {
        var run = self
        run.author = author
        return run
    }

    /// The tokens that the run has used so far. They stand in the event that ends the run, whichever way it ends, together
    /// with those of its child runs, as the ends of these say them: what an end tells is the sum over the tree of runs below
    /// it. An end that was emitted with a `usage` of its own has that one. Without any tokens it has no `usage`.
    ///
    /// ```swift
    /// run.usage += TokenUsage(inputTokens: 1200, outputTokens: 34)
    /// run.usage.tokens = TokenUsage(inputTokens: 1300)
    /// let soFar = run.usage.total  // with the child runs that have ended
    /// ```
    ///
    /// Tokens that no event can hold (a negative count, a further member named `input_tokens`) refuse `agent_completed` with
    /// the error of the encoder, and are left out of `agent_failed` and `agent_cancelled`, which are never refused. What is
    /// added after the end of the run has no effect.
    ///
    /// These are in the memory of this process. What is logged with ``reportUsage(_:)`` survives it, counts in the end of the
    /// run besides, and is not among them: tokens are counted here or reported, not both.
    public var usage: RunUsage {
        get { ownUsage }
        nonmutating set { ownUsage.take(from: newValue) }
    }

    package var identifiers: IdentifierSource { context.services.configuration.identifiers }

    // MARK: What was said before

    /// The messages of the thread from before this run: of users, and of the runs that came earlier or were under way. The
    /// last one is mostly the one that this run answers. For a model, they are the conversation so far:
    ///
    /// ```swift
    /// let history = try await run.history(limit: 20)
    /// for message in history.messages { prompt.append(message.role, message.text) }
    /// ```
    ///
    /// It is read from the log, a page at a time, from the newest state of the thread that the log has stored
    /// (``StateStore``) on, or from the oldest event that is kept; it does not change during the run. A message that
    /// was not complete when the run started is left out.
    ///
    /// - Parameter limit: the most messages; the newest ones are given. More than a state keeps
    ///   (``ThreadState/Limits/messageCount``, 200, with 512 KiB of text) there never are.
    /// - Throws: ``AgentEventsError`` when the log fails.
    public func history(limit: Int = 50) async throws(AgentEventsError) -> ThreadHistory {
        // What came before the run is committed when its first event is.
        try await context.waitForCommit(at: start.position)
        return try await mapLogError { () async throws(EventLogError) in
            try await ThreadHistory(
                of: context.thread, before: start.id.sequence, limit: limit, from: context.services.log)
        }
    }

    /// The commands of the application's own that users give to this run, as they come; see ``RunCommands``.
    ///
    /// ```swift
    /// for try await command in run.commands where command.name == "editor.undo" { editor.undo() }
    /// ```
    ///
    /// It ends with the run: a task that follows it is a child of the body's, and is cancelled when the body returns.
    public var commands: RunCommands {
        RunCommands(
            run: id, earliestGeneration: start.earliestGeneration,
            stored: StoredThreadEvents(
                thread: context.thread, after: start.id.sequence, cursor: start.id, end: nil, log: context.services.log,
                watchers: context.services.watchers))
    }

    // MARK: Input

    /// Takes the messages that users have given the run while it is under way, under the policy `steer`: `input_taken` with
    /// all of them, in their order. What a run has not taken when it ends, is answered by a run of its own.
    ///
    /// ```swift
    /// for message in try await run.takeInput() { prompt.append("user", message.text) }
    /// ```
    ///
    /// - Returns: the messages; empty when there are none, and then nothing is logged.
    /// - Throws: ``AgentEventsError`` when the run has ended, or the log fails.
    public func takeInput() async throws(AgentEventsError) -> [UserMessage] {
        guard let taken = try await context.takeInput(of: id) else { return [] }
        try await context.waitForCommit(at: taken.position)
        return try await mapLogError { () async throws(EventLogError) in
            var messages: [UserMessage] = []
            for input in taken.inputs {
                let page = try await context.services.log.read(
                    LogRead(.thread(context.thread, after: input.sequence - 1), maximumCount: 1))
                guard let stored = page.events.first, stored.id.sequence == input.sequence else { continue }
                do throws(WireError) {
                    if case .userMessage(let message) = try EventDecoder.decode(stored.bytes).payload {
                        messages.append(message)
                    }
                } catch {
                    throw EventLogError(
                        .corrupt, "event \(stored.id) of thread \(context.thread) is unreadable", cause: error)
                }
            }
            return messages
        }
    }

    // MARK: Thinking and progress

    /// Emits a thought, or a further fragment of one.
    ///
    /// - Parameters:
    ///   - text: the fragment.
    ///   - thought: the thought that the fragment belongs to; a new one when it is `nil`.
    /// - Returns: the thought, for further fragments.
    @discardableResult
    public func think(_ text: String, continuing thought: ThoughtID? = nil) async throws(AgentEventsError) -> ThoughtID
    {
        let thought = thought ?? identifiers.thoughtID()
        try await emit(.agentThinking(AgentThinking(thoughtID: thought, text: text)))
        return thought
    }

    /// Has a thought for the length of a scope: all fragments that are appended share its id. Nothing is emitted but the
    /// fragments; a thought has no end of its own.
    ///
    /// - Parameter id: the thought's id; a new one when it is `nil`. With the id of an earlier thought of the run, that
    ///   one is continued.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws.
    public func withThought<Result>(
        id: ThoughtID? = nil,
        _ body: (RunThought) async throws -> Result
    ) async throws -> Result {
        try await body(RunThought(id: id ?? identifiers.thoughtID(), run: self))
    }

    /// Emits how far the run is.
    ///
    /// - Parameters:
    ///   - fraction: 0 to 1.
    ///   - step: the current step; at least 0.
    ///   - total: how many steps there are.
    public func progress(
        _ message: String? = nil,
        fraction: Double? = nil,
        step: Int? = nil,
        of total: Int? = nil
    ) async throws(AgentEventsError) {
        try await emit(.agentProgress(AgentProgress(message: message, fraction: fraction, step: step, total: total)))
    }

    /// Reports the tokens of one call of a model. They are logged at once, so that they count however the run ends, also when
    /// its process does, and stand in its end and in that of its parent.
    public func reportUsage(_ report: UsageReported) async throws(AgentEventsError) {
        try await emit(.usageReported(report))
    }

    // MARK: Messages

    /// Says something to the user: a fragment of the run's answer. All fragments said in a run are one message, which is
    /// completed when the run ends well; for several messages see ``message(id:_:)``.
    ///
    /// - Parameter id: the message's id, never used before in its run; needed with the first fragment only. With another
    ///   id than that of the message said so far, that one is completed and the next one begins, in one step. `nil`
    ///   continues the message said so far, or begins one with a new id.
    /// - Throws: ``AgentEventsError``, among others `order.message_closed` for the id of a message that was completed.
    public func say(_ text: String, id: MessageID? = nil) async throws(AgentEventsError) {
        try await context.say(text, message: id, run: self.id)
    }

    /// Says what a sequence gives, as it comes, as one message: `message_delta` for each element, `message_completed` at
    /// the end. The next element is asked for when the last one is accepted, so a log that is slow slows the sequence down.
    ///
    /// A message that ``say(_:id:)`` left open is completed first. A sequence without elements says nothing: no event is
    /// emitted. An empty element is a fragment like any other.
    ///
    /// When the sequence throws, or the task is cancelled, the message is completed with the fragments it has, and the error,
    /// or `CancellationError`, is thrown; so a sequence that ends early because its task is cancelled does not pass for one
    /// that has ended. In a run that is paused or has ended meanwhile the message is left to the end of the run.
    ///
    /// ```swift
    /// let answer = try await run.say(contentsOf: model.stream(prompt))
    /// ```
    ///
    /// - Parameters:
    ///   - fragments: the pieces of the text.
    ///   - id: the message's id, never used before in its run; a new one when it is `nil`.
    /// - Returns: the whole text, as it stands in `message_completed`.
    /// - Throws: what the sequence throws, `CancellationError`, or ``AgentEventsError``.
    @discardableResult
    public func say<Fragments: AsyncSequence>(
        contentsOf fragments: Fragments,
        id: MessageID? = nil
    ) async throws -> String where Fragments.Element == String {
        try await RunMessage(id: id ?? identifiers.messageID(), run: self).stream(fragments)
    }

    /// Opens a message for the length of a scope and completes it at the end. When the scope throws, the message stays
    /// open and the failing run closes it with what it has.
    ///
    /// - Parameter id: the message's id, never used before in its run; a new one when it is `nil`.
    /// - Returns: what the body returns.
    public func message<Result>(
        id: MessageID? = nil,
        _ body: (RunMessage) async throws -> Result
    ) async throws -> Result {
        let message = RunMessage(id: id ?? identifiers.messageID(), run: self)
        let result = try await body(message)
        try await context.completeMessage(message.id, run: self.id)
        return result
    }

    // MARK: Tools

    /// Calls a tool: `tool_executing`, the body, `tool_completed` with the body's result, or with how it failed.
    ///
    /// Under a ``RuntimeConfiguration/toolTimeout`` the call is ended at its time; the body learns of it when it emits. One
    /// that is to be cancelled then is given with a timeout of its own.
    ///
    /// - Parameters:
    ///   - id: the call's id, such as the one that the model gave it; a new one when it is `nil`. No open call of the run
    ///     has it.
    ///   - arguments: what the tool is called with; any `Codable` or a ``JSONValue``.
    ///   - purpose: why, for people.
    ///   - approval: the question that a person has to answer with a yes before the body begins; `nil` for none.
    ///   - body: what the tool does. What it returns is the call's result when it is `Encodable`; anything else, and nothing, is
    ///     not logged.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws, after `tool_completed` with status `failed` (or `cancelled`, when the task is);
    ///   ``AgentEventsError``: `tool.timed_out` when the call took longer than ``RuntimeConfiguration/toolTimeout``.
    @discardableResult
    public func tool<Result>(
        _ tool: ToolName,
        id: CallID? = nil,
        arguments: some Encodable & Sendable,
        purpose: String? = nil,
        approval: ToolApproval? = nil,
        _ body: (ToolCall) async throws -> Result
    ) async throws -> Result {
        try await ToolScope(run: self, id: id, tool: tool, purpose: purpose, approval: approval).run(arguments, body)
    }

    /// Calls a tool whose body is cancelled at the end of its time: then `tool_completed` with status `timed_out` is emitted,
    /// at once, and the body's task is cancelled.
    ///
    /// The call throws when the body has returned: a body that ignores its cancellation holds up the agent's code, but
    /// nobody who watches. What it returns too late is not used.
    ///
    /// - Parameters:
    ///   - id: the call's id; a new one when it is `nil`. No open call of the run has it.
    ///   - arguments: what the tool is called with; any `Codable` or a ``JSONValue``.
    ///   - purpose: why, for people.
    ///   - approval: the question that a person has to answer with a yes before the body begins; `nil` for none.
    ///   - timeout: how long the call may take; ``RuntimeConfiguration/toolTimeout`` when it is `nil`.
    ///   - body: what the tool does. What it returns is the call's result when it is `Encodable`; anything else, and nothing, is
    ///     not logged.
    /// - Returns: what the body returns.
    /// - Throws: as the call without a time limit; ``AgentEventsError`` `tool.timed_out` when the time was over.
    @discardableResult
    public func tool<Result: Sendable>(
        _ tool: ToolName,
        id: CallID? = nil,
        arguments: some Encodable & Sendable,
        purpose: String? = nil,
        approval: ToolApproval? = nil,
        timeout: Duration?,
        _ body: @escaping @Sendable (ToolCall) async throws -> Result
    ) async throws -> Result {
        try await ToolScope(run: self, id: id, tool: tool, purpose: purpose, approval: approval, timeout: timeout)
            .runCancelling(arguments, body)
    }

    // MARK: Child runs

    /// Runs another agent inside this one: a run of its own in the same thread, which ends before this one does.
    ///
    /// - Parameters:
    ///   - call: the open tool call that starts it, if there is one.
    ///   - id: the child's id; a new one when it is `nil`. Never used twice in a thread.
    ///   - body: the child. What it returns is the child's result when it is `Encodable`; anything else, and nothing, is not
    ///     logged.
    /// - Returns: what the body returns.
    /// - Throws: as ``AgentRuntime/withRun(user:thread:agent:input:id:_:)``. A child that is ended from elsewhere, or by its own
    ///   body, ends by itself: its error is one of this run only if it is not caught.
    @discardableResult
    public func withChild<Result>(
        agent: AgentName,
        input: (any Encodable & Sendable)? = nil,
        call: CallID? = nil,
        id: RunID? = nil,
        _ body: (AgentRun) async throws -> Result
    ) async throws -> Result {
        let scope = RunScope(
            context: context, agent: agent, input: input, id: id, parent: (self.id, call), author: author)
        return try await scope.run(body, result: ResultEncoding.json)
    }

    /// Runs another agent inside this one, whose body is cancelled when the child ends before it: at its deadline, or by a
    /// command.
    ///
    /// - Parameters:
    ///   - call: the open tool call that starts it, if there is one.
    ///   - id: the child's id; a new one when it is `nil`. Never used twice in a thread.
    ///   - deadline: how long the child may take; `nil` for as long as this run.
    ///   - body: the child. What it returns is the child's result when it is `Encodable`; anything else, and nothing, is not
    ///     logged.
    /// - Returns: what the body returns.
    /// - Throws: as ``AgentRuntime/withRun(user:thread:agent:input:id:deadline:_:)``.
    @discardableResult
    public func withChild<Result: Sendable>(
        agent: AgentName,
        input: (any Encodable & Sendable)? = nil,
        call: CallID? = nil,
        id: RunID? = nil,
        deadline: Duration?,
        _ body: @escaping @Sendable (AgentRun) async throws -> Result
    ) async throws -> Result {
        try await RunScope(
            context: context, agent: agent, input: input, id: id, parent: (self.id, call), author: author,
            deadline: deadline
        ).runCancelling(body, result: ResultEncoding.json)
    }

    // MARK: Raw events

    /// Emits any event of the run; it goes through the same checks as all others. While the run is paused it waits, as
    /// everything does; ``ExecutionContext/emit(_:)`` is refused then.
    ///
    /// - Returns: the event's id.
    @discardableResult
    public func emit(_ payload: EventPayload) async throws(AgentEventsError) -> EventID {
        try await context.emitPassingGate(EventDraft(runID: id, agent: agent, payload), of: id)
    }

    /// Returns when everything that the run has emitted is committed.
    public func flush() async throws(AgentEventsError) {
        try await context.flush()
    }
}

/// Whether a scope ends because its task was cancelled. Libraries throw errors of their own when they are cancelled, so
/// the task's state counts as well.
func isCancellation(_ error: any Error) -> Bool { error is CancellationError || Task.isCancelled }
