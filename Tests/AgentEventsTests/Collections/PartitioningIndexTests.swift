import AgentEvents
import Testing

@Suite struct PartitioningIndexTests {
    @Test(arguments: 0..<20)
    func theBoundaryIsFoundWhereverItIs(count: Int) {
        let numbers = Array(0..<count)
        for boundary in 0...count {
            #expect(numbers.partitioningIndex { $0 >= boundary } == boundary)
            let slice = numbers.dropFirst(3)
            #expect(slice.partitioningIndex { $0 >= boundary } == max(min(3, count), boundary))
        }
    }

    @Test func eachSearchLooksAtFewElements() {
        var lookCount = 0
        let index = Array(0..<1_000_000).partitioningIndex { number in
            lookCount += 1
            return number >= 777_777
        }
        #expect(index == 777_777)
        #expect(lookCount <= 20)
    }
}
