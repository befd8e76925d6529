public import AgentEvents

/// A pattern for the events of a thread, as a value: what `expectEvents` checks, without a test around it.
public struct EventExpectation: Sendable {
    private let match: PatternMatch
    private let policy: OrderPolicy

    /// - Parameters:
    ///   - exhaustivity: whether every event has to be matched.
    ///   - policy: how strictly the order of runs is checked, whatever the pattern says.
    ///   - pattern: what is expected.
    public init(
        exhaustivity: Exhaustivity = .on,
        policy: OrderPolicy = .standard,
        @EventPatternBuilder _ pattern: () -> EventPattern
    ) {
        match = PatternMatch(pattern: CompiledPattern(pattern()), exhaustivity: exhaustivity)
        self.policy = policy
    }

    /// The faults of a thread's events, in words for people: that they do not match the pattern, and that they are not
    /// well-formed (I2, I3).
    ///
    /// - Returns: nothing when all is right; else one text for each of the two.
    public func failures(of events: [AgentEvent]) -> [String] {
        var failures: [String] = []
        let context = EventContext(events)
        switch match.outcome(of: events, context) {
        case .matched:
            break
        case .ambiguous(let index):
            failures.append(
                "The pattern can be read in too many ways by event \(index + 1) of \(events.count): "
                    + "parts of anyOrder that can begin with the same events need to differ.")
        case .differs(let index, let reading):
            let table = ComparisonTable(
                pattern: match.pattern, events: events, context: context, index: index, reading: reading)
            let place =
                index < events.count
                ? "event \(index + 1) of \(events.count) is the first that differs"
                : events.isEmpty ? "there are none" : "there are only \(events.count)"
            failures.append("The events are not those expected, \(place):\n\(table.text)")
        }
        let faults = validate(events: events, policy: policy)
        if !faults.isEmpty { failures.append(FaultList.wellFormedness(faults)) }
        return failures
    }
}

/// Whether a pattern has to account for every event.
public enum Exhaustivity: Hashable, Sendable {
    /// Every event is matched by the pattern; one that is not is a failure.
    case on
    /// Events that the pattern does not match are passed over; the others come in its order.
    case off
}
