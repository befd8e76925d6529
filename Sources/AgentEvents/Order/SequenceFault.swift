/// A fault in a sequence of events that were made elsewhere; the checks of `AgentEventsTesting` give it.
public struct SequenceFault: Hashable, Sendable, CustomStringConvertible {
    /// The position that the caller gave with the event, such as a line of a file or an index.
    public var position: Int
    /// The rule that is broken, dotted and stable: `order.call_not_open`, `seq.gap`, `run.unended`.
    public var rule: String
    /// The fault, and what would have been right.
    public var message: String
    /// The event's thread; `nil` for something that is not an event.
    public var threadID: ThreadID?
    /// The event's id; `nil` for an event that has not been accepted yet.
    public var eventID: EventID?
    /// The types of event that would have been legal in the run, by their names on the wire. Empty where the fault is not
    /// of the order.
    public var legal: [String]

    public init(
        position: Int,
        rule: String,
        message: String,
        threadID: ThreadID? = nil,
        eventID: EventID? = nil,
        legal: [String] = []
    ) {
        self.position = position
        self.rule = rule
        self.message = message
        self.threadID = threadID
        self.eventID = eventID
        self.legal = legal
    }

    public var description: String { "\(position): \(rule): \(message)" }
}
