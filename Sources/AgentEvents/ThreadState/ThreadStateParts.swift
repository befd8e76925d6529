extension ThreadState {
    /// A message of an agent or of a user.
    public struct Message: Hashable, Sendable {
        /// Unique in its run.
        public internal(set) var messageID: MessageID
        /// The speaker; `assistant` until the message is complete and names it.
        public internal(set) var role: MessageRole
        /// The text so far.
        public internal(set) var text: String
        /// Whether the text is whole.
        public internal(set) var isComplete: Bool
        /// The run that it belongs to; `nil` for a user's message.
        public internal(set) var runID: RunID?
        /// The agent of that run.
        public internal(set) var agent: AgentName?
        /// The user who wrote it; `nil` for a message of a run.
        public internal(set) var userID: UserID?
        /// Further data that came with it; `nil` also when that was nested deeper than ``Limits/valueDepth``.
        public internal(set) var data: JSONValue?
        /// When its last event was accepted.
        public internal(set) var time: Timestamp

        /// The size of what may be long.
        var byteCount: Int { text.utf8.count + (data?.encoded().count ?? 0) }
    }
}

extension ThreadState.Message {
    init(_ message: UserMessage, at time: Timestamp) {
        self.init(
            messageID: message.messageID, role: .user, text: message.text, isComplete: true, userID: message.userID,
            data: message.data.flatMap(ThreadState.kept), time: time)
    }
}

extension ThreadState {
    /// A run of an agent.
    public struct Run: Hashable, Sendable {
        /// Unique in the thread.
        public let runID: RunID
        /// The agent whose run it is.
        public let agent: AgentName
        /// The status.
        public internal(set) var status: RunStatus = .running
        /// The run that started this one, when it is a child.
        public internal(set) var parentRunID: RunID?
        /// The call of the parent that started this run.
        public internal(set) var parentCallID: CallID?
        /// Whether an open run waits for people, and does nothing until they have answered: it asked for an approval, and
        /// then each of its open calls waited for one, and each of its open child runs did. It waits until its next event
        /// other than a further request, an answer that leaves requests open, or `usage_reported`; a call that waits with
        /// its child run waits.
        public internal(set) var isWaiting = false
        /// When it was queued; `nil` for one that started at once.
        public internal(set) var queuedAt: Timestamp?
        /// When it started; `nil` when it has not, and when that event was not there to be applied.
        public internal(set) var startedAt: Timestamp?
        /// When it ended.
        public internal(set) var endedAt: Timestamp?
        /// When an open run ends by itself if nothing else happens, as far as its events say: the time by which a queued
        /// run has to start.
        public internal(set) var deadlineAt: Timestamp?
        /// The progress of an open run.
        public internal(set) var progress: Progress?
        /// The current thought of an open run, or its last one.
        public internal(set) var thought: Thought?
        /// The tokens used: of an open run the sum of what it has reported, of one that has ended what its end says, which
        /// is the sum over the run and the child runs below it. `nil` when nothing was reported, and when it was nested
        /// deeper than ``Limits/valueDepth``.
        public internal(set) var usage: TokenUsage?
        /// The result of a completed run; `nil` also when that was nested deeper than ``Limits/valueDepth``.
        public internal(set) var result: JSONValue?
        /// The error of a failed run.
        public internal(set) var error: RunFailure?
        /// The reason why a run was cancelled.
        public internal(set) var reason: String?
        /// The user who cancelled it.
        public internal(set) var by: UserID?

        init(runID: RunID, agent: AgentName) {
            self.runID = runID
            self.agent = agent
        }

        /// The size of what may be long, once the run has ended.
        var byteCount: Int {
            (result?.encoded().count ?? 0) + (error.map { $0.code.utf8.count + $0.message.utf8.count } ?? 0)
                + (reason?.utf8.count ?? 0)
                + (usage.map { $0.other.isEmpty ? 0 : JSONValue.object($0.other).encoded().count } ?? 0)
        }

