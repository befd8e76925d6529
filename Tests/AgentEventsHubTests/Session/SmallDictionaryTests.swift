import AgentEventsTesting
import Testing

@testable import AgentEventsHub

struct SmallDictionaryTests {
    /// Against a dictionary, after each of many changes.
    @Test(arguments: UInt64(0)..<20)
    func itHasWhatADictionaryHas(_ seed: UInt64) {
        var (own, reference) = (SmallDictionary<Int, Int>(), [Int: Int]())
        var random = SeededGenerator(seed: seed)
        for step in 0..<500 {
            let key = Int.random(in: 0..<5, using: &random)
            let value = Bool.random(using: &random) ? step : nil
            own[key] = value
            reference[key] = value
            #expect(own.count == reference.count)
            #expect(own.isEmpty == reference.isEmpty)
            #expect(own.values.sorted() == reference.values.sorted())
            for key in 0..<5 {
                #expect(own[key] == reference[key])
                #expect(own.contains(key) == (reference[key] != nil))
            }
        }
    }
}
