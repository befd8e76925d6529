import AgentEvents

/// Decides which connections of an event loop read a page now: up to a limit at a time, the others in the order in
/// which they asked. So the work that replays bring to the loop at once is bounded, however many there are, and a
/// commit that comes in between waits for no more than that.
///
///     request ── fewer than the limit ──> has a turn ── finish ──> done; the first that waits has the turn then
///        └────── as many as the limit ──> waits ── a turn is over ──> has a turn
package struct ReplayTurnsStateMachine<Reader> {
    private let maximumCount: Int
    private var count = 0
    private var waiting = Deque<Reader>()

    /// - Parameter maximumCount: how many have a turn at a time.
    package init(maximumCount: Int) { self.maximumCount = maximumCount }

    /// Asks for a turn. A reader that has one, or waits for one, does not ask again.
    ///
    /// - Returns: whether the reader has it at once; it is given one by ``finish()`` later otherwise.
    package mutating func request(_ reader: Reader) -> Bool {
        guard count >= maximumCount else {
            count += 1
            return true
        }
        waiting.append(reader)
        return false
    }

    /// Takes a turn if one is free, and does not wait for one otherwise.
    ///
    /// - Returns: whether the reader has it.
    package mutating func requestIfFree() -> Bool {
        guard count < maximumCount else { return false }
        count += 1
        return true
    }

    /// A turn is over.
    ///
    /// - Returns: who has the next one; it finishes at once if it has no use for it.
    package mutating func finish() -> Reader? {
        if let reader = waiting.popFirst() { return reader }
        count -= 1
        return nil
    }
}
