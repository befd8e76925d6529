/// The time, the chance and the threads that the parts of this package work with: nothing else asks the system for them,
/// so that a test or a simulation can give its own.
///
/// The clocks that users set (``RuntimeConfiguration/clock``, ``RuntimeConfiguration/durationClock``) replace its own.
package struct Environment: Sendable {
    /// The time that events carry.
    package var wallClock: WallClock
    /// The time since an arbitrary moment; it never goes backwards. Called from any task; it does not block.
    package var monotonicNow: @Sendable () -> Duration
    /// Returns when this much time has passed, and at once when it is not above zero. Throws `CancellationError` as soon as
    /// the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void
    /// Any number, each as likely as every other. Called from any task; it does not block.
    package var randomNumber: @Sendable () -> UInt64
    /// The executor of what works beside the writer of a log, which may have a thread of its own. Its threads must not be
    /// blocked.
    package var backgroundExecutor: any TaskExecutor

    /// - Parameters:
    ///   - clock: what ``monotonicNow`` and ``sleep`` are measured on.
    package init(
        wallClock: WallClock,
        clock: some Clock<Duration>,
        randomNumber: @escaping @Sendable () -> UInt64,
        backgroundExecutor: any TaskExecutor
    ) {
        let start = clock.now
        self.wallClock = wallClock
        monotonicNow = { start.duration(to: clock.now) }
        sleep = { try await clock.sleep(for: $0) }
        self.randomNumber = randomNumber
        self.backgroundExecutor = backgroundExecutor
    }

    /// The clocks, random numbers and threads of the operating system.
    package static let system = Environment(
        wallClock: .system,
        clock: ContinuousClock(),
        randomNumber: {
            var generator = SystemRandomNumberGenerator()
            return generator.next()
        },
        backgroundExecutor: globalConcurrentExecutor
    )

    /// The whole milliseconds of ``monotonicNow``.
    package var monotonicMilliseconds: Int64 { Int64(clamping: monotonicNow().wholeMilliseconds) }

    /// A number from 0 up to, not including, 1, evenly random: the upper 53 bits of a ``randomNumber``.
    package func randomFraction() -> Double { Double(randomNumber() >> 11) * 0x1p-53 }
}

/// The monotonic clock of an environment, for what is measured on any clock.
package struct EnvironmentClock: Clock {
    /// A time on the clock.
    package struct Instant: InstantProtocol {
        /// As ``Environment/monotonicNow`` tells it.
        package let offset: Duration

        package func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        package func duration(to other: Instant) -> Duration { other.offset - offset }
        package static func < (one: Instant, other: Instant) -> Bool { one.offset < other.offset }
    }

    private let environment: Environment

    package init(_ environment: Environment) { self.environment = environment }

    package var now: Instant { Instant(offset: environment.monotonicNow()) }
    package var minimumResolution: Duration { .nanoseconds(1) }

    package func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        try await environment.sleep(now.duration(to: deadline))
    }
}
