import AgentEventsTesting
import Testing

@Suite struct LeapingClockTests {
    @Test func aSleepIsOverAtOnceAndMovesTheTime() async throws {
        let clock = LeapingClock()
        let start = clock.now
        try await clock.sleep(for: .seconds(3600))
        try await clock.sleep(for: .milliseconds(1))
        #expect(clock.sleeps == [.seconds(3600), .milliseconds(1)])
        #expect(start.duration(to: clock.now) == .seconds(3600) + .milliseconds(1))
        // A time that has passed does not turn the clock back.
        try await clock.sleep(until: start)
        #expect(start.duration(to: clock.now) == .seconds(3600) + .milliseconds(1))
    }

    @Test func aCancelledTaskDoesNotSleep() async {
        let clock = LeapingClock()
        await withTaskGroup(of: Bool.self) { group in
            group.cancelAll()
            group.addTask {
                do {
                    try await clock.sleep(for: .seconds(1))
                    return false
                } catch {
                    return error is CancellationError
                }
            }
            for await isCancelled in group { #expect(isCancelled) }
        }
        #expect(clock.sleeps == [])
    }
}
