import AgentEvents
import AgentEventsTesting
import Testing

@Suite(.timeLimit(.minutes(10))) struct EnvironmentTests {
    private let clock = ManualClock()

    @Test(
        arguments: [
            (0, 0), (1 << 63, 0.5), (1 << 11, 0x1p-53), ((1 << 11) - 1, 0), (UInt64.max, 1 - 0x1p-53),
        ] as [(UInt64, Double)])
    func aFractionIsBelowOne(_ number: UInt64, _ fraction: Double) {
        var environment = Environment.manual(clock)
        environment.randomNumber = { number }
        #expect(environment.randomFraction() == fraction)
    }

    @Test func timePassesAsItsClockSays() {
        let environment = Environment.manual(clock)
        #expect(environment.monotonicNow() == .zero)
        clock.advance(by: .milliseconds(1500))
        #expect(environment.monotonicNow() == .milliseconds(1500))
        #expect(environment.monotonicMilliseconds == 1500)
        #expect(environment.wallClock.now() == clock.wallClock.now())
    }

    @Test func theTimeOfTheSystemRises() {
        let start = Environment.system.monotonicNow()
        #expect(Environment.system.monotonicNow() >= start)
    }

    @Test func itsClockSleepsAsItDoes() async throws {
        let measured = EnvironmentClock(.manual(clock))
        clock.advance(by: .seconds(3))
        let start = measured.now
        #expect(start.offset == .seconds(3))
        async let sleep: Void = measured.sleep(until: start.advanced(by: .seconds(2)))
        try await clock.waitForSleep(of: .seconds(2))
        clock.advance(by: .seconds(2))
        try await sleep
        #expect(start.duration(to: measured.now) == .seconds(2))
        // What is over already is not waited for.
        try await measured.sleep(until: start)
    }

    @Test func aSleepEndsWithItsTask() async throws {
        for environment in [Environment.system, .manual(clock)] {
            let task = Task { try await environment.sleep(.seconds(3600)) }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test func idsAndGenerationsFollowFromIt() {
        func made() -> [String] {
            let environment = Environment.manual(clock, seed: 7)
            let source = RuntimeConfiguration(environment: environment).identifiers
            let generation = GenerationSource(in: environment).next(after: 0)
            return [source.runID().rawValue, source.messageID().rawValue, "\(generation)"]
        }
        #expect(made() == made())
        #expect(made()[0] != IdentifierSource.timeSorted(clock: clock.wallClock).runID().rawValue)
    }
}