        mutating func think(_ thinking: AgentThinking, maximumByteCount: Int) {
            if thought?.thoughtID != thinking.thoughtID { thought = Thought(thoughtID: thinking.thoughtID) }
            thought?.append(thinking.text, maximumByteCount: maximumByteCount)
        }

        mutating func report(_ report: UsageReported) {
            var sum = usage ?? TokenUsage()
            sum.add(report)
            usage = sum
        }

        /// - Parameter usage: what the end says.
        mutating func end(at time: Timestamp, _ usage: TokenUsage?) {
            endedAt = time
            isWaiting = false
            deadlineAt = nil
            progress = nil
            thought = nil
            guard let usage else { return }
            self.usage = ThreadState.kept(.object(usage.other)) == nil ? nil : usage
        }
    }

    /// A run that waits for its turn.
    public struct QueuedRun: Hashable, Sendable {
        /// The run; it is among ``ThreadState/runs``, too.
        public let runID: RunID
        /// Its agent.
        public let agent: AgentName
        /// The messages that it is to answer.
        public let messageIDs: [MessageID]
        /// When it was queued.
        public let queuedAt: Timestamp
        /// It does not start earlier.
        public let notBefore: Timestamp?
    }

    /// The status of a run, by the names in JSON.
    @nonexhaustive
    public enum RunStatus: String, CaseIterable, Sendable {
        case queued
        case running
        case paused
        case completed
        case failed
        case cancelled

        /// Whether the run has ended.
        public var isEnd: Bool {
            switch self {
            case .queued, .running, .paused: false
            case .completed, .failed, .cancelled: true
            }
        }
    }
}

extension ThreadState {
    /// The current thought of a run, or its last one.
    public struct Thought: Hashable, Sendable {
        /// The id that its fragments share.
        public let thoughtID: ThoughtID
        /// The text so far, or the end of it.
        public private(set) var text: String
        /// Whether the beginning of the text was dropped because of ``Limits/thoughtByteCount``.
        public private(set) var isCut: Bool

        init(thoughtID: ThoughtID, text: String = "", isCut: Bool = false) {
            self.thoughtID = thoughtID
            self.text = text
            self.isCut = isCut
        }

        /// Appends a fragment and keeps the longest end that has room. The result does not depend on how a text is divided.
        mutating func append(_ fragment: String, maximumByteCount: Int) {
            text += fragment
            let bytes = text.utf8
            guard bytes.count > maximumByteCount else { return }
            isCut = true
            let start = bytes.index(bytes.endIndex, offsetBy: -maximumByteCount)
            // The bytes of a character after its first one begin with the bits 10.
            let end = bytes[start...].drop { $0 & 0xC0 == 0x80 }
            text = String(Substring(end))
        }
    }
}

extension ThreadState {
    /// The progress of a run or a call, by its last event that told it.
    public struct Progress: Hashable, Sendable {
        /// The progress in words.
        public var message: String?
        /// The finished part, from 0 to 1.
        public var fraction: Double?
        /// The current step; `nil` for a call.
        public var step: Int?
        /// The number of steps; `nil` for a call.
        public var total: Int?
    }
}

extension ThreadState.Progress {
    init(_ progress: AgentProgress) {
        self.init(
            message: progress.message, fraction: progress.fraction, step: progress.step, total: progress.total)
    }

    init(_ progress: ToolProgress) { self.init(message: progress.message, fraction: progress.fraction) }
}

extension ThreadState {
    /// An open call of a tool.
    public struct Call: Hashable, Sendable {
        /// The run that calls.
        public let runID: RunID
        /// Unique among the open calls of its run.
        public let callID: CallID
        /// The tool that is called.
        public let tool: ToolName
        /// The arguments of the call; `nil` when that is nested deeper than ``Limits/valueDepth``.
        public let arguments: JSONValue?
        /// The reason for the call, for people.
        public let purpose: String?
        /// When it started.
        public let startedAt: Timestamp
        /// The progress.
        public internal(set) var progress: Progress?
    }
}

