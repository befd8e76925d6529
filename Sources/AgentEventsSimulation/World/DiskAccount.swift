import AgentEvents

/// What a log in files must still have when it is opened: everything that it acknowledged, as far as its durability covers
/// what happened to it, and nothing else but the commit whose append failed.
///
///     (append) ──> losable ──(flushed for certain: a commit at `disk`, an opening, a trim, a closing)──> durable
///         ╲           │
///          ╲          └──(the power was lost)──> kept or lost, the last ones first, each as a whole
///           ╲──(it fails)──> uncertain ──(the next opening)──> kept or lost
struct DiskAccount {
    /// What an opening found.
    struct Found {
        /// The commit that was uncertain, and is there.
        var kept: LogCommit?
        /// The commits that are gone, in order.
        var lost: [LogCommit] = []
        /// Whether a commit was uncertain, and is gone.
        var lostUncertain = false
    }

    /// The commits that the loss of power may take, in order.
    private(set) var losable: [LogCommit] = []
    private(set) var uncertain: LogCommit?
    private(set) var hasCommits = false
    /// Whether the log has a commit that nothing can take.
    private(set) var hasDurable = false
    private var mayHaveLost = false

    mutating func didAppend(_ commit: LogCommit, isDurable: Bool) {
        hasCommits = true
        losable.append(commit)
        if isDurable { becomeDurable() }
    }

    mutating func didFail(_ commit: LogCommit) { uncertain = commit }

    /// Everything that was acknowledged is on the disk.
    mutating func becomeDurable() {
        losable = []
        hasDurable = hasDurable || hasCommits
    }

    mutating func losePower() { mayHaveLost = mayHaveLost || !losable.isEmpty }

    /// The log is open again.
    ///
    /// - Parameters:
    ///   - heads: the last event of each thread, by its number.
    ///   - threads: as they were before.
    ///   - number: the number of a thread.
    /// - Returns: `nil` when the log has something else than what it may have.
    mutating func takeOver(
        _ heads: [Int: EventID],
        _ threads: [SimulatedThread],
        number: (ThreadID) -> Int?
    ) -> Found? {
        var expected: [Int: EventID] = [:]
        for (index, thread) in threads.enumerated() { expected[index] = thread.event(thread.head)?.id }
        guard let found = found(heads, expected, threads, number) else { return nil }
        hasCommits = hasCommits || found.kept != nil
        (uncertain, mayHaveLost) = (nil, false)
        if losable.count == found.lost.count, !hasDurable { hasCommits = found.kept != nil }
        becomeDurable()
        return found
    }

    private func found(
        _ heads: [Int: EventID],
        _ all: [Int: EventID],
        _ threads: [SimulatedThread],
        _ number: (ThreadID) -> Int?
    ) -> Found? {
        if let uncertain {
            var expected = all
            for entry in uncertain.entries {
                if let thread = number(entry.owner.thread) { expected[thread] = entry.id }
            }
            if heads == expected { return Found(kept: uncertain) }
        }
        var expected = all
        var found = Found(lostUncertain: uncertain != nil)
        if heads == expected { return found }
        guard mayHaveLost else { return nil }
        for commit in losable.reversed() {
            found.lost.insert(commit, at: 0)
            for entry in commit.entries {
                guard let thread = number(entry.owner.thread), let head = expected[thread] else { continue }
                expected[thread] = threads[thread].event(head.sequence - 1)?.id
            }
            if heads == expected { return found }
        }
        return nil
    }
}
