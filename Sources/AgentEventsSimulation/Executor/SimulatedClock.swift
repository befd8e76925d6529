/// The clock of a ``SimulatedTime``: a sleep ends when the schedule lets time go on that far, or with its task's
/// cancellation.
package struct SimulatedClock: Clock {
    package struct Instant: InstantProtocol, Sendable {
        var nanoseconds: SimulatedTime.Nanoseconds

        package func advanced(by duration: Duration) -> Instant {
            let (sum, overflow) = nanoseconds.addingReportingOverflow(duration.clampedNanoseconds)
            return Instant(nanoseconds: overflow ? .max : sum)
        }

        package func duration(to other: Instant) -> Duration { .nanoseconds(other.nanoseconds - nanoseconds) }

        package static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }
    }

    let time: SimulatedTime

    package var now: Instant { Instant(nanoseconds: time.now) }
    package var minimumResolution: Duration { .nanoseconds(1) }

    package func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let number = time.makeNumber()
        let wakeUp = WakeUp()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // Looked at when the continuation is in its place, so that a cancellation finds the one or the other.
                wakeUp.set(continuation)
                time.add(number, at: deadline.nanoseconds) { wakeUp.resume(returning: ()) }
                if Task.isCancelled, time.cancel(number) { wakeUp.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            if time.cancel(number) { wakeUp.resume(throwing: CancellationError()) }
        }
    }
}

extension Duration {
    /// At most some 292 years either way.
    var clampedNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carry ? (seconds < 0 ? .min : .max) : sum
    }
}
