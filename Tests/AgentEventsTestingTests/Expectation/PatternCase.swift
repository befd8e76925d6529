import AgentEvents
import AgentEventsTesting
import Testing

/// A pattern, a sequence that it matches, and sequences that it does not match.
struct PatternCase: Sendable, CustomTestStringConvertible {
    let name: String
    var exhaustivity = Exhaustivity.on
    /// Matched, every one.
    let good: [[Step]]
    /// Not matched, every one. All are well-formed, so that only the pattern can fail.
    let bad: [[Step]]
    let pattern: @Sendable () -> EventPattern

    init(
        _ name: String,
        exhaustivity: Exhaustivity = .on,
        good: [[Step]],
        bad: [[Step]],
        @EventPatternBuilder _ pattern: @escaping @Sendable () -> EventPattern
    ) {
        self.name = name
        self.exhaustivity = exhaustivity
        self.good = good
        self.bad = bad
        self.pattern = pattern
    }

    var testDescription: String { name }
}
