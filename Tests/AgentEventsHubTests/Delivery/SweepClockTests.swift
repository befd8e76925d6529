import NIOCore
import Testing

@testable import AgentEventsHub

struct SweepClockTests {
    /// Seconds between the sweeps, and what each counts as, in milliseconds.
    @Test(arguments: zip([5, 0, 7, 10, 11, 3600], [5000, 0, 7000, 10_000, 10_000, 10_000]))
    func aProcessThatWasStoppedBlamesNobodyForTheSilence(_ seconds: Int64, _ expected: UInt32) {
        let start = NIODeadline.uptimeNanoseconds(1)
        var clock = SweepClock(interval: .seconds(5), start: start)
        let first = clock.elapsed(at: start + .seconds(seconds))
        let second = clock.elapsed(at: start + .seconds(seconds) + .seconds(5))
        #expect(first == expected)
        #expect(second == 5000)
    }
}
