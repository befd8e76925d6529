import AgentEvents
import AgentEventsTesting
import Testing

@Suite struct DequeTests {
    private final class Token: Sendable {}

    @Test func elementsComeOutInTheOrderInWhichTheyWentIn() {
        var queue = Deque<Int>()
        #expect(queue.popFirst() == nil)
        #expect(queue.popLast() == nil)
        queue.append(1)
        queue.append(contentsOf: 2...9)
        #expect(Array(queue) == Array(1...9))
        #expect(queue.popFirst() == 1)
        #expect(queue.popLast() == 9)
        #expect(queue.first == 2)
        #expect(queue.last == 8)
        queue.removeAll()
        #expect(queue.isEmpty)
        #expect(queue.popFirst() == nil)
    }

    /// The same operations on an array give the same elements, also where the ring has turned and where it grows while
    /// it is turned.
    @Test(arguments: UInt64(0)..<50)
    func aQueueBehavesLikeAnArray(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var queue = Deque<Int>()
        var model: [Int] = []
        for step in 0..<2000 {
            // Phases in which it mostly grows, and in which it mostly shrinks.
            let growth = (step / 200).isMultiple(of: 2) ? 6 : 3
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<growth:
                queue.append(step)
                model.append(step)
            case 7 where step.isMultiple(of: 3):
                queue.prepend(step)
                model.insert(step, at: 0)
            case 9:
                #expect(queue.popLast() == model.popLast())
            case 8 where !model.isEmpty:
                let index = Int.random(in: model.indices, using: &generator)
                queue[index] = -step
                model[index] = -step
            default:
                #expect(queue.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
            }
            #expect(queue.count == model.count)
            #expect(queue.first == model.first)
            #expect(queue.last == model.last)
        }
        #expect(queue.elementsEqual(model))
        #expect(queue.reversed() == model.reversed())
    }

    @Test func anElementThatWasTakenIsLetGo() {
        var queue = Deque<Token>()
        weak var first: Token?
        weak var last: Token?
        do {
            let tokens = (0..<3).map { _ in Token() }
            (first, last) = (tokens.first, tokens.last)
            queue.append(contentsOf: tokens)
        }
        #expect(first != nil && last != nil)
        _ = queue.popFirst()
        #expect(first == nil)
        _ = queue.popLast()
        #expect(last == nil)
        #expect(queue.count == 1)
    }

    @Test func aCopyKeepsItsElements() {
        var queue = Deque<Int>()
        queue.append(contentsOf: 0..<5)
        let copy = queue
        _ = queue.popFirst()
        queue[0] = 9
        #expect(Array(copy) == [0, 1, 2, 3, 4])
        #expect(Array(queue) == [9, 2, 3, 4])
    }
}
