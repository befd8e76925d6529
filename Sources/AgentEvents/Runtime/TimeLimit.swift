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
    /// - Parameter expire: called once, while the body continues, when its time is over.
    func run<Result>(
        _ body: () async throws -> Result,
        expire: @escaping @Sendable () async -> Void
    ) async throws -> Result {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { if await isOver() { await expire() } }
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
    func isOver() async -> Bool { (try? await clock.sleep(for: duration)) != nil }
}
