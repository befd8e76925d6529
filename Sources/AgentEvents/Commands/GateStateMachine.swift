/// Decides who waits until something is over, and who continues: until a run is not paused any longer, until a request for
/// approval is not open.
///
/// ```
///             arrive                        release: it is over
/// nobody ──────────────> arrived ──┬──────────────────────────────────────────────────> released
///                           │ wait │                                                        ^
///                           v      │ cancel: the task is cancelled                          │
///                        waiting ──┴────────────────────────────────────────────────────────┘
/// ```
///
/// Arriving and waiting are two steps, because a task arrives in the section that found it not over, and suspends after
/// that: a release in between must not be missed. Who is released looks again at what the run is by then.
///
/// It is generic over what a waiting task is, so that it can be tested without tasks.
package struct GateStateMachine<Subject: Hashable, Waiter>: ~Copyable {
    /// The place of one that has arrived; never given twice.
    package typealias Place = UInt64

    private struct Entry {
        let place: Place
        let subject: Subject
        /// `nil` while it does not wait yet.
        var waiter: Waiter?
    }

    /// In the order of arrival.
    private var entries: [Entry] = []
    private var nextPlace: Place = 0

    package init() {}

    /// The number of those that have arrived and are not released.
    package var count: Int { entries.count }

    /// Somebody has found something not over.
    package mutating func arrive(at subject: Subject) -> Place {
        defer { nextPlace += 1 }
        entries.append(Entry(place: nextPlace, subject: subject))
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

    /// All that somebody has arrived at.
    package var subjects: Set<Subject> { Set(entries.map(\.subject)) }

    /// Some of it is over.
    ///
    /// - Returns: the waiters that continue, in the order of their arrival.
    package mutating func release(_ subjects: Set<Subject>) -> [Waiter] {
        var released: [Waiter] = []
        var rest: [Entry] = []
        for entry in entries {
            if !subjects.contains(entry.subject) {
                rest.append(entry)
            } else if let waiter = entry.waiter {
                released.append(waiter)
            }
        }
        entries = rest
        return released
    }
}
