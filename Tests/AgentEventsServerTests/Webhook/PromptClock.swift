import Synchronization

/// A clock on which every sleep is over at once. It remembers how long they were.
final class PromptClock: Clock {
    typealias Instant = ContinuousClock.Instant

    private let state = Mutex<(elapsed: Duration, sleeps: [Duration])>((.zero, []))
    private let start = ContinuousClock.now

    var now: Instant { start.advanced(by: state.withLock { $0.elapsed }) }
    var minimumResolution: Duration { .nanoseconds(1) }
    var sleeps: [Duration] { state.withLock { $0.sleeps } }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        try Task.checkCancellation()
        let duration = now.duration(to: deadline)
        state.withLock { state in
            state.sleeps.append(duration)
            state.elapsed += duration
        }
    }
}
