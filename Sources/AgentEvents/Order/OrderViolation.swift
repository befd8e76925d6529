/// An event that the order of its run does not allow. Nothing changed: not the state, the sequence or the log (I4).
public struct OrderViolation: Error, Hashable, Sendable, CustomStringConvertible {
    /// The rule that was broken.
    public var rule: OrderRule
    /// The event's type, by its name on the wire.
    public var eventType: String
    /// The run, or `nil` where the event names none.
    public var runID: RunID?
    /// The run's state in words: `running, open: call c_1 (search_files), message m_1`.
    public var state: String
    /// The problem, in one sentence.
    public var problem: String
    /// The types of event that would have been legal, by their names on the wire, in the order of the catalogue.
    public var legal: [String]

    public init(rule: OrderRule, eventType: String, runID: RunID?, state: String, problem: String, legal: [String]) {
        self.rule = rule
        self.eventType = eventType
        self.runID = runID
        self.state = state
        self.problem = problem
        self.legal = legal
    }

    /// The problem, the state and what was legal, in one line.
    public var message: String {
        let legalNow = legal.isEmpty ? "nothing" : legal.joined(separator: ", ")
        return "\(problem) (run \(runID?.rawValue ?? "none"): \(state); legal now: \(legalNow))"
    }

    public var description: String { "\(rule.rawValue): \(message)" }
}
