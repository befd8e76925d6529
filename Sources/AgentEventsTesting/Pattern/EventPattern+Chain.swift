public import AgentEvents

// The same patterns after another one. Lines that begin with a dot are one expression to the compiler, a chain; so a
// pattern is written below the last one as if it stood alone.

extension EventPattern {
    /// A run is queued.
    public func agentQueued(
        agent: AgentName? = nil, input: JSONValue? = nil, _ constraints: PayloadConstraint<AgentQueued>...
    ) -> EventPattern {
        then(EventPattern(.agentQueued(agent, input, constraints)))
    }

    /// A run starts.
    public func agentStarted(
        agent: AgentName? = nil, input: JSONValue? = nil, _ constraints: PayloadConstraint<AgentStarted>...
    ) -> EventPattern {
        then(EventPattern(.agentStarted(agent, input, constraints)))
    }

    /// A run takes messages of users as input.
    public func inputTaken(_ constraints: PayloadConstraint<InputTaken>...) -> EventPattern {
        then(EventPattern(.inputTaken(constraints)))
    }

    /// A thought: one or more fragments of one id.
    public func agentThinking(containing part: String? = nil) -> EventPattern {
        then(EventPattern(.thought(.agentThinking(part))))
    }

    /// The run says how far it is.
    public func agentProgress(_ constraints: PayloadConstraint<AgentProgress>...) -> EventPattern {
        then(EventPattern(.agentProgress(constraints)))
    }

    /// A message: any number of fragments and `message_completed`, of one id.
    public func message(
        containing part: String? = nil, _ constraints: PayloadConstraint<MessageCompleted>...
    ) -> EventPattern {
        then(EventPattern.message(part, constraints))
    }

    /// A single fragment of a message.
    public func messageDelta(containing part: String? = nil) -> EventPattern {
        then(EventPattern(.messageDelta("messageDelta", part)))
    }

    /// The end of a message, without its fragments.
    public func messageCompleted(
        containing part: String? = nil, _ constraints: PayloadConstraint<MessageCompleted>...
    ) -> EventPattern {
        then(EventPattern(.messageCompleted("messageCompleted", part, constraints)))
    }

    /// A tool call: `tool_executing`, what lies in between, and `tool_completed` of the same call.
    public func tool(
        _ tool: ToolName? = nil,
        arguments: JSONValue? = nil,
        status: ToolStatus? = .succeeded,
        result: JSONValue? = nil,
        @EventPatternBuilder _ body: () -> EventPattern = { .nothing }
    ) -> EventPattern {
        then(EventPattern.call(tool, arguments, status, result, body()))
    }

    /// The start of a tool call, alone.
    public func toolExecuting(
        _ tool: ToolName? = nil, arguments: JSONValue? = nil, _ constraints: PayloadConstraint<ToolExecuting>...
    ) -> EventPattern {
        then(EventPattern(.toolExecuting("toolExecuting", tool, arguments, constraints)))
    }

    /// A tool call says how far it is; inside of ``tool(_:arguments:status:result:_:)-swift.type.method``, that call.
    public func toolProgress(_ constraints: PayloadConstraint<ToolProgress>...) -> EventPattern {
        then(EventPattern(.toolProgress(constraints)))
    }

    /// The end of a tool call, alone.
    public func toolCompleted(
        _ tool: ToolName? = nil,
        status: ToolStatus? = nil,
        result: JSONValue? = nil,
        _ constraints: PayloadConstraint<ToolCompleted>...
    ) -> EventPattern {
        then(EventPattern(.toolCompleted("toolCompleted", tool, status, result, constraints)))
    }

    /// A person is asked.
    public func approvalRequested(
        containing part: String? = nil, _ constraints: PayloadConstraint<ApprovalRequested>...
    ) -> EventPattern {
        then(EventPattern(.approvalRequested(part, constraints)))
    }

    /// A question is answered, or lapses.
    public func approvalResolved(
        _ decision: ApprovalDecision? = nil, _ constraints: PayloadConstraint<ApprovalResolved>...
    ) -> EventPattern {
        then(EventPattern(.approvalResolved(decision, constraints)))
    }

    /// A run reports the tokens of one call of a model.
    public func usageReported(
        model: String? = nil, _ constraints: PayloadConstraint<UsageReported>...
    ) -> EventPattern {
        then(EventPattern(.usageReported(model, constraints)))
    }

    /// The run is paused.
    public func agentPaused(_ constraints: PayloadConstraint<AgentPaused>...) -> EventPattern {
        then(EventPattern(.agentPaused(constraints)))
    }

    /// The run continues.
    public func agentResumed(_ constraints: PayloadConstraint<AgentResumed>...) -> EventPattern {
        then(EventPattern(.agentResumed(constraints)))
    }

    /// The run ends well.
    public func agentCompleted(
        result: JSONValue? = nil, _ constraints: PayloadConstraint<AgentCompleted>...
    ) -> EventPattern {
        then(EventPattern(.agentCompleted(result, constraints)))
    }

    /// The run ends with an error.
    public func agentFailed(code: String? = nil, _ constraints: PayloadConstraint<AgentFailed>...) -> EventPattern {
        then(EventPattern(.agentFailed(code, constraints)))
    }

    /// The run is cancelled.
    public func agentCancelled(
        reason: String? = nil, _ constraints: PayloadConstraint<AgentCancelled>...
    ) -> EventPattern {
        then(EventPattern(.agentCancelled(reason, constraints)))
    }

    /// A user's message.
    public func userMessage(
        containing part: String? = nil, _ constraints: PayloadConstraint<UserMessage>...
    ) -> EventPattern {
        then(EventPattern(.userMessage(part, constraints)))
    }

    /// A change of the thread's shared state.
    public func stateUpdated(key: String? = nil, _ constraints: PayloadConstraint<StateUpdated>...) -> EventPattern {
        then(EventPattern(.stateUpdated(key, constraints)))
    }

    /// An event of the application's own.
    public func custom(
        _ name: String? = nil, value: JSONValue? = nil, _ constraints: PayloadConstraint<CustomEvent>...
    ) -> EventPattern {
        then(EventPattern(.custom(name, value, constraints)))
    }

    /// Any one event, or any that meets a condition.
    public func event(
        _ description: String = "event", where condition: (@Sendable (AgentEvent) -> Bool)? = nil
    ) -> EventPattern {
        then(EventPattern(.event(description, condition)))
    }
}
