public import AgentEvents

/// Something wrong in a sequence of events: what ``EventSequenceCheck`` finds.
public struct SequenceFault: Hashable, Sendable, CustomStringConvertible {
    /// Where it is: what the caller gave with the event, such as a line of a file or an index.
    public var position: Int
    /// The rule that is broken, dotted and stable: `order.call_not_open`, `seq.gap`, `run.unended`.
    public var rule: String
    /// What is wrong, and what would have been right.
    public var message: String
    /// The event's thread; `nil` for what is no event at all.
    public var thread: ThreadID?
    /// The event's id; `nil` for an event that nobody has accepted yet.
    public var event: EventID?
    /// The types of event that would have been legal in the run, by their names on the wire. Empty where the fault is not
    /// of the order.
    public var legal: [String]

    public init(
        position: Int,
        rule: String,
        message: String,
        thread: ThreadID? = nil,
        event: EventID? = nil,
        legal: [String] = []
    ) {
        self.position = position
        self.rule = rule
        self.message = message
        self.thread = thread
        self.event = event
        self.legal = legal
    }

    public var description: String { "\(position): \(rule): \(message)" }
}
