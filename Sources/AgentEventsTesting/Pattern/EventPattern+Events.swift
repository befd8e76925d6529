public import AgentEvents

// The patterns of single events, of thoughts, messages and tool calls.

extension EventPattern {
    /// A run is queued.
    ///
    /// - Parameters:
    ///   - agent: the agent; any when it is `nil`.
    ///   - input: JSON that the input has, and perhaps more.
    ///   - constraints: conditions on the payload.
    public static func agentQueued(
        agent: AgentName? = nil, input: JSONValue? = nil, _ constraints: PayloadConstraint<AgentQueued>...
    ) -> EventPattern {
        EventPattern(.agentQueued(agent, input, constraints))
    }

    /// A run starts.
    ///
    /// - Parameters:
    ///   - agent: the agent; any when it is `nil`.
    ///   - input: JSON that the input has, and perhaps more.
    ///   - constraints: conditions on the payload.
    public static func agentStarted(
        agent: AgentName? = nil, input: JSONValue? = nil, _ constraints: PayloadConstraint<AgentStarted>...
    ) -> EventPattern {
        EventPattern(.agentStarted(agent, input, constraints))
    }

    /// A run takes messages of users as input.
    ///
    /// - Parameter constraints: conditions on the payload.
    public static func inputTaken(_ constraints: PayloadConstraint<InputTaken>...) -> EventPattern {
        EventPattern(.inputTaken(constraints))
    }

    /// A thought: one or more fragments of one id.
    ///
    /// - Parameter part: a part of the whole text of the thought.
    public static func agentThinking(containing part: String? = nil) -> EventPattern {
        EventPattern(.thought(.agentThinking(part)))
    }

    /// The run says how far it is.
    ///
    /// - Parameter constraints: conditions on the payload.
    public static func agentProgress(_ constraints: PayloadConstraint<AgentProgress>...) -> EventPattern {
        EventPattern(.agentProgress(constraints))
    }

    /// A message: any number of fragments and `message_completed`, of one id.
    ///
    /// - Parameters:
    ///   - part: a part of the whole text.
    ///   - constraints: conditions on the payload.
    public static func message(
        containing part: String? = nil, _ constraints: PayloadConstraint<MessageCompleted>...
    ) -> EventPattern {
        message(part, constraints)
    }

    /// A single fragment of a message.
    ///
    /// - Parameter part: a part of the fragment.
    public static func messageDelta(containing part: String? = nil) -> EventPattern {
        EventPattern(.messageDelta("messageDelta", part))
    }

    /// The end of a message, without its fragments.
    ///
    /// - Parameters:
    ///   - part: a part of the whole text.
    ///   - constraints: conditions on the payload.
    public static func messageCompleted(
        containing part: String? = nil, _ constraints: PayloadConstraint<MessageCompleted>...
    ) -> EventPattern {
        EventPattern(.messageCompleted("messageCompleted", part, constraints))
    }

    /// A tool call: `tool_executing`, what lies in between, and `tool_completed` of the same call.
    ///
    /// - Parameters:
    ///   - tool: the tool; any when it is `nil`.
    ///   - arguments: JSON that the arguments have, and perhaps more.
    ///   - status: how the call ends; any way when it is `nil`.
    ///   - result: JSON that the result has, and perhaps more.
    ///   - body: what lies in between; nothing when it is left out.
    public static func tool(
        _ tool: ToolName? = nil,
        arguments: JSONValue? = nil,
        status: ToolStatus? = .succeeded,
        result: JSONValue? = nil,
        @EventPatternBuilder _ body: () -> EventPattern = { .nothing }
    ) -> EventPattern {
        call(tool, arguments, status, result, body())
    }

    /// The start of a tool call, alone.
    ///
    /// - Parameters:
    ///   - tool: the tool; any when it is `nil`.
    ///   - arguments: JSON that the arguments have, and perhaps more.
    ///   - constraints: conditions on the payload.
    public static func toolExecuting(
        _ tool: ToolName? = nil, arguments: JSONValue? = nil, _ constraints: PayloadConstraint<ToolExecuting>...
    ) -> EventPattern {
        EventPattern(.toolExecuting("toolExecuting", tool, arguments, constraints))
    }

    /// A tool call says how far it is; inside of ``tool(_:arguments:status:result:_:)-swift.type.method``, that call.
    ///
    /// - Parameter constraints: conditions on the payload.
    public static func toolProgress(_ constraints: PayloadConstraint<ToolProgress>...) -> EventPattern {
        EventPattern(.toolProgress(constraints))
    }

    /// The end of a tool call, alone.
    ///
    /// - Parameters:
    ///   - tool: the tool; any when it is `nil`.
    ///   - status: how the call ends; any way when it is `nil`.
    ///   - result: JSON that the result has, and perhaps more.
    ///   - constraints: conditions on the payload.
    public static func toolCompleted(
        _ tool: ToolName? = nil,
        status: ToolStatus? = nil,
        result: JSONValue? = nil,
        _ constraints: PayloadConstraint<ToolCompleted>...
    ) -> EventPattern {
        EventPattern(.toolCompleted("toolCompleted", tool, status, result, constraints))
    }

