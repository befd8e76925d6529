package import AgentEvents

/// A command of a user about a thread.
package struct CommandRequest: Hashable, Sendable {
    package var thread: ThreadID
    /// Names the request, so that sending it again does nothing twice.
    package var key: IdempotencyKey
    package var body: CommandBody

    package init(thread: ThreadID, key: IdempotencyKey, _ body: CommandBody) {
        self.thread = thread
        self.key = key
        self.body = body
    }
}

/// The command itself, as it stands in a message of the stream and in the body of an HTTP request.
package struct CommandBody: Hashable, Sendable {
    /// The kinds of command.
    package enum Kind: Hashable, Sendable {
        /// Ends, pauses or resumes runs, or gives one an application's own command.
        case run(RunCommand.Action, reason: String?)
        case start(StartCommand)
        case message(MessageCommand)
        /// The answer to a request for approval.
        case answer(AnswerCommand)
        /// Takes back an answer that counts for later questions about a tool.
        case revoke(ToolName)
        /// Sets or removes a value of the thread's context; the service says who.
        case value(ContextChange)
    }

    package var kind: Kind
    /// The run that it is for.
    package var run: RunID?
    /// The last event that the sender had seen.
    package var asOf: Cursor?

    package init(_ kind: Kind, run: RunID? = nil, asOf: Cursor? = nil) {
        self.kind = kind
        self.run = run
        self.asOf = asOf
    }

    /// The name on the wire.
    package var name: String {
        switch kind {
        case .run(let action, reason: _): action.name
        case .start: CommandWord.start.rawValue
        case .message: CommandWord.message.rawValue
        case .answer: CommandWord.answer.rawValue
        case .revoke: CommandWord.revoke.rawValue
        case .value(let change): change.name
        }
    }

    /// The members that a body of HTTP may have, in the order of the schema.
    package static let members = ["name", "run_id", "as_of", "data"]
}

/// Has an agent start without a message.
package struct StartCommand: Hashable, Sendable {
    /// The agent; `nil` for the service's first one.
    package var agent: AgentName?
    package var input: JSONValue?
    /// What is done when the thread is busy; `nil` for what the agent or the service does.
    package var policy: ConcurrencyPolicy?
    /// The run that is to be done again.
    package var retryOf: RunID?
    /// The place in a trace from which it is sent.
    package var trace: TraceContext?

    package init(
        agent: AgentName? = nil,
        input: JSONValue? = nil,
        policy: ConcurrencyPolicy? = nil,
        retryOf: RunID? = nil,
        trace: TraceContext? = nil
    ) {
        self.trace = trace
        self.agent = agent
        self.input = input
        self.policy = policy
        self.retryOf = retryOf
    }
}

/// Sends a message to an agent.
package struct MessageCommand: Hashable, Sendable {
    package var text: String
    /// The agent; `nil` for the service's first one.
    package var agent: AgentName?
    package var data: JSONValue?
    /// What is done when the thread is busy; `nil` for what the agent or the service does.
    package var policy: ConcurrencyPolicy?
    /// The message in whose place it comes.
    package var replaces: MessageID?
    /// Whether it is a no to what the run asks that it is given to.
    package var answersApproval: Bool
    /// The place in a trace from which it is sent.
    package var trace: TraceContext?

    package init(
        text: String,
        agent: AgentName? = nil,
        data: JSONValue? = nil,
        policy: ConcurrencyPolicy? = nil,
        replaces: MessageID? = nil,
        answersApproval: Bool = false,
        trace: TraceContext? = nil
    ) {
        self.trace = trace
        self.answersApproval = answersApproval
        self.text = text
        self.agent = agent
        self.data = data
        self.policy = policy
        self.replaces = replaces
    }
}

/// Answers a request for approval.
package struct AnswerCommand: Hashable, Sendable {
    package var approvalID: ApprovalID
    package var isApproved: Bool
    package var data: JSONValue?
    /// Has the answer count for later questions, too.
    package var grant: ApprovalGrant?

    package init(_ approvalID: ApprovalID, isApproved: Bool, data: JSONValue? = nil, grant: ApprovalGrant? = nil) {
        self.approvalID = approvalID
        self.isApproved = isApproved
        self.data = data
        self.grant = grant
    }
}

/// The names of commands that are not an application's own.
package enum CommandWord: String, CaseIterable, Sendable {
    case stop
    case pause
    case resume
    case answer
    case start
    case message
    case revoke
    case set
    case remove

    static var known: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// The members that its data may have.
    var dataMembers: [String] {
        switch self {
        case .stop, .pause, .resume: ["reason"]
        case .answer: ["approval_id", "decision", "data", "grant"]
        case .start: ["agent", "input", "policy", "retry_of", "trace"]
        case .message: ["text", "agent", "data", "policy", "replaces", "answers_approval", "trace"]
        case .revoke: ["tool"]
        case .set: ["key", "value", "ttl_ms", "if_version"]
        case .remove: ["key", "if_version"]
        }
    }
}

// MARK: Encoding

extension CommandRequest {
    /// The members in the order of the schema, without `op`, `req`, `thread_id` and `key`.
    var members: [(String, JSONValue?)] { body.members }
}

extension CommandBody {
    /// The members in the order of the schema.
    package var members: [(String, JSONValue?)] {
        [("name", .string(name)), ("run_id", run?.json), ("as_of", asOf?.json), ("data", data)]
    }

    private var data: JSONValue? {
        let members: [(String, JSONValue?)]
        switch kind {
        case .run(.custom(_, let value), reason: _):
            return value
        case .run(_, let reason):
            guard let reason else { return nil }
            members = [("reason", .string(reason))]
        case .start(let start):
            members = [
                ("agent", start.agent.map { .string($0.rawValue) }), ("input", start.input),
                ("policy", start.policy.map { .string($0.rawValue) }), ("retry_of", start.retryOf?.json),
                ("trace", start.trace?.json),
            ]
        case .message(let message):
            members = [
                ("text", .string(message.text)), ("agent", message.agent.map { .string($0.rawValue) }),
                ("data", message.data), ("policy", message.policy.map { .string($0.rawValue) }),
                ("replaces", message.replaces?.json),
                ("answers_approval", message.answersApproval ? .bool(true) : nil),
                ("trace", message.trace?.json),
            ]
        case .answer(let answer):
            let decision: ApprovalDecision = answer.isApproved ? .approved : .denied
            members = [
                ("approval_id", answer.approvalID.json), ("decision", .string(decision.rawValue)),
                ("data", answer.data), ("grant", answer.grant?.json),
            ]
        case .revoke(let tool):
            members = [("tool", .string(tool.rawValue))]
        case .value(let change):
            let ifVersion = change.ifVersion.map { JSONValue.integer($0) }
            switch change.kind {
            case .set(let value, let timeToLive):
                members = [
                    ("key", .string(change.key)), ("value", value),
                    ("ttl_ms", timeToLive.map { .integer(Int64(clamping: $0.wholeMilliseconds)) }),
                    ("if_version", ifVersion),
                ]
            case .remove:
                members = [("key", .string(change.key)), ("if_version", ifVersion)]
            }
        }
        let object = JSONObject(present: members)
        return object.isEmpty ? nil : .object(object)
    }
}

extension MemberReader {
    /// - Throws: when a message is to answer what is asked, and its policy gives it to no run.
    package func checkAnswers(_ answersApproval: Bool, policy: ConcurrencyPolicy?) throws(WireError) {
        guard answersApproval, let policy, policy != .steer else { return }
        throw invalid(
            "answers_approval",
            "a message answers what the run asks that it is given to: its policy is steer, not \(policy.rawValue)")
    }
}
