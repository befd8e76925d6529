extension ThreadState {
    /// A run of an agent.
    public struct Run: Hashable, Sendable {
        /// Unique in the thread.
        public let run: RunID
        /// Whose run it is.
        public let agent: AgentName
        /// Where it stands.
        public internal(set) var status: RunStatus = .running
        /// The run that started this one, when it is a child.
        public internal(set) var parentRun: RunID?
        /// The call of the parent that started this run.
        public internal(set) var parentCall: CallID?
        /// When it started; `nil` when that event was not there to be applied.
        public internal(set) var startedAt: Timestamp?
        /// When it ended.
        public internal(set) var endedAt: Timestamp?
        /// How far an open run is.
        public internal(set) var progress: Progress?
        /// What an open run thinks, or thought last.
        public internal(set) var thought: Thought?
        /// What a completed run returned; `nil` also when that was nested deeper than ``Limits/valueDepth``.
        public internal(set) var result: JSONValue?
        /// What went wrong in a failed run.
        public internal(set) var error: RunFailure?
        /// Why a run was cancelled.
        public internal(set) var reason: String?
        /// Who cancelled it.
        public internal(set) var by: UserID?

        init(run: RunID, agent: AgentName) {
            self.run = run
            self.agent = agent
        }

        /// The size of what may be long, once the run has ended.
        var byteCount: Int {
            (result?.encoded().count ?? 0) + (error.map { $0.code.utf8.count + $0.message.utf8.count } ?? 0)
                + (reason?.utf8.count ?? 0)
        }

        mutating func think(_ thinking: AgentThinking, maximumByteCount: Int) {
            if thought?.thought != thinking.thought { thought = Thought(thought: thinking.thought) }
            thought?.append(thinking.text, maximumByteCount: maximumByteCount)
        }

        mutating func end(at time: Timestamp) {
            endedAt = time
            progress = nil
            thought = nil
        }
    }

    /// Where a run stands, by the names in JSON.
    @nonexhaustive
    public enum RunStatus: String, CaseIterable, Sendable {
        case running
        case paused
        case completed
        case failed
        case cancelled

        /// Whether the run has ended.
        public var isEnd: Bool {
            switch self {
            case .running, .paused: false
            case .completed, .failed, .cancelled: true
            }
        }
    }
}

extension ThreadState.Run {
    var json: JSONValue {
        var members = StateMembers()
        members.add("run_id", run)
        members.add("agent", agent)
        members.add("status", status.rawValue)
        members.add("parent_run_id", parentRun)
        members.add("parent_call_id", parentCall)
        members.add("started_at", startedAt)
        members.add("ended_at", endedAt)
        members.add("progress", progress?.json)
        members.add("thought", thought?.json)
        members.add("result", result)
        members.add("error", error.map(Self.json))
        members.add("reason", reason)
        members.add("by", by)
        return members.json
    }

    private static func json(_ error: RunFailure) -> JSONValue {
        ["code": .string(error.code), "message": .string(error.message), "retryable": .bool(error.retryable)]
    }

    init(from reader: inout MemberReader) throws(WireError) {
        self.init(run: try reader.identifier("run_id"), agent: try reader.name("agent"))
        status = try reader.choice("status")
        parentRun = try reader.identifierIfPresent("parent_run_id")
        parentCall = try reader.identifierIfPresent("parent_call_id")
        startedAt = try reader.timeIfPresent("started_at")
        endedAt = try reader.timeIfPresent("ended_at")
        if var progress = try reader.objectIfPresent("progress") {
            self.progress = try ThreadState.Progress(from: &progress)
        }
        if var thought = try reader.objectIfPresent("thought") {
            self.thought = try ThreadState.Thought(from: &thought)
        }
        result = reader.take("result")
        if var error = try reader.objectIfPresent("error") {
            self.error = RunFailure(
                code: try error.text("code"), message: try error.text("message"),
                retryable: try error.bool("retryable"))
        }
        reason = try reader.textIfPresent("reason")
        by = try reader.identifierIfPresent("by")
    }
}
