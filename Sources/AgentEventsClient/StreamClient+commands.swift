public import AgentEvents
public import AgentEventsProtocol

// Commands of users: each over a connection of its own, repeated until there is an answer.

extension StreamClient {
    /// Stops, pauses or resumes runs of a thread, or gives one a command of the application's own; returns when that is in the
    /// log.
    ///
    /// ```swift
    /// let answer = try await client.command(.init(.stop, asOf: lastSeen), thread: "t_7")
    /// ```
    ///
    /// When a connection ends before the answer, the command is sent again over another one, with the same key: it is carried
    /// out once, and its answer then says ``AgentEvents/CommandReceipt/Outcome/repeated``.
    ///
    /// - Parameters:
    ///   - command: the command. Give the last event that was shown as its `asOf`: then what began later is left as it is. Who
    ///     gives it the service knows from the token; `by` is not sent.
    ///   - key: the same key again within 24 hours answers with the same cursors and does nothing; a new one when it is `nil`.
    ///   - timeout: how long it is tried while there is no service, or none that takes it.
    /// - Throws: ``AgentEventsClientError``; when the service refused, with its ``AgentEventsClientError/refusal``, whose
    ///   details name the state that the command met.
    public func command(
        _ command: RunCommand,
        thread: ThreadID,
        key: IdempotencyKey? = nil,
        timeout: Duration = .seconds(30)
    ) async throws -> CommandAnswer {
        try await self.command(
            CommandBody(.run(command.action, reason: command.reason), run: command.run, asOf: command.asOf),
            thread: thread, key: key, timeout: timeout)
    }

    /// Sends a message to an agent, whose run answers; returns when the message and the first event of the run are in the log.
    ///
    /// ```swift
    /// let asked = try await client.message("No, the other one", policy: .supersede, thread: "t_7")
    /// ```
    ///
    /// - Parameters:
    ///   - text: what the user wrote; not empty.
    ///   - agent: the agent; the service's first one when it is `nil`.
    ///   - data: further data of the message.
    ///   - policy: what becomes of it in a thread that is busy; what the agent or the service says when it is `nil`.
    ///   - replaced: the message in whose place this one stands.
    ///   - answersApproval: has it be a no to what the run asks that it is given to; for the policy `steer`.
    ///   - trace: the place in a trace from which it is sent: the `user_message` and the run have it, and spans of the run link
    ///     to it.
    ///   - key: as of ``command(_:thread:key:timeout:)``.
    ///   - timeout: how long it is tried while there is no service, or none that takes it.
    /// - Returns: the answer, with the ids of the message and of the run.
    /// - Throws: as ``command(_:thread:key:timeout:)``.
    @discardableResult
    public func message(
        _ text: String,
        agent: AgentName? = nil,
        data: JSONValue? = nil,
        policy: ConcurrencyPolicy? = nil,
        replacing replaced: MessageID? = nil,
        answersApproval: Bool = false,
        trace: TraceContext? = nil,
        thread: ThreadID,
        key: IdempotencyKey? = nil,
        timeout: Duration = .seconds(30)
    ) async throws -> CommandAnswer {
        let message = MessageCommand(
            text: text, agent: agent, data: data, policy: policy, replaces: replaced,
            answersApproval: answersApproval, trace: trace)
        return try await command(CommandBody(.message(message)), thread: thread, key: key, timeout: timeout)
    }

    /// Has an agent work without a message, or does a run again; returns when the first event of the run is in the log.
    ///
    /// - Parameters:
    ///   - agent: the agent; that of the run to do again, or the service's first one, when it is `nil`.
    ///   - input: what the agent gets instead of a message.
    ///   - policy: what becomes of it in a thread that is busy; what the agent or the service says when it is `nil`.
    ///   - retried: the run to do again: the new one answers the same messages.
    ///   - trace: the place in a trace from which it is sent: that of the run, if it starts at once. One that is queued has none.
    ///   - key: as of ``command(_:thread:key:timeout:)``.
    ///   - timeout: how long it is tried while there is no service, or none that takes it.
    /// - Returns: the answer, with the id of the run.
    /// - Throws: as ``command(_:thread:key:timeout:)``.
    @discardableResult
    public func start(
        _ agent: AgentName? = nil,
        input: JSONValue? = nil,
        policy: ConcurrencyPolicy? = nil,
        retrying retried: RunID? = nil,
        trace: TraceContext? = nil,
        thread: ThreadID,
        key: IdempotencyKey? = nil,
        timeout: Duration = .seconds(30)
    ) async throws -> CommandAnswer {
        let start = StartCommand(agent: agent, input: input, policy: policy, retryOf: retried, trace: trace)
        return try await command(CommandBody(.start(start)), thread: thread, key: key, timeout: timeout)
    }

    /// Answers a request for approval; returns when the answer is in the log. The first answer counts: the same one again is
    /// ``AgentEvents/CommandReceipt/Outcome/unchanged``, another one is refused with `approval.resolved`, whose details name
    /// the answer that counts.
    ///
    /// ```swift
    /// try await client.answer("a_1", isApproved: true, data: ["environment": "staging"], thread: "t_7")
    /// ```
    ///
    /// - Parameters:
    ///   - run: the run that asks; needed where open requests of several runs have the id.
    ///   - data: of a yes, what the form asks for, and `arguments` where those of the call may be replaced; of a no, what the
    ///     agent is told besides.
    ///   - grant: has a yes count for later questions about the same tool, too, until ``revokeGrant(for:thread:key:timeout:)``.
    ///   - key: as of ``command(_:thread:key:timeout:)``.
    ///   - timeout: how long it is tried while there is no service, or none that takes it.
    /// - Throws: as ``command(_:thread:key:timeout:)``.
    @discardableResult
    public func answer(
        _ approval: ApprovalID,
        run: RunID? = nil,
        isApproved: Bool,
        data: JSONValue? = nil,
        grant: ApprovalGrant? = nil,
        thread: ThreadID,
        key: IdempotencyKey? = nil,
        timeout: Duration = .seconds(30)
    ) async throws -> CommandAnswer {
        try await command(
            CommandBody(.answer(AnswerCommand(approval, isApproved: isApproved, data: data, grant: grant)), run: run),
            thread: thread, key: key, timeout: timeout)
    }

