extension EventPayload {
    /// Reads the members of `data` that the type has.
    init(_ type: EventType, from data: inout MemberReader) throws(WireError) {
        switch type {
        case .agentQueued: self = .agentQueued(try AgentQueued(from: &data))
        case .agentStarted: self = .agentStarted(try AgentStarted(from: &data))
        case .inputTaken: self = .inputTaken(try InputTaken(from: &data))
        case .agentThinking: self = .agentThinking(try AgentThinking(from: &data))
        case .agentProgress: self = .agentProgress(try AgentProgress(from: &data))
        case .messageDelta: self = .messageDelta(try MessageDelta(from: &data))
        case .messageCompleted: self = .messageCompleted(try MessageCompleted(from: &data))
        case .toolExecuting: self = .toolExecuting(try ToolExecuting(from: &data))
        case .toolProgress: self = .toolProgress(try ToolProgress(from: &data))
        case .toolCompleted: self = .toolCompleted(try ToolCompleted(from: &data))
        case .approvalRequested: self = .approvalRequested(try ApprovalRequested(from: &data))
        case .approvalResolved: self = .approvalResolved(try ApprovalResolved(from: &data))
        case .usageReported: self = .usageReported(try UsageReported(from: &data))
        case .agentPaused: self = .agentPaused(try AgentPaused(from: &data))
        case .agentResumed: self = .agentResumed(try AgentResumed(from: &data))
        case .agentCompleted: self = .agentCompleted(try AgentCompleted(from: &data))
        case .agentFailed: self = .agentFailed(try AgentFailed(from: &data))
        case .agentCancelled: self = .agentCancelled(try AgentCancelled(from: &data))
        case .userMessage: self = .userMessage(try UserMessage(from: &data))
        case .stateUpdated: self = .stateUpdated(try StateUpdated(from: &data))
        case .custom: self = .custom(try CustomEvent(from: &data))
        }
    }
}

extension AgentQueued {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            input: data.json("input"), messageIDs: try data.messageIDs() ?? [], by: try data.identifierIfPresent("by"),
            notBefore: try data.timeIfPresent("not_before"), startBy: try data.timeIfPresent("start_by"),
            scheduleID: try data.identifierIfPresent("schedule_id"), attempt: try data.attempt(),
            retryOf: try data.identifierIfPresent("retry_of"))
    }
}

extension AgentStarted {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            input: data.json("input"), parentRunID: try data.identifierIfPresent("parent_run_id"),
            parentCallID: try data.identifierIfPresent("parent_call_id"),
            idleTimeoutMilliseconds: try data.integerIfPresent("idle_timeout_ms", in: Self.idleTimeoutMilliseconds),
            messageIDs: try data.messageIDs() ?? [], attempt: try data.attempt(),
            retryOf: try data.identifierIfPresent("retry_of"), trace: data.trace())
    }
}

extension InputTaken {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        guard let messages = try data.messageIDs() else { throw data.missing("message_ids") }
        self.init(messageIDs: messages)
    }
}

extension AgentThinking {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(thoughtID: try data.identifier("thought_id"), text: try data.text("text"))
    }
}

extension AgentProgress {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            message: try data.textIfPresent("message"), fraction: try data.fractionIfPresent("fraction"),
            step: try data.integerIfPresent("step", from: 0).map(Int.init),
            total: try data.integerIfPresent("total", from: 0).map(Int.init))
    }
}

extension MessageDelta {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(messageID: try data.identifier("message_id"), text: try data.fragment("text"))
    }
}

extension MessageCompleted {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            messageID: try data.identifier("message_id"), role: try data.choice("role"), text: try data.text("text"),
            isInterrupted: try data.flag("interrupted"))
    }
}

extension ToolExecuting {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            callID: try data.identifier("call_id"), tool: try data.name("tool"),
            arguments: try data.arguments(), purpose: try data.textIfPresent("purpose"))
    }
}

extension ToolProgress {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            callID: try data.identifier("call_id"), message: try data.textIfPresent("message"),
            fraction: try data.fractionIfPresent("fraction"))
    }
}

extension ToolCompleted {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            callID: try data.identifier("call_id"), tool: try data.name("tool"), status: try data.choice("status"),
            result: data.json("result"), error: try ToolFailure(ifPresentIn: &data),
            durationMilliseconds: try data.duration("duration_ms"))
    }
}

extension ToolFailure {
    fileprivate init?(ifPresentIn data: inout MemberReader) throws(WireError) {
        guard var members = try data.objectIfPresent("error") else { return nil }
        self.init(code: try members.errorCode(), message: try members.text("message"))
        data.close(members, as: "error", known: ["code", "message"])
    }
}

extension ApprovalRequested {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            approvalID: try data.identifier("approval_id"), callID: try data.identifierIfPresent("call_id"),
            prompt: try data.text("prompt"), kind: try data.choiceIfPresent("kind") ?? .approval,
            schema: data.json("schema"), isEditable: try data.flag("editable"),
            approvers: try data.identifiersIfPresent("approvers", upTo: Self.maximumApproverCount) ?? [],
            separateFrom: try data.identifierIfPresent("separate_from"),
            expiresAt: try data.timeIfPresent("expires_at"))
    }
}

extension ApprovalResolved {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            approvalID: try data.identifier("approval_id"), decision: try data.choice("decision"),
            by: try data.identifierIfPresent("by"), data: data.json("data"))
    }
}

