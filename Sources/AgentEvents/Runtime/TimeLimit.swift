/// A limit on the time that something takes, on a clock.
struct TimeLimit: Sendable {
    let duration: Duration
    let clock: any Clock<Duration>

    init?(_ duration: Duration?, _ configuration: RuntimeConfiguration) {
        guard let duration else { return nil }
        self.duration = duration
        clock = configuration.durationClock
    }

    /// Runs a body and returns when it does, however long it takes.
    ///
    /// - Parameters:
    ///   - rest: gives the time that does not count, so far.
    ///   - spent: the time that counts, from before.
    ///   - expire: called once, while the body continues, when its time is over.
    func run<Result>(
        _ body: () async throws -> Result,
        rest: (@Sendable () async -> RestTime)? = nil,
        spent: Duration = .zero,
        expire: @escaping @Sendable () async -> Void
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { if await isOver(rest, spent: spent) { await expire() } }
            defer { group.cancelAll() }
            return try await body()
        }
    }

    /// Runs a body in a task that is cancelled when its time is over, and returns when the body does.
    ///
    /// - Parameter expire: called once, before the body is cancelled, when its time is over.
    func runCancelling<Result: Sendable>(
        _ body: @escaping @Sendable () async throws -> Result,
        expire: @escaping @Sendable () async -> Void
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                if await isOver() { await expire() }
                return nil
            }
            // Whichever is first ends the other: the body the wait, the end of the time the body.
            defer { group.cancelAll() }
            while let ended = try await group.next() {
                if let result = ended { return result }
                group.cancelAll()
            }
            preconditionFailure("the body returns or throws")
        }
    }

    /// - Returns: `false` when the body was done before.
    ///
    /// - Parameters:
    ///   - rest: gives the time that does not count, so far.
    ///   - spent: the time that counts, from before.
    func isOver(_ rest: (@Sendable () async -> RestTime)? = nil, spent: Duration = .zero) async -> Bool {
        var left = max(.zero, duration - spent)
        var rested = await rest?().total ?? .zero
        while true {
            guard let elapsed = try? await sleep(for: left) else { return false }
            guard let now = await rest?(), now.total > rested else { return true }
            // What did not count is left.
            left -= max(.zero, elapsed - (now.total - rested))
            rested = now.total
            guard left > .zero else { return true }
            // One that rests is not looked at all the time.
            if now.isResting { left = max(left, Self.longestDelay) }
        }
    }

    /// - Returns: how long it took.
    private func sleep(for duration: Duration) async throws -> Duration {
        try await clock.measure { try await clock.sleep(for: duration) }
    }

    /// A limit on something that rests when its time is nearly over may be late by so much.
    private static let longestDelay = Duration.seconds(1)
}

extension RunFailure {
    /// The run has worked for as long as it may.
    static func overdue(_ limit: TimeLimit) -> RunFailure {
        RunFailure(
            code: AgentEventsError.Code.runDeadline.rawValue, message: "the run did not end within \(limit.duration)",
            retryable: true)
    }
}

/// The time in which something has rested, so far.
struct RestTime: Sendable {
    var total: Duration
    var isResting: Bool
}
