/// When threads have to be looked at, because something in them may be overdue then.
///
/// A thread has one time at most. It may be too early, never too late.
package struct DeadlineTable: Sendable {
    private struct Entry: Sendable {
        var owner: ThreadOwner
        var time: Timestamp
    }

    private var entries: [ThreadID: Entry] = [:]
    /// No entry has an earlier time; `nil` when there is none. What was removed may have had it: a thread that comes and goes
    /// costs no look for each of its runs.
    package private(set) var next: Timestamp?

    package init() {}

    /// The threads that have a time, the earliest first.
    package var owners: [ThreadOwner] { Self.inOrder(entries.values) }

    private static func inOrder(_ entries: some Sequence<Entry>) -> [ThreadOwner] {
        entries.sorted { one, other in
            one.time == other.time ? one.owner.thread.rawValue < other.owner.thread.rawValue : one.time < other.time
        }.map(\.owner)
    }

    /// Looks at a thread at a time, and at no other.
    ///
    /// - Returns: whether nothing was to be looked at earlier.
    package mutating func set(_ owner: ThreadOwner, at time: Timestamp) -> Bool {
        entries[owner.thread] = Entry(owner: owner, time: time)
        if let next, next <= time { return false }
        next = time
        return true
    }

    package mutating func remove(_ thread: ThreadID) { entries.removeValue(forKey: thread) }

    /// The threads whose time has come, the earliest first. They are looked at again when they are set again.
    package mutating func takeDue(at now: Timestamp) -> [ThreadOwner] {
        guard let earliest = next, earliest <= now else { return [] }
        let due = Self.inOrder(entries.values.lazy.filter { $0.time <= now })
        for owner in due { entries.removeValue(forKey: owner.thread) }
        next = entries.values.map(\.time).min()
        return due
    }
}
