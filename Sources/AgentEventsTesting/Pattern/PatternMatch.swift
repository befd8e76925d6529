import AgentEvents

/// Matches the events of a sequence, one after the other, with every way of reading a pattern at once.
struct PatternMatch: Sendable {
    /// One way of reading it.
    struct Reading: Sendable {
        var remainder: PatternRemainder
        /// The matcher of each event so far; `nil` for one that was passed over.
        var matchers: [Int?] = []

        var matchedCount: Int { matchers.count { $0 != nil } }
    }

    enum Outcome: Sendable {
        case matched
        /// The event of this index is not the expected one; the index after the last event when there are too few.
        case differs(at: Int, Reading)
        /// By the event of this index there are more ways of reading the pattern than can be followed.
        case ambiguous(at: Int)
    }

    private static let maximumReadingCount = 2000

    let pattern: CompiledPattern
    let exhaustivity: Exhaustivity

    func outcome(of events: [AgentEvent], _ context: EventContext) -> Outcome {
        var readings = [Reading(remainder: pattern.whole)]
        for (index, event) in events.enumerated() {
            let next = self.readings(after: event, readings, context)
            guard !next.isEmpty else { return .differs(at: index, readings[0]) }
            guard next.count <= Self.maximumReadingCount else { return .ambiguous(at: index) }
            readings = next
        }
        if readings.contains(where: \.remainder.mayEnd) { return .matched }
        let best = readings.max { $0.matchedCount < $1.matchedCount } ?? readings[0]
        guard exhaustivity == .off else { return .differs(at: events.count, best) }
        // The next match was missed among the events that were skipped after the last one.
        let index = best.matchers.lastIndex { $0 != nil }.map { $0 + 1 } ?? 0
        return .differs(at: index, Reading(remainder: best.remainder, matchers: Array(best.matchers[..<index])))
    }

    private func readings(after event: AgentEvent, _ readings: [Reading], _ context: EventContext) -> [Reading] {
        var next: [Reading] = []
        var known: Set<PatternRemainder> = []
        for reading in readings {
            var steps = pattern.taking(event, from: reading.remainder, context)
            if exhaustivity == .off { steps.append(CompiledPattern.Step(remainder: reading.remainder, matcher: nil)) }
            for step in steps where known.insert(step.remainder).inserted {
                next.append(Reading(remainder: step.remainder, matchers: reading.matchers + [step.matcher]))
            }
        }
        return next
    }
}
