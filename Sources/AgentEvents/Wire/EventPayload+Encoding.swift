extension EventPayload {
    /// The number of bytes that the texts without a limit take, to reserve room for them.
    var textByteCount: Int {
        switch self {
        case .agentThinking(let event): event.text.utf8.count
        case .messageDelta(let event): event.text.utf8.count
        case .messageCompleted(let event): event.text.utf8.count
        case .userMessage(let event): event.text.utf8.count
        case .agentQueued, .agentStarted, .inputTaken, .agentProgress, .toolExecuting, .toolProgress, .toolCompleted,
            .approvalRequested, .approvalResolved, .usageReported, .agentPaused, .agentResumed, .agentCompleted,
            .agentFailed, .agentCancelled, .stateUpdated, .custom, .unknown:
            256
        }
    }

    /// Writes the members of `data`, in the order of the catalogue.
    func write(into data: inout MemberWriter) throws(WireError) {
        switch self {
        case .agentQueued(let event): try event.write(into: &data)
        case .agentStarted(let event): try event.write(into: &data)
        case .inputTaken(let event): try event.write(into: &data)
        case .agentThinking(let event): event.write(into: &data)
        case .agentProgress(let event): try event.write(into: &data)
        case .messageDelta(let event): event.write(into: &data)
        case .messageCompleted(let event): event.write(into: &data)
        case .toolExecuting(let event): try event.write(into: &data)
        case .toolProgress(let event): try event.write(into: &data)
        case .toolCompleted(let event): try event.write(into: &data)
        case .approvalRequested(let event): try event.write(into: &data)
        case .approvalResolved(let event): try event.write(into: &data)
        case .usageReported(let event): try event.write(into: &data)
        case .agentPaused(let event): event.write(into: &data)
        case .agentResumed(let event): event.write(into: &data)
        case .agentCompleted(let event): try event.write(into: &data)
        case .agentFailed(let event): try event.write(into: &data)
        case .agentCancelled(let event): try event.write(into: &data)
        case .userMessage(let event): try event.write(into: &data)
        case .stateUpdated(let event): try event.write(into: &data)
        case .custom(let event): try event.write(into: &data)
        case .unknown: preconditionFailure("the encoder refuses unknown types")
        }
    }
}

extension AgentQueued {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        try data.json("input", input)
        try data.identifiersIfAny("message_ids", messageIDs, upTo: MessageList.maximumCount)
        data.identifier("by", by)
        try data.time("not_before", notBefore)
        try data.time("start_by", startBy)
        data.identifier("schedule_id", scheduleID)
        try data.integer("attempt", attempt.map(Int64.init), from: 1)
        data.identifier("retry_of", retryOf)
    }
}

extension AgentStarted {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        try data.json("input", input)
        data.identifier("parent_run_id", parentRunID)
        data.identifier("parent_call_id", parentCallID)
        try data.integer("idle_timeout_ms", idleTimeoutMilliseconds, in: Self.idleTimeoutMilliseconds)
        try data.identifiersIfAny("message_ids", messageIDs, upTo: MessageList.maximumCount)
        try data.integer("attempt", attempt.map(Int64.init), from: 1)
        data.identifier("retry_of", retryOf)
        try trace?.write(into: &data)
    }
}

extension TraceContext {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        try data.object("trace") { members throws(WireError) in
            members.text("traceparent", traceparent)
            members.text("tracestate", tracestate)
        }
    }
}

extension InputTaken {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        try data.identifiers("message_ids", messageIDs, upTo: MessageList.maximumCount)
    }
}

extension AgentThinking {
    fileprivate func write(into data: inout MemberWriter) {
        data.identifier("thought_id", thoughtID)
        data.text("text", text)
    }
}

extension AgentProgress {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        data.text("message", message)
        try data.fraction("fraction", fraction)
        try data.integer("step", step.map(Int64.init), from: 0)
        try data.integer("total", total.map(Int64.init), from: 0)
    }
}

extension MessageDelta {
    fileprivate func write(into data: inout MemberWriter) {
        data.identifier("message_id", messageID)
        data.text("text", text)
    }
}

extension MessageCompleted {
    fileprivate func write(into data: inout MemberWriter) {
        data.identifier("message_id", messageID)
        data.text("role", role.rawValue)
        data.text("text", text)
        data.flag("interrupted", isInterrupted)
    }
}

