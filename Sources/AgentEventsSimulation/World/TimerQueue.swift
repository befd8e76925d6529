/// The timers, by their times; those of the same time in the order in which they were set. One that is of no interest any
/// more, because what it was set for is over, has an old stamp.
struct TimerQueue {
    struct Timer {
        var time: Int64
        var order: Int
        var owner: TimerOwner
        var stamp: Int

        func isBefore(_ other: Timer) -> Bool { (time, order) < (other.time, other.order) }
    }

    /// A binary heap.
    private var heap: [Timer] = []
    private var lastOrder = 0

    var isEmpty: Bool { heap.isEmpty }

    mutating func add(_ owner: TimerOwner, at time: Int64, stamp: Int) {
        lastOrder += 1
        heap.append(Timer(time: time, order: lastOrder, owner: owner, stamp: stamp))
        var index = heap.count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard heap[index].isBefore(heap[parent]) else { break }
            heap.swapAt(index, parent)
            index = parent
        }
    }

    mutating func popFirst() -> Timer? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first }
        heap[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < heap.count {
                if heap[child].isBefore(heap[least]) { least = child }
            }
            guard least != index else { return first }
            heap.swapAt(index, least)
            index = least
        }
    }
}
