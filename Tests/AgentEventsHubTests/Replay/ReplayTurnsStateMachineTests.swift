import AgentEventsTesting
import Testing

@testable import AgentEventsHub

struct ReplayTurnsStateMachineTests {
    @Test func soManyHaveATurnAndTheOthersComeInOrder() {
        var turns = ReplayTurnsStateMachine<String>(maximumCount: 2)
        let granted = ["a", "b", "c", "d", "e"].map { turns.request($0) }
        #expect(granted == [true, true, false, false, false])
        let next = [turns.finish(), turns.finish()]
        #expect(next == ["c", "d"])
        // Who had a turn and asks again comes last.
        let again = turns.request("a")
        #expect(!again)
        let rest = [turns.finish(), turns.finish(), turns.finish(), turns.finish()]
        #expect(rest == ["e", "a", nil, nil])
        let free = [turns.request("f"), turns.request("g"), turns.request("h")]
        #expect(free == [true, true, false])
    }

    /// Who takes a turn only when one is free counts like everybody else, and overtakes nobody.
    @Test func aTurnThatIsFreeIsTakenAndNoneIsWaitedFor() {
        var turns = ReplayTurnsStateMachine<String>(maximumCount: 2)
        let taken = [turns.requestIfFree(), turns.requestIfFree(), turns.requestIfFree()]
        #expect(taken == [true, true, false])
        let asked = turns.request("a")
        #expect(!asked)
        let next = turns.finish()
        #expect(next == "a")
        let whileTaken = turns.requestIfFree()
        #expect(!whileTaken)
        let none = [turns.finish(), turns.finish()]
        #expect(none == [nil, nil])
        let free = turns.requestIfFree()
        #expect(free)
    }

    /// Against a plain queue: nobody is left out, and never are more at it than may be.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func everybodyHasATurn(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var turns = ReplayTurnsStateMachine<Int>(maximumCount: 3)
        var waiting: [Int] = []
        var reading: Set<Int> = []
        for number in 0..<5000 {
            if Int.random(in: 0..<1000, using: &generator) < (number < 3000 ? 600 : 400) {
                if turns.request(number) { reading.insert(number) } else { waiting.append(number) }
            } else if let done = reading.first {
                reading.remove(done)
                let next = turns.finish()
                #expect(next == waiting.first, "seed \(seed)")
                if let next {
                    waiting.removeFirst()
                    reading.insert(next)
                }
            }
            #expect(reading.count <= 3 && (waiting.isEmpty || reading.count == 3), "seed \(seed)")
        }
    }
}
