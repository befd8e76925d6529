extension ThreadState {
    /// The format of states; it counts up when states of earlier versions cannot be continued.
    private static var format: Int64 { 1 }

    /// The state as it goes to clients and into a store: snake_case, the members in a fixed order. Equal states give equal
    /// bytes.
    public var json: JSONValue {
        var members = StateMembers()
        members.add("format", .integer(Self.format))
        members.add("cursor", cursor.map { .string($0.description) } ?? .null)
        members.add("messages", .array(messages.map(\.json)))
        members.add("runs", .array(runs.map(\.json)))
        members.add("queue", .array(queue.enumerated().map { $0.element.json(position: $0.offset + 1) }))
        members.add("calls", .array(calls.map(\.json)))
        members.add("approvals", .array(approvals.map(\.json)))
        members.add("resolved_approvals", resolvedApprovals.isEmpty ? nil : .array(resolvedApprovals.map(\.json)))
        members.add("entries", .array(entries.map(\.json)))
        members.add("dropped", dropped.json)
        members.add("limits", limits.json)
        return members.json
    }

    /// Reads a state that was written as ``json``. Unknown members are skipped.
    ///
    /// - Throws: ``WireError`` with the path to the fault; `event.invalid_value` at `$.format` for a state of another
    ///   version, which has to be folded again.
    public init(json: JSONValue) throws(WireError) {
        var reader = try MemberReader(json, path: "$")
        let format = try reader.integer("format", from: 1)
        guard format == Self.format else {
            throw reader.invalid("format", "this version reads states of the format \(Self.format), not \(format)")
        }
        let cursor = try Self.cursor(in: &reader)
        messages = try reader.objects("messages") { element throws(WireError) in try Message(from: &element) }
        runs = try reader.objects("runs") { element throws(WireError) in try Run(from: &element) }
        // A state that an earlier version has written knows no queue.
        if try reader.arrayIfPresent("queue") != nil {
            queue = try reader.objects("queue") { element throws(WireError) in try QueuedRun(from: &element) }
        }
        calls = try reader.objects("calls") { element throws(WireError) in try Call(from: &element) }
        approvals = try reader.objects("approvals") { element throws(WireError) in try Approval(from: &element) }
        if try reader.arrayIfPresent("resolved_approvals") != nil {
            resolvedApprovals = try reader.objects("resolved_approvals") { element throws(WireError) in
                try ResolvedApproval(from: &element)
            }
        }
        entries = try reader.objects("entries") { element throws(WireError) in try Entry(from: &element) }
        var dropped = try reader.object("dropped")
        self.dropped = try Dropped(from: &dropped)
        var limits = try reader.object("limits")
        self.limits = try Limits(from: &limits)
        self.cursor = cursor
        for message in messages where message.isComplete { completeMessages.add(message.byteCount) }
        for run in runs.prefix(while: \.status.isEnd) { endedRuns.add(run.byteCount) }
        for entry in entries { allEntries.add(entry.byteCount) }
        guard !runs[endedRuns.count...].contains(where: \.status.isEnd) else {
            throw reader.invalid("runs", "the runs that have ended must stand before the open ones")
        }
    }

    private static func cursor(in reader: inout MemberReader) throws(WireError) -> Cursor? {
        switch try reader.required("cursor") {
        case .null:
            return nil
        case .string(let text):
            guard let cursor = Cursor(text) else {
                throw WireError(
                    .invalidIdentifier, path: "$.cursor", "a cursor is two numbers from 1, joined by a hyphen: 3-42")
            }
            return cursor
        case .bool, .number, .unpairedString, .array, .object:
            throw WireError(.wrongType, path: "$.cursor", "a cursor or null is expected here")
        }
    }
}

extension ThreadState.Dropped {
    fileprivate var json: JSONValue {
        var members = StateMembers()
        members.add("messages", messages)
        members.add("runs", runs)
        members.add("entries", entries)
        return members.json
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        messages = Int(try reader.integer("messages", from: 0))
        runs = Int(try reader.integer("runs", from: 0))
        entries = Int(try reader.integer("entries", from: 0))
    }
}

extension ThreadState.Limits {
    fileprivate var json: JSONValue {
        var members = StateMembers()
        members.add("message_count", messageCount)
        members.add("message_bytes", messageByteCount)
        members.add("run_count", runCount)
        members.add("run_bytes", runByteCount)
        members.add("entry_count", entryCount)
        members.add("entry_bytes", entryByteCount)
        members.add("thought_bytes", thoughtByteCount)
        return members.json
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        messageCount = Int(try reader.integer("message_count", from: 1))
        messageByteCount = Int(try reader.integer("message_bytes", from: 0))
        runCount = Int(try reader.integer("run_count", from: 1))
        runByteCount = Int(try reader.integer("run_bytes", from: 0))
        entryCount = Int(try reader.integer("entry_count", from: 1))
        entryByteCount = Int(try reader.integer("entry_bytes", from: 0))
        thoughtByteCount = Int(try reader.integer("thought_bytes", from: 0))
    }
}

