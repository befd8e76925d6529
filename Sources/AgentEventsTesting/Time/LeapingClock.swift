import Synchronization

/// A clock on which every sleep is over at once, and moves the time on. It remembers the sleeps: for what tries again
/// and again with pauses between.
///
/// ```swift
/// let clock = LeapingClock()
/// try await retry(clock: clock)
/// #expect(clock.sleeps == [.seconds(1), .seconds(2), .seconds(4)])
/// ```
public final class LeapingClock: Clock, Sendable {
    public typealias Instant = ManualClock.Instant

    private let state = Mutex<(now: Instant, sleeps: [Duration])>((Instant(), []))

    public init() {}

    public var now: Instant { state.withLock { $0.now } }
    public var minimumResolution: Duration { .zero }

    /// The lengths of the sleeps, in order.
    public var sleeps: [Duration] { state.withLock { $0.sleeps } }

    /// Returns at once.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        try Task.checkCancellation()
        state.withLock { state in
            state.sleeps.append(state.now.duration(to: deadline))
            state.now = max(state.now, deadline)
        }
    }
}