extension UsageReported {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            model: try data.textIfPresent("model"), inputTokens: try data.integer("input_tokens", from: 0),
            outputTokens: try data.integer("output_tokens", from: 0),
            cachedInputTokens: try data.integerIfPresent("cached_input_tokens", from: 0),
            reasoningTokens: try data.integerIfPresent("reasoning_tokens", from: 0),
            isEstimated: try data.flag("estimated"))
        other = data.takeRest(known: Self.dataMembers)
    }
}

extension AgentPaused {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            by: try data.identifierIfPresent("by"), reason: try data.textIfPresent("reason"),
            isHandedOver: try data.flag("handed_over"))
    }
}

extension AgentResumed {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(by: try data.identifierIfPresent("by"), reason: try data.textIfPresent("reason"))
    }
}

extension AgentCompleted {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            result: data.json("result"), usage: try TokenUsage(ifPresentIn: &data),
            durationMilliseconds: try data.duration("duration_ms"))
    }
}

extension TokenUsage {
    init?(ifPresentIn data: inout MemberReader) throws(WireError) {
        guard var members = try data.objectIfPresent("usage") else { return nil }
        self.init(
            inputTokens: try members.integerIfPresent("input_tokens", from: 0),
            outputTokens: try members.integerIfPresent("output_tokens", from: 0),
            other: members.untaken(known: ["input_tokens", "output_tokens"]))
    }
}

extension AgentFailed {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            error: try RunFailure(in: &data), usage: try TokenUsage(ifPresentIn: &data),
            durationMilliseconds: try data.duration("duration_ms"))
    }
}

extension RunFailure {
    fileprivate init(in data: inout MemberReader) throws(WireError) {
        var members = try data.object("error")
        self.init(
            code: try members.errorCode(), message: try members.text("message"),
            retryable: try members.isRetryable(), details: try members.details())
        data.close(members, as: "error", known: ["code", "message", "retryable", "details"])
    }
}

extension AgentCancelled {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            reason: try data.textIfPresent("reason"), by: try data.identifierIfPresent("by"),
            supersededBy: try data.identifierIfPresent("superseded_by"), isDiscarded: try data.flag("discarded"),
            usage: try TokenUsage(ifPresentIn: &data), durationMilliseconds: try data.duration("duration_ms"))
    }
}

extension UserMessage {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            messageID: try data.identifier("message_id"), userID: try data.identifier("user_id"),
            text: try data.text("text"), data: data.json("data"), replaces: try data.identifierIfPresent("replaces"),
            givenTo: try data.identifierIfPresent("given_to"), trace: data.trace())
    }
}

extension StateUpdated {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            version: try data.integer("version", from: 1), key: try data.text("key"),
            change: try StateChange(in: &data), expiresAt: try data.timeIfPresent("expires_at"),
            by: try data.identifierIfPresent("by"), reason: try data.textIfPresent("reason"))
    }
}

extension StateChange {
    fileprivate init(in data: inout MemberReader) throws(WireError) {
        // `null` is a value that an entry may have. A sender that writes all members writes it beside `removed`, too.
        let value = data.take("value")
        switch (value, data.takePresent("removed")) {
        case (nil, .bool(true)?): self = .removed
        case (.null?, .bool(true)?) where data.isDraft: self = .removed
        case (let value?, nil): self = .value(value)
        case (let value?, .bool(false)?) where data.isDraft: self = .value(value)
        case (nil, nil):
            throw WireError(.missingField, path: "\(data.path).value", "either value or removed is needed")
        case (.some, .some(.bool)):
            throw data.invalid("removed", "there is either value or removed, not both")
        case (_, .some):
            throw data.invalid("removed", "removed is true, or is left out")
        }
    }
}

extension CustomEvent {
    fileprivate init(from data: inout MemberReader) throws(WireError) {
        self.init(
            name: try data.text("name"), value: try data.required("value"), by: try data.identifierIfPresent("by"))
        guard !name.isEmpty else { throw data.invalid("name", "a custom event's name must not be empty") }
    }
}

extension MemberReader {
    /// A place in a trace; one that is not well formed counts as none, also in a draft.
    package mutating func trace() -> TraceContext? {
        guard let members = takePresent("trace")?.objectValue, let parent = members["traceparent"]?.stringValue else {
            return nil
        }
        return TraceContext(traceparent: parent, tracestate: members["tracestate"]?.stringValue)
    }

    /// The messages that a run is about.
    fileprivate mutating func messageIDs() throws(WireError) -> [MessageID]? {
        try identifiersIfPresent("message_ids", upTo: MessageList.maximumCount)
    }

    /// The number of an attempt.
    fileprivate mutating func attempt() throws(WireError) -> Int? {
        try integerIfPresent("attempt", from: 1).map { Int(clamping: $0) }
    }

    /// A member that is left out where it is false.
    fileprivate mutating func flag(_ name: String) throws(WireError) -> Bool { try boolIfPresent(name) ?? false }

    /// A call without arguments is one with none, which is an empty object for most tools.
    fileprivate mutating func arguments() throws(WireError) -> JSONValue {
        isDraft ? json("arguments") ?? [:] : try required("arguments")
    }

    /// An error that comes without a code has the one that errors of Swift without a code have.
    fileprivate mutating func errorCode() throws(WireError) -> String {
        isDraft ? try textIfPresent("code") ?? "error" : try text("code")
    }

    /// What an error says besides, which is an object.
    fileprivate mutating func details() throws(WireError) -> JSONObject? {
        guard let details = takePresent("details") else { return nil }
        guard let object = details.objectValue else {
            throw invalid("details", "the details of an error are an object")
        }
        return object
    }

    /// A sender that does not say that running again may help does not promise it.
    fileprivate mutating func isRetryable() throws(WireError) -> Bool {
        isDraft ? try boolIfPresent("retryable") ?? false : try bool("retryable")
    }
}