extension ThreadState.Message {
    package var json: JSONValue {
        var members = StateMembers()
        members.add("message_id", messageID)
        members.add("role", role.rawValue)
        members.add("text", text)
        members.add("complete", .bool(isComplete))
        members.add("run_id", runID)
        members.add("agent", agent)
        members.add("user_id", userID)
        members.add("data", data)
        members.add("time", time)
        return members.json
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            messageID: try reader.identifier("message_id"), role: try reader.choice("role"),
            text: try reader.text("text"), isComplete: try reader.bool("complete"),
            runID: try reader.identifierIfPresent("run_id"), agent: try reader.nameIfPresent("agent"),
            userID: try reader.identifierIfPresent("user_id"), data: reader.take("data"),
            time: try reader.time("time"))
    }
}

extension ThreadState.Run {
    fileprivate var json: JSONValue {
        var members = StateMembers()
        members.add("run_id", runID)
        members.add("agent", agent)
        members.add("status", status.rawValue)
        members.add("waiting", isWaiting ? .bool(true) : nil)
        members.add("parent_run_id", parentRunID)
        members.add("parent_call_id", parentCallID)
        members.add("queued_at", queuedAt)
        members.add("started_at", startedAt)
        members.add("ended_at", endedAt)
        members.add("deadline_at", deadlineAt)
        members.add("progress", progress?.json)
        members.add("thought", thought?.json)
        members.add("usage", usage?.json)
        members.add("result", result)
        members.add("error", error.map(Self.json))
        members.add("reason", reason)
        members.add("by", by)
        return members.json
    }

    private static func json(_ error: RunFailure) -> JSONValue {
        var members: JSONObject = [
            "code": .string(error.code), "message": .string(error.message), "retryable": .bool(error.retryable),
        ]
        if let details = error.details { members["details"] = .object(details) }
        return .object(members)
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        self.init(runID: try reader.identifier("run_id"), agent: try reader.name("agent"))
        status = try reader.choice("status")
        parentRunID = try reader.identifierIfPresent("parent_run_id")
        isWaiting = try reader.boolIfPresent("waiting") ?? false
        parentCallID = try reader.identifierIfPresent("parent_call_id")
        queuedAt = try reader.timeIfPresent("queued_at")
        startedAt = try reader.timeIfPresent("started_at")
        endedAt = try reader.timeIfPresent("ended_at")
        deadlineAt = try reader.timeIfPresent("deadline_at")
        if var progress = try reader.objectIfPresent("progress") {
            self.progress = try ThreadState.Progress(from: &progress)
        }
        if var thought = try reader.objectIfPresent("thought") {
            self.thought = try ThreadState.Thought(from: &thought)
        }
        usage = try TokenUsage(ifPresentIn: &reader)
        result = reader.take("result")
        if var error = try reader.objectIfPresent("error") {
            self.error = RunFailure(
                code: try error.text("code"), message: try error.text("message"),
                retryable: try error.bool("retryable"), details: error.takePresent("details")?.objectValue)
        }
        reason = try reader.textIfPresent("reason")
        by = try reader.identifierIfPresent("by")
    }
}

extension ThreadState.QueuedRun {
    fileprivate func json(position: Int) -> JSONValue {
        var members = StateMembers()
        members.add("run_id", runID)
        members.add("agent", agent)
        members.add("message_ids", messageIDs.isEmpty ? nil : .array(messageIDs.map { .string($0.rawValue) }))
        members.add("queued_at", queuedAt)
        members.add("not_before", notBefore)
        members.add("position", position)
        return members.json
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            runID: try reader.identifier("run_id"), agent: try reader.name("agent"),
            messageIDs: try reader.identifiersIfPresent("message_ids", upTo: MessageList.maximumCount) ?? [],
            queuedAt: try reader.time("queued_at"), notBefore: try reader.timeIfPresent("not_before"))
    }
}

extension TokenUsage {
    fileprivate var json: JSONValue {
        var members = StateMembers()
        members.add("input_tokens", inputTokens.map { .integer($0) })
        members.add("output_tokens", outputTokens.map { .integer($0) })
        for (name, value) in other { members.add(name, value) }
        return members.json
    }
}

extension ThreadState.Thought {
    fileprivate var json: JSONValue {
        var members = StateMembers()
        members.add("thought_id", thoughtID)
        members.add("text", text)
        members.add("cut", isCut ? .bool(true) : nil)
        return members.json
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            thoughtID: try reader.identifier("thought_id"), text: try reader.text("text"),
            isCut: try reader.boolIfPresent("cut") ?? false)
    }
}

