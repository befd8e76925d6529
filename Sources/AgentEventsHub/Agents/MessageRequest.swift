package import AgentEvents
package import AgentEventsProtocol

/// The body of `POST /v1/threads/{t}/messages`.
package struct MessageRequest: Hashable, Sendable {
    /// The text that the user wrote; not empty.
    package var text: String
    /// The agent that should answer; `nil` for the service's first agent.
    package var agent: AgentName?
    /// Further data of the message; any JSON value, which becomes the `data` of `user_message`. `null` counts as none.
    package var data: JSONValue?

    /// The policy for a thread that is busy; `nil` for that of the agent.
    package var policy: ConcurrencyPolicy?
    /// The message in whose place this one stands.
    package var replaces: MessageID?
    /// Says if it is a no to what the run asks that it is given to, under ``ConcurrencyPolicy/steer``.
    package var answersApproval: Bool
    /// The run that answers does not start earlier.
    package var notBefore: Timestamp?
    /// A run that has not started by then fails with `run.not_started_in_time`.
    package var startBy: Timestamp?
    /// Says if it is refused while a question is open in the thread. The protocol says so, not the body; and it is no part of what
    /// is compared when the key comes again.
    package var waitsForAnswers = false
    /// The place in a trace from which the message is sent. A header has it, not the body; and it is no part of what is
    /// compared when the key comes again.
    package var trace: TraceContext?

    package init(
        text: String,
        agent: AgentName? = nil,
        data: JSONValue? = nil,
        policy: ConcurrencyPolicy? = nil,
        replaces: MessageID? = nil,
        answersApproval: Bool = false,
        notBefore: Timestamp? = nil,
        startBy: Timestamp? = nil,
        trace: TraceContext? = nil
    ) {
        self.text = text
        self.agent = agent
        self.data = data
        self.policy = policy
        self.replaces = replaces
        self.answersApproval = answersApproval
        self.notBefore = notBefore
        self.startBy = startBy
        self.trace = trace
    }

    /// The further wishes of the request, besides its message, as they are compared when its key comes again.
    var detail: String? {
        guard policy != nil || notBefore != nil || startBy != nil || answersApproval else { return agent?.rawValue }
        var members: [JSONValue] = [
            agent.map { .string($0.rawValue) } ?? .null, policy.map { .string($0.rawValue) } ?? .null,
            notBefore.map { .integer($0.milliseconds) } ?? .null, startBy.map { .integer($0.milliseconds) } ?? .null,
        ]
        if answersApproval { members.append("answers_approval") }
        var writer = JSONWriter()
        writer.value(.array(members))
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The members that a body may have, in the order of the schema.
    package static let members = [
        "text", "agent", "data", "policy", "replaces", "answers_approval", "not_before", "start_by",
    ]

    /// Names under which other systems have in the body what is elsewhere here, and where that is.
    private static let elsewhere: [String: String] = {
        let user = "the service knows from the credentials of the request who sends it"
        let made = "the service makes the ids of a message and of its run, and answers with them"
        let key = "the key stands in the header Idempotency-Key"
        let thread = "the thread stands in the path of the request"
        return [
            "user_id": user, "user": user, "userId": user, "author": user, "role": "its role is user",
            "id": made, "message_id": made, "messageId": made, "run_id": made, "runId": made,
            "key": key, "idempotency_key": key, "idempotencyKey": key,
            "thread_id": thread, "thread": thread, "threadId": thread,
        ]
    }()

    /// - Throws: ``ProtocolError`` with the path to the fault.
    package static func decode(_ bytes: [UInt8]) throws(ProtocolError) -> MessageRequest {
        let json: JSONValue
        do throws(WireError) {
            json = try JSONValue(parsing: bytes)
        } catch {
            throw ProtocolError(error)
        }
        guard let object = json.objectValue else {
            throw ProtocolError(.messageInvalid, "the body is a JSON object with the member text", path: "$")
        }
        try object.checkNames(of: "a message", known: Self.members, elsewhere: elsewhere)
        var members = MemberReader(object, path: "$")
        let request: MessageRequest
        do throws(WireError) {
            request = MessageRequest(
                text: try members.text("text"), agent: try members.nameIfPresent("agent"),
                data: members.takePresent("data"),
                policy: try members.choiceIfPresent("policy"), replaces: try members.identifierIfPresent("replaces"),
                answersApproval: try members.boolIfPresent("answers_approval") ?? false,
                notBefore: try members.timeIfPresent("not_before"), startBy: try members.timeIfPresent("start_by"))
            try members.checkAnswers(request.answersApproval, policy: request.policy)
        } catch {
            throw ProtocolError(member: error)
        }
        guard !request.text.isEmpty else {
            throw ProtocolError(.messageInvalid, "the member text is not empty", path: "$.text")
        }
        return request
    }
}

/// The request for a run without a message: the command `start`.
package struct StartRequest: Hashable, Sendable {
    /// The agent; `nil` for that of the run to do again, or the service's first one.
    package var agent: AgentName?
    package var input: JSONValue?
    /// The policy for a thread that is busy; `nil` for that of the agent.
    package var policy: ConcurrencyPolicy?
    /// The run to do again: the new one answers the same messages.
    package var retryOf: RunID?
    /// Says if it is refused while a question is open in the thread.
    package var waitsForAnswers = false
    /// The occurrence of a schedule that asks for it; `nil` for a person.
    var occurrence: ScheduledStarts.Occurrence?
    /// The place in a trace from which it is asked for: that of the run, if it starts at once. One that is queued has none.
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

    /// The wishes of the request, as they are compared when its key comes again.
    var detail: String {
        let members: [JSONValue] = [
            "start", agent.map { .string($0.rawValue) } ?? .null, input ?? .null,
            policy.map { .string($0.rawValue) } ?? .null, retryOf.map { .string($0.rawValue) } ?? .null,
        ]
        var writer = JSONWriter()
        writer.value(.array(members))
        return String(decoding: writer.bytes, as: UTF8.self)
    }
}
