/// One event of a thread: the envelope and the payload.
///
/// Values are made by an ``ExecutionContext`` when it accepts a draft, or read from the wire by ``EventDecoder``.
public struct AgentEvent: Hashable, Sendable {
    /// The event's id in its thread, which is also the cursor just after it.
    public var id: EventID
    /// The thread the event belongs to.
    public var threadID: ThreadID
    /// The run the event belongs to; `nil` for an event of the thread itself, such as a user's message.
    public var runID: RunID?
    /// The agent whose run it is; `nil` exactly when ``run`` is.
    public var agent: AgentName?
    /// When the context accepted the event. Never goes backwards within a thread.
    public var time: Timestamp
    /// The first sequence number that a merged event stands for, less than ``sequence``; `nil` when it stands for itself
    /// alone. Only fragments merge, `message_delta` and `agent_thinking`.
    public var fromSequence: UInt64?
    /// The type of the event and its data.
    public var payload: EventPayload
    /// Members that this version does not know, kept apart; they are not encoded again.
    public var unrecognized: UnrecognizedMembers?

    /// The event's number in its thread: 1, 2, 3, …
    public var sequence: UInt64 { id.sequence }
    /// The type's name on the wire.
    public var typeName: String { payload.typeName }
    /// The type, or `nil` when it is not in this version's catalogue.
    public var type: EventType? { payload.type }

    public init(
        id: EventID,
        threadID: ThreadID,
        runID: RunID? = nil,
        agent: AgentName? = nil,
        time: Timestamp,
        fromSequence: UInt64? = nil,
        payload: EventPayload,
        unrecognized: UnrecognizedMembers? = nil
    ) {
        self.id = id
        self.threadID = threadID
        self.runID = runID
        self.agent = agent
        self.time = time
        self.fromSequence = fromSequence
        self.payload = payload
        self.unrecognized = unrecognized
    }
}

/// Members of an event's JSON that this version does not know.
public struct UnrecognizedMembers: Hashable, Sendable {
    /// Members of the envelope, in the order of the wire.
    public var envelope: JSONObject
    /// Members of `data`, in the order of the wire.
    public var data: JSONObject

    public init(envelope: JSONObject = [:], data: JSONObject = [:]) {
        self.envelope = envelope
        self.data = data
    }
}

/// An event that has not been accepted yet: it has no id, no sequence and no time. An ``ExecutionContext`` checks it against
/// the order of the run and gives it those three.
public struct EventDraft: Hashable, Sendable {
    /// The run the event belongs to; `nil` for an event of the thread itself.
    public var runID: RunID?
    /// The agent. Needed with `agent_started`; with a later event of the run it may be `nil`, and must match if it is not.
    public var agent: AgentName?
    /// The type of the event and its data.
    public var payload: EventPayload
    /// Whether the draft leaves its duration to the service, which measures it from the start of the call or run; the duration
    /// in the payload does not count then. Default: `false`.
    public var isDurationMeasured = false
    /// The halves of characters that a `message_delta` begins and ends with.
    package var halves: SplitCharacter?

    public init(runID: RunID? = nil, agent: AgentName? = nil, _ payload: EventPayload) {
        self.runID = runID
        self.agent = agent
        self.payload = payload
    }

    /// An event of a run that has its duration measured when it is accepted.
    package static func measured(_ run: RunID, _ payload: EventPayload) -> EventDraft {
        var draft = EventDraft(runID: run, payload)
        draft.isDurationMeasured = true
        return draft
    }
}
