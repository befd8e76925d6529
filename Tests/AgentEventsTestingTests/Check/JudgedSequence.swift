import AgentEvents
import Testing

/// A sequence, and what is wrong with it: the index of the event and the rule, in the order in which they are found.
struct JudgedSequence: Sendable, CustomTestStringConvertible {
    let name: String
    let steps: [Step]
    var policy = OrderPolicy.standard
    var faults: [String] = []

    var testDescription: String { name }
}