extension ThreadState.Progress {
    fileprivate var json: JSONValue {
        var members = StateMembers()
        members.add("message", message)
        members.add("fraction", fraction.flatMap { JSONNumber($0) }.map(JSONValue.number))
        members.add("step", step.map { .integer($0) })
        members.add("total", total.map { .integer($0) })
        return members.json
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            message: try reader.textIfPresent("message"), fraction: try reader.fractionIfPresent("fraction"),
            step: try reader.integerIfPresent("step", from: 0).map(Int.init),
            total: try reader.integerIfPresent("total", from: 0).map(Int.init))
    }
}

extension ThreadState.Call {
    fileprivate var json: JSONValue {
        var members = StateMembers()
        members.add("run_id", runID)
        members.add("call_id", callID)
        members.add("tool", tool)
        members.add("arguments", arguments)
        members.add("purpose", purpose)
        members.add("started_at", startedAt)
        members.add("progress", progress?.json)
        return members.json
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            runID: try reader.identifier("run_id"), callID: try reader.identifier("call_id"),
            tool: try reader.name("tool"), arguments: reader.take("arguments"),
            purpose: try reader.textIfPresent("purpose"),
            startedAt: try reader.time("started_at"))
        if var progress = try reader.objectIfPresent("progress") {
            self.progress = try ThreadState.Progress(from: &progress)
        }
    }
}

extension ThreadState.Approval {
    fileprivate var json: JSONValue {
        var members = StateMembers()
        members.add("run_id", runID)
        members.add("approval_id", approvalID)
        members.add("call_id", callID)
        members.add("prompt", prompt)
        members.add("kind", kind == .approval ? nil : kind.rawValue)
        members.add("schema", schema)
        members.add("editable", isEditable ? .bool(true) : nil)
        members.add("approvers", approvers.isEmpty ? nil : .array(approvers.map { .string($0.rawValue) }))
        members.add("separate_from", separateFrom)
        members.add("requested_at", requestedAt)
        members.add("expires_at", expiresAt)
        return members.json
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            runID: try reader.identifier("run_id"), approvalID: try reader.identifier("approval_id"),
            callID: try reader.identifierIfPresent("call_id"), prompt: try reader.text("prompt"),
            kind: try reader.choiceIfPresent("kind") ?? .approval, schema: reader.take("schema"),
            isEditable: try reader.boolIfPresent("editable") ?? false,
            approvers: try reader.identifiersIfPresent("approvers", upTo: ApprovalRequested.maximumApproverCount) ?? [],
            separateFrom: try reader.identifierIfPresent("separate_from"),
            requestedAt: try reader.time("requested_at"),
            expiresAt: try reader.timeIfPresent("expires_at"))
    }
}

extension MemberReader {
    fileprivate mutating func cursor() throws(WireError) -> Cursor {
        guard let cursor = try cursorIfPresent("cursor") else { throw missing("cursor") }
        return cursor
    }
}

extension ThreadState.ResolvedApproval {
    fileprivate var json: JSONValue {
        var members = StateMembers()
        members.add("run_id", runID)
        members.add("approval_id", approvalID)
        members.add("decision", decision.rawValue)
        members.add("by", by)
        members.add("cursor", .string(cursor.description))
        return members.json
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            runID: try reader.identifier("run_id"), approvalID: try reader.identifier("approval_id"),
            decision: try reader.choice("decision"), by: try reader.identifierIfPresent("by"),
            cursor: try reader.cursor())
    }
}

extension ThreadState.Entry {
    fileprivate var json: JSONValue {
        var members = StateMembers()
        members.add("key", key)
        members.add("version", .integer(version))
        members.add("value", value)
        members.add("removed", isRemoved ? .bool(true) : nil)
        members.add("expires_at", expiresAt)
        members.add("by", by)
        members.add("time", time)
        return members.json
    }

    fileprivate init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            key: try reader.text("key"), version: try reader.integer("version", from: 1), value: reader.take("value"),
            isRemoved: try reader.boolIfPresent("removed") ?? false, expiresAt: try reader.timeIfPresent("expires_at"),
            by: try reader.identifierIfPresent("by"), time: try reader.timeIfPresent("time"))
    }
}

/// The members of one JSON object of a state, one after another; what has no value is left out.
private struct StateMembers {
    private var members: [JSONObject.Element] = []

    var json: JSONValue { .object(JSONObject(uniqueMembers: members)) }

    mutating func add(_ name: String, _ value: JSONValue?) {
        if let value { members.append((name, value)) }
    }

    mutating func add(_ name: String, _ text: String?) { add(name, text.map(JSONValue.string)) }

    mutating func add(_ name: String, _ id: (some Identifier)?) { add(name, id?.rawValue) }

    mutating func add(_ name: String, _ text: (some Name)?) { add(name, text?.rawValue) }

    mutating func add(_ name: String, _ time: Timestamp?) { add(name, time?.rfc3339) }

    mutating func add(_ name: String, _ count: Int) { add(name, .integer(count)) }
}
