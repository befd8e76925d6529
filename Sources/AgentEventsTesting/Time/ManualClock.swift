public import AgentEvents
import Synchronization

/// A clock that stands still until a test moves it.
///
/// ```swift
/// let clock = ManualClock()
/// async let result = work(clock: clock)
/// try await clock.waitForSleepers()
/// clock.advance(by: .seconds(30))
/// ```
public final class ManualClock: Clock, Sendable {
    /// A time on the clock.
    public struct Instant: InstantProtocol {
        /// The time since the clock was made.
        public var offset: Duration

        public init(offset: Duration = .zero) { self.offset = offset }

        public func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        public func duration(to other: Instant) -> Duration { other.offset - offset }
        public static func < (one: Instant, other: Instant) -> Bool { one.offset < other.offset }
    }

    private typealias Waiter = CheckedContinuation<Void, any Error>

    private let start: Timestamp
    private let state = Mutex(ManualClockStateMachine<Waiter, Waiter>())

    /// - Parameter start: what ``wallClock`` shows at first. Default: 2026-11-21T02:00:00Z.
    public init(start: Timestamp = Timestamp(milliseconds: 1_795_226_400_000)) { self.start = start }

    public var now: Instant { Instant(offset: state.withLock { $0.now }) }
    public var minimumResolution: Duration { .zero }

    /// The number of tasks that sleep on the clock.
    public var sleeperCount: Int { state.withLock { $0.sleeperCount } }

    /// The same time as the times of events.
    public var wallClock: WallClock {
        WallClock {
            let (seconds, attoseconds) = self.now.offset.components
            return Timestamp(
                milliseconds: self.start.milliseconds + seconds * 1000 + attoseconds / 1_000_000_000_000_000)
        }
    }

    /// Moves the clock on, and wakes those whose time has come.
    public func advance(by duration: Duration) {
        wake(state.withLock { $0.advance(to: $0.now + duration) })
    }

    /// Moves the clock on to a time; one that has passed changes nothing.
    public func advance(to instant: Instant) {
        wake(state.withLock { $0.advance(to: instant.offset) })
    }

    private func wake(_ sleepers: [Waiter]) {
        for sleeper in sleepers { sleeper.resume() }
    }

    /// Returns when the clock has been moved so far.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        let number = state.withLock { $0.makeNumber() }
        defer { state.withLock { $0.forget(number) } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let (action, watchers) = state.withLock { $0.sleep(number, until: deadline.offset, waiter) }
                carryOut(action, waiter)
                for watcher in watchers { watcher.resume() }
            }
        } onCancel: {
            state.withLock { $0.cancelSleeper(number) }?.resume(throwing: CancellationError())
        }
    }

    /// Returns when this number of tasks sleep on the clock: then moving it reaches them.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func waitForSleepers(_ count: Int = 1) async throws { try await wait(for: .sleepers(count)) }

    /// Returns when a task sleeps that will be woken after so much more time.
    ///
    /// - Throws: `CancellationError` when the task is cancelled.
    public func waitForSleep(of duration: Duration) async throws { try await wait(for: .sleep(duration)) }

    private func wait(for condition: ManualClockStateMachine<Waiter, Waiter>.Condition) async throws {
        let number = state.withLock { $0.makeNumber() }
        defer { state.withLock { $0.forget(number) } }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                carryOut(state.withLock { $0.watch(number, condition, waiter) }, waiter)
            }
        } onCancel: {
            state.withLock { $0.cancelWatcher(number) }?.resume(throwing: CancellationError())
        }
    }

    private func carryOut(_ action: ManualClockStateMachine<Waiter, Waiter>.SleepAction, _ waiter: Waiter) {
        switch action {
        case .sleep: break
        case .wake: waiter.resume()
        case .cancel: waiter.resume(throwing: CancellationError())
        }
    }
}
