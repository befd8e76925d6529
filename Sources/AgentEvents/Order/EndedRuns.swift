/// The runs that have ended in this process as long as a look-up in the log might miss them.
///
/// Whether an id was used in a thread before is known by its log, which is asked when it matters. The log knows of a run once
/// its commit is durable; and the answer of a look-up that began before that commit may not have it. So an id is kept
///
/// ```
/// insert ──> ended ── didOffer ──> offered at p ── committed through p, no look-up began before ──> forgotten
/// ```
///
/// which is bounded by what may wait for the log, however many runs the thread had.
package struct EndedRuns: Sendable {
    private struct Element: Sendable {
        let run: RunID
        /// The position of its end in the commits; `nil` before it was offered.
        var position: UInt64?
    }

    /// In the order in which the runs ended.
    private var order = Deque<Element>()
    package private(set) var runs: Set<RunID> = []
    /// For each look-up under way, up to where everything was committed when it began.
    private var lookUps: [UInt64] = []

    package init() {}

    package var count: Int { runs.count }

    package func contains(_ run: RunID) -> Bool { !runs.isEmpty && runs.contains(run) }

    package mutating func insert(_ run: RunID) {
        guard runs.insert(run).inserted else { return }
        order.append(Element(run: run))
    }

    /// Takes back the runs that were inserted last, which were not offered.
    package mutating func removeLast(_ count: Int) {
        for _ in 0..<count {
            guard let last = order.popLast() else { preconditionFailure("they were inserted") }
            runs.remove(last.run)
        }
    }

    /// The ends of the runs inserted since the last call are on their way into the log.
    package mutating func didOffer(at position: UInt64) {
        for index in order.indices.reversed() {
            guard order[index].position == nil else { return }
            order[index].position = position
        }
    }

    /// A look-up begins.
    ///
    /// - Parameter position: up to where everything is committed.
    package mutating func beginLookUp(committedThrough position: UInt64) { lookUps.append(position) }

    /// A look-up has ended, and was made use of.
    package mutating func endLookUp(committedThrough position: UInt64) {
        if let index = lookUps.firstIndex(of: position) { lookUps.remove(at: index) }
    }

    /// Forgets the runs that any look-up finds.
    ///
    /// - Parameter position: up to where everything is committed.
    package mutating func forget(committedThrough position: UInt64) {
        let position = min(position, lookUps.min() ?? position)
        while let first = order.first, let offered = first.position, offered <= position {
            _ = order.popFirst()
            runs.remove(first.run)
        }
    }
}
