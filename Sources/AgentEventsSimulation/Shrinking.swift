/// Makes a schedule that breaks an invariant smaller, as long as it breaks the same one.
package struct Shrinking {
    private let kind: String
    private let clock = ContinuousClock()
    private let deadline: ContinuousClock.Instant
    package private(set) var schedule: Schedule
    /// How many schedules were tried.
    package private(set) var attemptCount = 0

    /// - Parameters:
    ///   - outcome: of a world in which an invariant was broken.
    ///   - limit: how long to try.
    package init?(_ outcome: Simulation.Outcome, limit: Duration = .seconds(20)) {
        guard let violation = outcome.violation else { return nil }
        kind = violation.kind
        deadline = clock.now + limit
        schedule = outcome.schedule
    }

    /// Suspends again and again, so that it holds up nobody else.
    ///
    /// - Returns: the smallest schedule that was found.
    package mutating func run() async -> Schedule {
        var before: Schedule
        repeat {
            before = schedule
            await shrinkWorld()
            await shrinkChoices()
        } while schedule != before && clock.now < deadline
        return schedule
    }

    /// Takes a smaller schedule if it breaks the same invariant.
    private mutating func take(_ smaller: Schedule) async -> Bool {
        await Task.yield()
        attemptCount += 1
        guard Simulation.replay(smaller).violation?.kind == kind else { return false }
        schedule = smaller
        return true
    }

    /// Fewer clients, threads and loops. Choices about those who are gone cannot happen.
    private mutating func shrinkWorld() async {
        for member in [\WorldSize.clientCount, \.applicationCount, \.loopCount, \.followedCount] {
            var smaller = schedule
            var step = smaller.size[keyPath: member] / 2
            while step > 0, clock.now < deadline {
                smaller = schedule
                smaller.size[keyPath: member] -= step
                guard smaller.size[keyPath: member] >= (member == \.applicationCount ? 0 : 1), await take(smaller)
                else {
                    step /= 2
                    continue
                }
            }
        }
    }

    /// Delta debugging: leaves out parts of the schedule, large ones first.
    private mutating func shrinkChoices() async {
        var length = max(1, schedule.choices.count / 2)
        while true {
            var start = 0
            while start < schedule.choices.count, clock.now < deadline {
                var smaller = schedule
                smaller.choices.removeSubrange(start..<min(start + length, smaller.choices.count))
                if await !take(smaller) { start += length }
            }
            guard length > 1, clock.now < deadline else { return }
            length /= 2
        }
    }
}
