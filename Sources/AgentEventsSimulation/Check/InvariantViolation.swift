/// What must never be so, and is.
package struct InvariantViolation: Error, Hashable, Sendable, CustomStringConvertible {
    /// The invariant, or the property of the package that it stands for.
    package enum Rule: String, Sendable {
        /// Somebody saw an event that the log did not hold committed.
        case committedBeforeVisible = "I1 committed before visible"
        /// Somebody saw an event twice, or not at all, or out of order.
        case denseOrder = "I2 dense order"
        /// A run does not begin and end once, or what is in it does not.
        case wellFormedRuns = "I3 well-formed runs"
        /// Somebody saw an event of a thread that is not theirs.
        case isolation = "I5 isolation"
        /// A slow reader costs more memory than the limits say.
        case boundedMemory = "I6 bounded memory"
        /// A run is open although the service was started again.
        case runsEnd = "I7 every run ends"
        /// The bytes delivered are not those of the log.
        case sameBytes = "I8 the same bytes"
        /// More is acknowledged than was sent, or handled.
        case sentIsNotAcknowledged = "I10 sent is not acknowledged"
        /// What was acknowledged to a producer is not in the log, or more than once.
        case acknowledgedIsKept = "acknowledged emissions are kept"
        /// What a command is answered with is not in the log, not what was asked, or not about what its sender saw.
        case commandsKept = "commands do what they say"
        /// What an agent said is not in the log, or more than once, or in another order.
        case saidOnce = "what is said is said once"
        /// A request was not answered, or more than once, or before one that came earlier.
        case requestsAnswered = "every request is answered, in order"
        /// One side of the protocol found fault with the other.
        case protocolKept = "the protocol is kept"
        /// The end of a run says other tokens than the run and its children have used.
        case usage = "usage is summed up"
        /// A message has no run, two runs are open where there should be one, or a queued run was overtaken.
        case queue = "messages are answered in their order"
        /// A request for approval has another answer than one, in time, of one who may; or something is done without a yes.
        case answers = "nothing is done without a yes"
        /// A list of threads leaves one out, has one twice, or says of one what it never was.
        case listed = "each thread is listed once, as it is"
        /// A slot for an agent is kept by nobody, or by a run that waits for people.
        case slots = "slots are given back"
        /// Something happened that the schedule did not let happen.
        case deterministic = "everything is the schedule's"
        /// Nothing goes wrong any longer, and still somebody does not reach the head.
        case liveness = "everybody reaches the head"
    }

    package var rule: Rule
    package var message: String

    init(_ rule: Rule, _ message: String) {
        self.rule = rule
        self.message = message
    }

    /// The same for violations that differ in numbers only.
    var kind: String { rule.rawValue + String(message.filter { $0.isLetter || $0 == " " }) }

    package var description: String { "\(rule.rawValue): \(message)" }
}
