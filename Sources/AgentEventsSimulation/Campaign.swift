/// World after world, from one seed.
package struct Campaign: Sendable {
    /// How long it runs: until both are reached.
    package struct Extent: Sendable {
        package var stepCount = 0
        package var duration = Duration.zero
        /// Whether it goes on, for up to ``coverageFactor`` times as many steps, until everything that can happen has
        /// happened. The rarest of it happens a few times in a million steps, and in some campaigns not once.
        package var coversAll = false

        static let coverageFactor = 10

        package init(stepCount: Int = 0, duration: Duration = .zero, coversAll: Bool = false) {
            self.stepCount = stepCount
            self.duration = duration
            self.coversAll = coversAll
        }

        func isReached(by summary: Summary) -> Bool {
            guard summary.stepCount >= stepCount, summary.duration >= duration else { return false }
            guard coversAll, !summary.counts.missing.isEmpty else { return true }
            return summary.stepCount >= stepCount * Self.coverageFactor
        }
    }

    /// What came of it.
    package struct Summary: Sendable {
        package var worldCount = 0
        package var clientCount = 0
        package var stepCount = 0
        package var duration = Duration.zero
        package var counts = OccurrenceCounts()
        /// The world in which an invariant was broken; the last one then.
        package var failure: Simulation.Outcome?

        package var stepsPerSecond: Double { Double(stepCount) / max(duration / .seconds(1), 1e-9) }
    }

    private let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    /// Suspends between two worlds.
    ///
    /// - Parameters:
    ///   - extent: how long to go on, unless an invariant is broken before.
    ///   - stepCounts: how many steps a world has; one of these. Short worlds see more beginnings, long ones more that
    ///     piles up.
    package func run(_ extent: Extent, stepCounts: [Int] = [500, 2000, 8000, 30_000]) async -> Summary {
        var random = SimulationRandom(seed: seed)
        var summary = Summary()
        let clock = ContinuousClock()
        let start = clock.now
        repeat {
            await Task.yield()
            let stepCount = stepCounts[random.below(stepCounts.count)]
            let outcome = Simulation.run(seed: random.next(), stepCount: stepCount)
            summary.worldCount += 1
            summary.clientCount += outcome.schedule.size.clientCount
            summary.stepCount += outcome.stepCount
            summary.counts.add(outcome.counts)
            summary.duration = clock.now - start
            if outcome.violation != nil {
                summary.failure = outcome
                return summary
            }
        } while !extent.isReached(by: summary)
        return summary
    }
}
