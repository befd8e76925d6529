import Testing

@testable import AgentEventsHub

struct LoopSetTests {
    @Test func anyNumberOfLoopsFits() {
        var set = LoopSet()
        #expect(set.isEmpty)
        let numbers = [0, 5, 63, 64, 127, 128, 1000]
        for number in numbers { set.insert(number) }
        for number in 0..<1200 { #expect(set.contains(number) == numbers.contains(number)) }
        for number in numbers {
            #expect(!set.isEmpty)
            set.remove(number)
            set.remove(number + 1)
            #expect(!set.contains(number))
        }
        #expect(set.isEmpty)
    }
}
