extension ThreadState {
    /// An open request for a person's approval.
    public struct Approval: Hashable, Sendable {
        /// The run that asks.
        public let run: RunID
        /// Unique in its run.
        public let approval: ApprovalID
        /// The open call that waits for it.
        public let call: CallID?
        /// What is asked.
        public let prompt: String
        /// JSON Schema of the data that an answer may carry; `nil` also when that is nested deeper than
        /// ``Limits/valueDepth``.
        public let schema: JSONValue?
        /// When it was asked.
        public let requestedAt: Timestamp
        /// When the question lapses.
        public let expiresAt: Timestamp?
    }
}

extension ThreadState.Approval {
    init(_ requested: ApprovalRequested, run: RunID, at time: Timestamp) {
        self.init(
            run: run, approval: requested.approval, call: requested.call, prompt: requested.prompt,
            schema: requested.schema.flatMap(ThreadState.kept), requestedAt: time, expiresAt: requested.expiresAt)
    }

    var json: JSONValue {
        var members = StateMembers()
        members.add("run_id", run)
        members.add("approval_id", approval)
        members.add("call_id", call)
        members.add("prompt", prompt)
        members.add("schema", schema)
        members.add("requested_at", requestedAt)
        members.add("expires_at", expiresAt)
        return members.json
    }

    init(from reader: inout MemberReader) throws(WireError) {
        self.init(
            run: try reader.identifier("run_id"), approval: try reader.identifier("approval_id"),
            call: try reader.identifierIfPresent("call_id"), prompt: try reader.text("prompt"),
            schema: reader.take("schema"), requestedAt: try reader.time("requested_at"),
            expiresAt: try reader.timeIfPresent("expires_at"))
    }
}
