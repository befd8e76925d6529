/// An event that nobody has accepted yet: no id, no sequence, no time. An ``ExecutionContext`` checks it against the
/// order of the run and gives it those three.
public struct EventDraft: Hashable, Sendable {
    /// The run the event belongs to; `nil` for an event of the thread itself.
    public var run: RunID?
    /// The agent. Needed with `agent_started`; with a later event of the run it may be `nil`, and must match if it is not.
    public var agent: AgentName?
    /// What happened.
    public var payload: EventPayload
    /// Whether the draft leaves its duration to the service, which measures it from the start of the call or run; the duration
    /// in the payload does not count then. Default: `false`.
    public var isDurationMeasured = false
    /// The halves of characters that a `message_delta` begins and ends with.
    package var halves: SplitCharacter?

    public init(run: RunID? = nil, agent: AgentName? = nil, _ payload: EventPayload) {
        self.run = run
        self.agent = agent
        self.payload = payload
    }
}
