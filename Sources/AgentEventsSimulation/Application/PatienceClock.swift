import AgentEvents

/// The clock of an application's client. It tells that the client waits for a reader whose inbox is full, and that it has
/// waited in vain: by the length of the wait, which nothing else has.
struct PatienceClock: Clock {
    static let patience = Duration.milliseconds(51)

    let base: SimulatedClock
    let witness: LogWitness

    var now: SimulatedClock.Instant { base.now }
    var minimumResolution: Duration { base.minimumResolution }

    func sleep(until deadline: SimulatedClock.Instant, tolerance: Duration?) async throws {
        let rest = now.duration(to: deadline)
        let isPatience = rest > .milliseconds(50.5) && rest < .milliseconds(51.5)
        if isPatience { witness.count(.inboxFull) }
        try await base.sleep(until: deadline, tolerance: tolerance)
        if isPatience { witness.count(.threadPaused) }
    }
}
