/// Something wrong in a recording.
package struct RecordingFault: Hashable, Sendable, CustomStringConvertible {
    /// From 1.
    package let line: Int
    /// The rule that is broken: `order.call_not_open`, `seq.gap`, `json.syntax`.
    package let rule: String
    /// What is wrong, and what would have been right.
    package let message: String

    package init(line: Int, rule: String, message: String) {
        self.line = line
        self.rule = rule
        self.message = message
    }

    package var description: String { "\(line): \(rule): \(message)" }
}
