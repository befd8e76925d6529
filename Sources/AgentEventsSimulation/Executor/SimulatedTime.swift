package import AgentEvents
import Synchronization

/// Time that stands still until the schedule lets it go on, and everybody who waits for it: sleepers and event loops.
///
/// ```
/// add ──> waiting ──fireNext──> woken
///            └────cancel──> gone
/// ```
package final class SimulatedTime: Sendable {
    /// Nanoseconds since the beginning of the world.
    package typealias Nanoseconds = Int64

    private struct Entry {
        var time: Nanoseconds
        var number: UInt64

        func isBefore(_ other: Entry) -> Bool { (time, number) < (other.time, other.number) }
    }

    private struct State {
        var now: Nanoseconds = 0
        var lastNumber: UInt64 = 0
        /// A binary heap; entries without a waiter were cancelled.
        var heap: [Entry] = []
        var waiters: [UInt64: @Sendable () -> Void] = [:]
    }

    private let state = Mutex(State())
    /// Milliseconds since 1970 at the beginning of the world.
    private let start: Int64

    package init(start: Int64 = 1_700_000_000_000) { self.start = start }

    package var now: Nanoseconds { state.withLock { $0.now } }

    /// What the runtime takes for the time of day.
    package var wallClock: WallClock {
        WallClock { [self] in Timestamp(milliseconds: start + now / 1_000_000) }
    }

    package var clock: SimulatedClock { SimulatedClock(time: self) }

    /// A number that names a waiter.
    func makeNumber() -> UInt64 {
        state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
    }

    /// - Parameters:
    ///   - number: of ``makeNumber()``.
    ///   - wake: called once when the time has come, unless the waiter is cancelled before.
    func add(_ number: UInt64, at time: Nanoseconds, wake: @escaping @Sendable () -> Void) {
        state.withLock { state in
            state.waiters[number] = wake
            state.heap.push(Entry(time: max(time, state.now), number: number)) { $0.isBefore($1) }
        }
    }

    /// - Returns: whether the waiter was waiting.
    @discardableResult
    func cancel(_ number: UInt64) -> Bool { state.withLock { $0.waiters.removeValue(forKey: number) } != nil }

    /// Whether somebody waits.
    package var hasWaiters: Bool { state.withLock { !$0.waiters.isEmpty } }

    /// Time goes on to the next waiter, who is woken.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    package func fireNext() -> Bool {
        let wake: (@Sendable () -> Void)? = state.withLock { state in
            while let entry = state.heap.pop(by: { $0.isBefore($1) }) {
                guard let wake = state.waiters.removeValue(forKey: entry.number) else { continue }
                state.now = max(state.now, entry.time)
                return wake
            }
            return nil
        }
        guard let wake else { return false }
        wake()
        return true
    }
}

extension Array {
    fileprivate mutating func push(_ element: Element, by isBefore: (Element, Element) -> Bool) {
        append(element)
        var index = count - 1
        while index > 0 {
            let parent = (index - 1) / 2
            guard isBefore(self[index], self[parent]) else { break }
            swapAt(index, parent)
            index = parent
        }
    }

    fileprivate mutating func pop(by isBefore: (Element, Element) -> Bool) -> Element? {
        guard let first else { return nil }
        let last = removeLast()
        guard !isEmpty else { return first }
        self[0] = last
        var index = 0
        while true {
            var least = index
            for child in [2 * index + 1, 2 * index + 2] where child < count {
                if isBefore(self[child], self[least]) { least = child }
            }
            guard least != index else { return first }
            swapAt(index, least)
            index = least
        }
    }
}