extension ToolExecuting {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        data.identifier("call_id", callID)
        data.text("tool", tool.rawValue)
        try data.json("arguments", arguments)
        data.text("purpose", purpose)
    }
}

extension ToolProgress {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        data.identifier("call_id", callID)
        data.text("message", message)
        try data.fraction("fraction", fraction)
    }
}

extension ToolCompleted {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        data.identifier("call_id", callID)
        data.text("tool", tool.rawValue)
        data.text("status", status.rawValue)
        try data.json("result", result)
        if let error {
            try data.object("error") { members throws(WireError) in
                members.text("code", error.code)
                members.text("message", error.message)
            }
        }
        try data.integer("duration_ms", durationMilliseconds, from: 0)
    }
}

extension ApprovalRequested {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        data.identifier("approval_id", approvalID)
        data.identifier("call_id", callID)
        data.text("prompt", prompt)
        if kind != .approval { data.text("kind", kind.rawValue) }
        try data.json("schema", schema)
        data.flag("editable", isEditable)
        try data.identifiersIfAny("approvers", approvers, upTo: Self.maximumApproverCount)
        data.identifier("separate_from", separateFrom)
        try data.time("expires_at", expiresAt)
    }
}

extension ApprovalResolved {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        data.identifier("approval_id", approvalID)
        data.text("decision", decision.rawValue)
        data.identifier("by", by)
        try data.json("data", self.data)
    }
}

extension UsageReported {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        data.text("model", model)
        try data.integer("input_tokens", inputTokens, from: 0)
        try data.integer("output_tokens", outputTokens, from: 0)
        try data.integer("cached_input_tokens", cachedInputTokens, from: 0)
        try data.integer("reasoning_tokens", reasoningTokens, from: 0)
        data.flag("estimated", isEstimated)
        try data.members(other, reserved: Self.dataMembers, level: 2)
    }
}

extension AgentPaused {
    fileprivate func write(into data: inout MemberWriter) {
        data.identifier("by", by)
        data.text("reason", reason)
        data.flag("handed_over", isHandedOver)
    }
}

extension AgentResumed {
    fileprivate func write(into data: inout MemberWriter) {
        data.identifier("by", by)
        data.text("reason", reason)
    }
}

extension AgentCompleted {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        try data.json("result", result)
        try usage?.write(into: &data)
        try data.integer("duration_ms", durationMilliseconds, from: 0)
    }
}

extension TokenUsage {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        try data.object("usage") { members throws(WireError) in
            try members.integer("input_tokens", inputTokens, from: 0)
            try members.integer("output_tokens", outputTokens, from: 0)
            try members.members(other, reserved: ["input_tokens", "output_tokens"])
        }
    }
}

extension AgentFailed {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        try data.object("error") { members throws(WireError) in
            members.text("code", error.code)
            members.text("message", error.message)
            members.bool("retryable", error.retryable)
            if let details = error.details { try members.json("details", .object(details)) }
        }
        try usage?.write(into: &data)
        try data.integer("duration_ms", durationMilliseconds, from: 0)
    }
}

extension AgentCancelled {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        data.text("reason", reason)
        data.identifier("by", by)
        data.identifier("superseded_by", supersededBy)
        data.flag("discarded", isDiscarded)
        try usage?.write(into: &data)
        try data.integer("duration_ms", durationMilliseconds, from: 0)
    }
}

extension UserMessage {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        data.identifier("message_id", messageID)
        data.identifier("user_id", userID)
        data.text("text", text)
        try data.json("data", self.data)
        data.identifier("replaces", replaces)
        data.identifier("given_to", givenTo)
        try trace?.write(into: &data)
    }
}

extension StateUpdated {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        try data.integer("version", version, from: 1)
        data.text("key", key)
        switch change {
        case .value(let value): try data.json("value", value)
        case .removed: data.bool("removed", true)
        }
        try data.time("expires_at", expiresAt)
        data.identifier("by", by)
        data.text("reason", reason)
    }
}

extension CustomEvent {
    fileprivate func write(into data: inout MemberWriter) throws(WireError) {
        guard !name.isEmpty else { throw data.fault(.invalidValue, "name", "a custom event's name must not be empty") }
        data.text("name", name)
        try data.json("value", value)
        data.identifier("by", by)
    }
}
