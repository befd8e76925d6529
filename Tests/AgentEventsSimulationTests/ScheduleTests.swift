import Testing

@testable import AgentEventsSimulation

struct ScheduleTests {
    @Test(arguments: ChoiceKind.allCases)
    func everyChoiceIsReadAsItIsWritten(kind: ChoiceKind) {
        for choice in [Choice(kind), Choice(kind, 17, value: .max)] {
            #expect(Choice(choice.description) == choice)
        }
    }

    @Test(arguments: ["", "d", "d1", "d.1", "1.1", "d1.", "d-1.1", "d1.?", "z1.1", "d1.1.1", "d1.zzzzzzzz"])
    func whatIsNoChoiceIsRefused(text: String) {
        #expect(Choice(text) == nil)
    }

    @Test(arguments: [
        "", "1", "1:1x1x1x1x0x1x1", "?:1x1x1x1x0x1x1:", "1:1x1:", "1:0x1x1x1x0x1x1:", "1:1x1x1x1x0x1x1:d",
    ])
    func whatIsNoScheduleIsRefused(text: String) {
        #expect(Schedule(text) == nil)
    }

    @Test func theLettersOfTheKindsDiffer() {
        #expect(Set(ChoiceKind.allCases.map(\.letter)).count == ChoiceKind.allCases.count)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func timersComeInTheOrderOfTheirTimes(seed: UInt64) {
        var random = SimulationRandom(seed: seed)
        var timers = TimerQueue()
        var times: [Int64] = []
        for loop in 0..<100 {
            let time = Int64(random.below(20))
            times.append(time)
            timers.add(.sweep(loop: loop), at: time, stamp: 0)
        }
        var popped: [TimerQueue.Timer] = []
        while let timer = timers.popFirst() { popped.append(timer) }
        #expect(popped.count == 100, "seed \(seed)")
        for (one, next) in zip(popped, popped.dropFirst()) {
            #expect((one.time, one.order) < (next.time, next.order), "seed \(seed)")
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func aReadySetHoldsWhatWasPutIn(seed: UInt64) {
        var random = SimulationRandom(seed: seed)
        var ready = ReadySet(capacity: 8)
        var model: Set<Int> = []
        for _ in 0..<200 {
            let member = random.below(8)
            let isReady = random.once(in: 2)
            ready.set(member, isReady)
            if isReady { model.insert(member) } else { model.remove(member) }
            #expect(Set(ready.members) == model && ready.count == model.count, "seed \(seed)")
            #expect((0..<8).allSatisfy { ready.contains($0) == model.contains($0) }, "seed \(seed)")
        }
    }
}
