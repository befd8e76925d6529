/// Decides who waits while runs are paused, and who continues.
///
/// ```
///             arrive                        release: the run is not paused any longer
/// nobody ──────────────> arrived ──┬──────────────────────────────────────────────────> released
///                           │ wait │                                                        ^
///                           v      │ cancel: the task is cancelled                          │
///                        waiting ──┴────────────────────────────────────────────────────────┘
/// ```
///
/// Arriving and waiting are two steps, because a task arrives in the section that found its run paused, and suspends after
/// that: a release in between must not be missed. Who is released looks again at what the run is by then.
///
/// It is generic over what a waiting task is, so that it can be tested without tasks.
package struct PauseGateStateMachine<Waiter>: ~Copyable {
    /// The place of one that has arrived; never given twice.
    package typealias Place = UInt64

    private struct Entry {
        let place: Place
        let run: RunID
        /// `nil` while it does not wait yet.
        var waiter: Waiter?
    }

    /// In the order of arrival.
    private var entries: [Entry] = []
    private var nextPlace: Place = 0

    package init() {}

    /// The number of those that have arrived and are not released.
    package var count: Int { entries.count }

    /// Somebody has found a run paused.
    package mutating func arrive(at run: RunID) -> Place {
        defer { nextPlace += 1 }
        entries.append(Entry(place: nextPlace, run: run))
        return nextPlace
    }

    /// One that has arrived waits.
    ///
    /// - Returns: whether it does; `false` when it was released meanwhile.
    package mutating func wait(_ place: Place, _ waiter: Waiter) -> Bool {
        guard let index = entries.firstIndex(where: { $0.place == place }) else { return false }
        precondition(entries[index].waiter == nil, "one that has arrived waits once")
        entries[index].waiter = waiter
        return true
    }

    /// The task of one that has arrived is cancelled: it waits no longer.
    ///
    /// - Returns: its waiter, if it waits.
    package mutating func cancel(_ place: Place) -> Waiter? {
        guard let index = entries.firstIndex(where: { $0.place == place }) else { return nil }
        return entries.remove(at: index).waiter
    }

    /// The runs at which somebody has arrived.
    package var runs: Set<RunID> { Set(entries.map(\.run)) }

    /// Runs are not paused any longer.
    ///
    /// - Returns: the waiters that continue, in the order of their arrival.
    package mutating func release(_ runs: Set<RunID>) -> [Waiter] {
        var released: [Waiter] = []
        var rest: [Entry] = []
        for entry in entries {
            if !runs.contains(entry.run) {
                rest.append(entry)
            } else if let waiter = entry.waiter {
                released.append(waiter)
            }
        }
        entries = rest
        return released
    }
}