    /// A person is asked.
    ///
    /// - Parameters:
    ///   - part: a part of the question.
    ///   - constraints: conditions on the payload.
    public static func approvalRequested(
        containing part: String? = nil, _ constraints: PayloadConstraint<ApprovalRequested>...
    ) -> EventPattern {
        EventPattern(.approvalRequested(part, constraints))
    }

    /// A question is answered, or lapses.
    ///
    /// - Parameters:
    ///   - decision: the answer; any when it is `nil`.
    ///   - constraints: conditions on the payload.
    public static func approvalResolved(
        _ decision: ApprovalDecision? = nil, _ constraints: PayloadConstraint<ApprovalResolved>...
    ) -> EventPattern {
        EventPattern(.approvalResolved(decision, constraints))
    }

    /// A run reports the tokens of one call of a model.
    ///
    /// - Parameters:
    ///   - model: the model; any when it is `nil`.
    ///   - constraints: conditions on the payload.
    public static func usageReported(
        model: String? = nil, _ constraints: PayloadConstraint<UsageReported>...
    ) -> EventPattern {
        EventPattern(.usageReported(model, constraints))
    }

    /// The run is paused.
    ///
    /// - Parameter constraints: conditions on the payload.
    public static func agentPaused(_ constraints: PayloadConstraint<AgentPaused>...) -> EventPattern {
        EventPattern(.agentPaused(constraints))
    }

    /// The run continues.
    ///
    /// - Parameter constraints: conditions on the payload.
    public static func agentResumed(_ constraints: PayloadConstraint<AgentResumed>...) -> EventPattern {
        EventPattern(.agentResumed(constraints))
    }

    /// The run ends well.
    ///
    /// - Parameters:
    ///   - result: JSON that the result has, and perhaps more.
    ///   - constraints: conditions on the payload.
    public static func agentCompleted(
        result: JSONValue? = nil, _ constraints: PayloadConstraint<AgentCompleted>...
    ) -> EventPattern {
        EventPattern(.agentCompleted(result, constraints))
    }

    /// The run ends with an error.
    ///
    /// - Parameters:
    ///   - code: the error's code; any when it is `nil`.
    ///   - constraints: conditions on the payload.
    public static func agentFailed(
        code: String? = nil, _ constraints: PayloadConstraint<AgentFailed>...
    ) -> EventPattern {
        EventPattern(.agentFailed(code, constraints))
    }

    /// The run is cancelled.
    ///
    /// - Parameters:
    ///   - reason: why; anything when it is `nil`.
    ///   - constraints: conditions on the payload.
    public static func agentCancelled(
        reason: String? = nil, _ constraints: PayloadConstraint<AgentCancelled>...
    ) -> EventPattern {
        EventPattern(.agentCancelled(reason, constraints))
    }

    /// A user's message.
    ///
    /// - Parameters:
    ///   - part: a part of the text.
    ///   - constraints: conditions on the payload.
    public static func userMessage(
        containing part: String? = nil, _ constraints: PayloadConstraint<UserMessage>...
    ) -> EventPattern {
        EventPattern(.userMessage(part, constraints))
    }

    /// A change of the thread's shared state.
    ///
    /// - Parameters:
    ///   - key: the entry that changes; any when it is `nil`.
    ///   - constraints: conditions on the payload.
    public static func stateUpdated(
        key: String? = nil, _ constraints: PayloadConstraint<StateUpdated>...
    ) -> EventPattern {
        EventPattern(.stateUpdated(key, constraints))
    }

    /// An event of the application's own.
    ///
    /// - Parameters:
    ///   - name: its name; any when it is `nil`.
    ///   - value: JSON that the value has, and perhaps more.
    ///   - constraints: conditions on the payload.
    public static func custom(
        _ name: String? = nil, value: JSONValue? = nil, _ constraints: PayloadConstraint<CustomEvent>...
    ) -> EventPattern {
        EventPattern(.custom(name, value, constraints))
    }

    /// Any one event, or any that meets a condition.
    ///
    /// - Parameters:
    ///   - description: in words, for failures.
    ///   - condition: whether it is one.
    public static func event(
        _ description: String = "event", where condition: (@Sendable (AgentEvent) -> Bool)? = nil
    ) -> EventPattern {
        EventPattern(.event(description, condition))
    }

    static func message(_ part: String?, _ constraints: [PayloadConstraint<MessageCompleted>]) -> EventPattern {
        EventPattern(
            .message(
                fragment: .messageDelta("fragment of message", nil),
                completed: .messageCompleted("message", part, constraints)))
    }

    static func call(
        _ tool: ToolName?, _ arguments: JSONValue?, _ status: ToolStatus?, _ result: JSONValue?, _ body: EventPattern
    ) -> EventPattern {
        EventPattern(
            .call(
                start: .toolExecuting("tool", tool, arguments, []), body.nodes,
                end: .toolCompleted("end of tool", tool, status, result, [])))
    }
}
