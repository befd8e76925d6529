package import AgentEvents

/// Says which runs work although nobody has followed their threads for too long.
///
/// ```
///                looked at: nobody follows                 looked at: for too long
/// (followed) ───────────────────────────> alone since then ──────────────────────> orphaned, told once
///      ^                                        │
///      └── followed, or it works no longer ─────┘
/// ```
package struct OrphansStateMachine: Sendable {
    private let limit: Duration
    private var since: [RunQueueStateMachine.Place: Duration] = [:]

    /// - Parameter limit: the time after which a run is orphaned.
    package init(limit: Duration) { self.limit = limit }

    /// Somebody follows a thread. What is told of it afterwards counts from its next look on.
    package mutating func followed(_ thread: ThreadID) {
        guard !since.isEmpty else { return }
        since = since.filter { $0.key.thread != thread }
    }

    /// Looks at the runs that work.
    ///
    /// - Parameter alone: those of them that nobody follows.
    /// - Returns: the orphaned ones, in the given order.
    package mutating func look(
        at alone: [RunQueueStateMachine.Place],
        _ now: Duration
    ) -> [RunQueueStateMachine.Place] {
        var orphaned: [RunQueueStateMachine.Place] = []
        var rest: [RunQueueStateMachine.Place: Duration] = [:]
        for place in alone {
            let start = since[place] ?? now
            if now - start >= limit { orphaned.append(place) } else { rest[place] = start }
        }
        since = rest
        return orphaned
    }
}
