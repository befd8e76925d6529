import AgentEvents
import AgentEventsTesting
import Testing

@Suite(.timeLimit(.minutes(10))) struct ManualClockTests {
    @Test func sleepersWakeInTheOrderOfTheirTimes() async throws {
        let clock = ManualClock()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for seconds in [3, 1, 2] {
                group.addTask {
                    try await clock.sleep(for: .seconds(seconds))
                    return seconds
                }
            }
            try await clock.waitForSleepers(3)
            for second in 1...3 {
                clock.advance(by: .seconds(1))
                #expect(try await group.next() == second)
            }
        }
        #expect(clock.sleeperCount == 0)
        #expect(clock.now == ManualClock.Instant(offset: .seconds(3)))
    }

    @Test func aTimeThatHasComeIsNotSleptFor() async throws {
        let clock = ManualClock()
        clock.advance(by: .seconds(5))
        try await clock.sleep(until: ManualClock.Instant(offset: .seconds(5)))
        try await clock.sleep(for: .zero)
        clock.advance(to: ManualClock.Instant(offset: .seconds(1)))
        #expect(clock.now.offset == .seconds(5))
    }

    @Test func aSleeperWakesAtItsTimeAndNotBefore() async throws {
        let clock = ManualClock()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await clock.sleep(for: .milliseconds(10)) }
            try await clock.waitForSleepers()
            clock.advance(by: .milliseconds(9))
            #expect(clock.sleeperCount == 1)
            clock.advance(by: .milliseconds(1))
            #expect(clock.sleeperCount == 0)
            try await group.waitForAll()
        }
    }

    @Test func aCancelledSleeperWakesWithAnError() async throws {
        let clock = ManualClock()
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { await Self.isCancelled { try await clock.sleep(for: .seconds(1)) } }
            group.addTask { await Self.isCancelled { try await clock.waitForSleepers(7) } }
            try? await clock.waitForSleepers()
            group.cancelAll()
            // One that is cancelled before it begins.
            group.addTask { await Self.isCancelled { try await clock.sleep(for: .seconds(1)) } }
            for await isCancelled in group { #expect(isCancelled) }
        }
        #expect(clock.sleeperCount == 0)
    }

    private static func isCancelled(_ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return false
        } catch {
            return error is CancellationError
        }
    }

    @Test func theWallClockGoesWithIt() {
        let clock = ManualClock(start: Timestamp(milliseconds: 1000))
        clock.advance(by: .milliseconds(1500))
        #expect(clock.wallClock.now() == Timestamp(milliseconds: 2500))
    }

    @Test func aSleepOfALengthIsWaitedFor() async throws {
        let clock = ManualClock()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await clock.sleep(for: .seconds(5)) }
            group.addTask { try await clock.sleep(for: .seconds(12)) }
            try await clock.waitForSleep(of: .seconds(12))
            try await clock.waitForSleep(of: .seconds(5))
            clock.advance(by: .seconds(11))
            // By the time that is left.
            try await clock.waitForSleep(of: .seconds(1))
            #expect(clock.sleeperCount == 1)
            clock.advance(by: .seconds(1))
            try await group.waitForAll()
        }
        await withTaskGroup(of: Bool.self) { group in
            group.addTask { await Self.isCancelled { try await clock.waitForSleep(of: .seconds(3)) } }
            group.cancelAll()
            for await isCancelled in group { #expect(isCancelled) }
        }
    }
}