    /// Takes back what an approver has granted (``AgentEvents/ApprovalGrant``): the next question about the tool is asked again.
    ///
    /// - Parameters:
    ///   - key: as of ``command(_:thread:key:timeout:)``.
    ///   - timeout: how long it is tried while there is no service, or none that takes it.
    /// - Returns: ``AgentEvents/CommandReceipt/Outcome/unchanged`` when there was no grant.
    /// - Throws: as ``command(_:thread:key:timeout:)``.
    @discardableResult
    public func revokeGrant(
        for tool: ToolName,
        thread: ThreadID,
        key: IdempotencyKey? = nil,
        timeout: Duration = .seconds(30)
    ) async throws -> CommandAnswer {
        try await command(CommandBody(.revoke(tool)), thread: thread, key: key, timeout: timeout)
    }

    /// Sets a value of a thread's context, or of a user's space (``AgentEvents/ContextSpace``); returns when that is in the log.
    /// Those who follow the thread see it in its state (``AgentEvents/ThreadState/value(_:at:)``).
    ///
    /// ```swift
    /// try await client.set("Berlin", for: "city", ttl: .seconds(3600), thread: "t_7")
    /// ```
    ///
    /// - Parameters:
    ///   - value: as JSON at most 64 KiB.
    ///   - name: the key of the value; 1 to 256 bytes.
    ///   - ttl: the time to live, from 1 ms to 366 days; `nil` for ever.
    ///   - version: the version that the value has to have, 0 for one that is not there; `nil` for any.
    ///   - key: as of ``command(_:thread:key:timeout:)``.
    ///   - timeout: how long it is tried while there is no service, or none that takes it.
    /// - Returns: the answer, with the new version in its details (``AgentEvents/CommandDetails/value``).
    /// - Throws: what the value's `encode(to:)` throws; as ``command(_:thread:key:timeout:)``: a change for another version is
    ///   refused with `state.conflict`, whose details have the value that is there.
    @discardableResult
    public func set(
        _ value: some Encodable & Sendable,
        for name: String,
        ttl: Duration? = nil,
        ifVersion version: Int64? = nil,
        thread: ThreadID,
        key: IdempotencyKey? = nil,
        timeout: Duration = .seconds(30)
    ) async throws -> CommandAnswer {
        let json = try JSONValue(converting: value)
        let change = ContextChange(.set(json, timeToLive: ttl), of: name, ifVersion: version)
        return try await command(CommandBody(.value(change)), thread: thread, key: key, timeout: timeout)
    }

    /// Removes a value of a thread's context; returns when that is in the log.
    ///
    /// - Parameters: as of ``set(_:for:ttl:ifVersion:thread:key:timeout:)``.
    /// - Returns: ``AgentEvents/CommandReceipt/Outcome/unchanged`` when it was not there.
    /// - Throws: as ``set(_:for:ttl:ifVersion:thread:key:timeout:)``.
    @discardableResult
    public func removeValue(
        for name: String,
        ifVersion version: Int64? = nil,
        thread: ThreadID,
        key: IdempotencyKey? = nil,
        timeout: Duration = .seconds(30)
    ) async throws -> CommandAnswer {
        let change = ContextChange(.remove, of: name, ifVersion: version)
        return try await command(CommandBody(.value(change)), thread: thread, key: key, timeout: timeout)
    }

    /// The same, for any command of the protocol.
    package func command(
        _ body: CommandBody,
        thread: ThreadID,
        key: IdempotencyKey?,
        timeout: Duration
    ) async throws -> CommandAnswer {
        let environment = configuration.environment
        let chance = configuration.random
        let key = key ?? IdempotencyKey(random: environment.randomNumber(), environment.randomNumber())
        let request = CommandRequest(thread: thread, key: key, body)
        let start = environment.monotonicNow()
        var failures = 0
        while true {
            do {
                return try await withConnection { connection in
                    var exchange = RequestExchange(connection, configuration)
                    return try await exchange.answer(to: .command(request)) { message, tag in
                        if case .accepted(tag, _, let answer) = message { answer } else { nil }
                    }
                }
            } catch let error as AgentEventsClientError {
                failures += 1
                let pause = max(
                    configuration.backoff.pause(afterFailures: failures, random: chance()),
                    error.retryAfter ?? .zero)
                // The policy reject asks not to wait until the thread is free.
                let isRejected = error.refusal?.code == .threadBusy
                guard error.isRetryable, !isRejected, environment.monotonicNow() - start + pause < timeout else {
                    throw error
                }
                try await configuration.clock.sleep(for: pause)
            }
        }
    }
}

extension IdempotencyKey {
    /// A key that nobody else makes.
    fileprivate init(random high: UInt64, _ low: UInt64) {
        do throws(IdentifierError) {
            try self.init("k_" + String(high, radix: 36) + String(low, radix: 36))
        } catch {
            preconditionFailure("letters and digits are an id")
        }
    }
}