extension ThreadState.Call {
    init(_ executing: ToolExecuting, runID: RunID, at time: Timestamp) {
        self.init(
            runID: runID, callID: executing.callID, tool: executing.tool,
            arguments: ThreadState.kept(executing.arguments), purpose: executing.purpose, startedAt: time)
    }
}

extension ThreadState {
    /// An open request for a person's approval.
    public struct Approval: Hashable, Sendable {
        /// The run that asks.
        public let runID: RunID
        /// Unique in its run.
        public let approvalID: ApprovalID
        /// The open call that waits for it.
        public let callID: CallID?
        /// The question.
        public let prompt: String
        /// The kind of answer that is asked for.
        public let kind: ApprovalKind
        /// JSON Schema of the data that an answer may carry; `nil` also when that is nested deeper than
        /// ``Limits/valueDepth``.
        public let schema: JSONValue?
        /// Whether the answer may replace the arguments of the call.
        public let isEditable: Bool
        /// The users who may answer; empty for the user of the thread.
        public let approvers: [UserID]
        /// The user who may not answer in any case; `nil` for none.
        public let separateFrom: UserID?
        /// When it was asked.
        public let requestedAt: Timestamp
        /// When the question lapses.
        public let expiresAt: Timestamp?
    }
}

extension ThreadState {
    /// A request for approval that is not open any longer.
    public struct ResolvedApproval: Hashable, Sendable {
        /// The run that asked.
        public let runID: RunID
        /// Unique in its run.
        public let approvalID: ApprovalID
        public let decision: ApprovalDecision
        /// The user who answered.
        public let by: UserID?
        /// The event that says so.
        public let cursor: Cursor
    }
}

extension ThreadState.ResolvedApproval {
    init(_ resolved: ApprovalResolved, runID: RunID, cursor: Cursor) {
        self.init(
            runID: runID, approvalID: resolved.approvalID, decision: resolved.decision, by: resolved.by, cursor: cursor)
    }
}

extension ThreadState.Approval {
    init(_ requested: ApprovalRequested, runID: RunID, at time: Timestamp) {
        self.init(
            runID: runID, approvalID: requested.approvalID, callID: requested.callID, prompt: requested.prompt,
            kind: requested.kind, schema: requested.schema.flatMap(ThreadState.kept), isEditable: requested.isEditable,
            approvers: requested.approvers, separateFrom: requested.separateFrom, requestedAt: time,
            expiresAt: requested.expiresAt)
    }
}

extension ThreadState {
    /// An entry of the thread's shared state, by the newest version of it.
    public struct Entry: Hashable, Sendable {
        /// The key of the entry; keys are told apart by their UTF-8 bytes.
        public let key: String
        /// An update of this entry with the same version or a lower one was ignored, or will be.
        public let version: Int64
        /// `nil` for an entry that was removed, and for a value that is nested deeper than ``Limits/valueDepth``.
        public let value: JSONValue?
        /// Whether the entry was removed; it is kept for its version.
        public let isRemoved: Bool
        /// When the entry lapses. It stays here, for a state has no clock: readers ask ``ThreadState/entry(_:at:)``.
        public let expiresAt: Timestamp?
        /// The user who changed it last, as its event says.
        public let by: UserID?
        /// The time of its last change; `nil` in a state that an earlier version has written.
        public let time: Timestamp?

        /// The size of what may be long.
        var byteCount: Int { key.utf8.count + (value?.encoded().count ?? 0) }
    }
}

extension ThreadState.Entry {
    init(_ update: StateUpdated, at time: Timestamp) {
        let value: JSONValue?
        let isRemoved: Bool
        switch update.change {
        case .value(let new): (value, isRemoved) = (ThreadState.kept(new), false)
        case .removed: (value, isRemoved) = (nil, true)
        }
        self.init(
            key: update.key, version: update.version, value: value, isRemoved: isRemoved, expiresAt: update.expiresAt,
            by: update.by, time: time)
    }
}
