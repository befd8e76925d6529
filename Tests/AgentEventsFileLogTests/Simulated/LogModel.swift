import AgentEvents

/// What a log must hold, written as simply as possible: a list of commits, and where threads were trimmed.
struct LogModel {
    struct Thread {
        var events: [StoredEvent] = []
        var openRuns: [OpenRun] = []
        /// Where runs start.
        var starts: [RunID: UInt64] = [:]
    }

    /// The commits that the log acknowledged, or took over at an opening.
    private(set) var commits: [LogCommit] = []
    /// The commit whose append failed: it may be there as a whole, or not at all.
    var uncertain: LogCommit?
    /// How many commits are on the disk for certain.
    var durableCount = 0
    /// The first sequence that is kept of a thread that was trimmed.
    private(set) var oldest: [ThreadID: UInt64] = [:]
    /// The same, when a trim that failed was done.
    private(set) var uncertainOldest: [ThreadID: UInt64]?
    /// The value that was saved last, and the one whose saving failed.
    var value: [UInt8]?
    var uncertainValue: [UInt8]?

    private(set) var threads: [ThreadID: Thread] = [:]

    mutating func append(_ commit: LogCommit) {
        commits.append(commit)
        Self.apply(commit, to: &threads)
    }

    private static func apply(_ commit: LogCommit, to threads: inout [ThreadID: Thread]) {
        for entry in commit.entries {
            let thread = entry.owner.thread
            threads[thread, default: Thread()].events.append(
                StoredEvent(thread: thread, id: entry.id, bytes: entry.bytes))
            guard let run = entry.run else { continue }
            if entry.type.beginsRun {
                guard threads[thread]?.openRuns.contains(where: { $0.run == run }) != true else { continue }
                threads[thread]?.starts[run] = entry.id.sequence
                threads[thread]?.openRuns.append(OpenRun(run: run, sequence: entry.id.sequence, host: entry.host))
            } else if entry.type.endsRun {
                threads[thread]?.openRuns.removeAll { $0.run == run }
            }
        }
    }

    /// Takes over how many of the commits were found, the uncertain one after all others.
    mutating func keep(_ count: Int) {
        var kept = commits
        if let uncertain { kept.append(uncertain) }
        commits = []
        threads = [:]
        for commit in kept.prefix(count) { append(commit) }
        uncertain = nil
        durableCount = count
    }

    /// The heads of all threads after each count of commits, from the one that must be there on.
    func possibleHeads(from count: Int) -> [Int: [ThreadID: EventID]] {
        var heads: [Int: [ThreadID: EventID]] = [:]
        var current: [ThreadID: Thread] = [:]
        let all = commits + (uncertain.map { [$0] } ?? [])
        for index in 0...all.count {
            if index >= count { heads[index] = current.compactMapValues { $0.events.last?.id } }
            if index < all.count { Self.apply(all[index], to: &current) }
        }
        return heads
    }

    var heads: [ThreadID: EventID] { threads.compactMapValues { $0.events.last?.id } }

    // MARK: Retention

    /// Where threads begin once they were trimmed.
    func trimmed(_ trims: [ThreadTrim]) -> [ThreadID: UInt64] {
        var trimmed = oldest
        for trim in trims {
            guard let thread = threads[trim.thread], let head = thread.events.last?.id.sequence else { continue }
            let limit = min(head + 1, thread.openRuns.map(\.sequence).min() ?? .max)
            trimmed[trim.thread] = max(trimmed[trim.thread] ?? 1, min(trim.firstKept, limit))
        }
        return trimmed
    }

    mutating func trim(_ trims: [ThreadTrim], isCertain: Bool) {
        if isCertain {
            oldest = trimmed(trims)
            durableCount = commits.count
        } else {
            uncertainOldest = trimmed(trims)
        }
    }

    /// Where threads begin after everything that a count of events per thread asks for was trimmed.
    func trimmed(toEventsPerThread limit: Int) -> [ThreadID: UInt64] {
        trimmed(
            threads.map { thread, kept in
                let head = kept.events.last?.id.sequence ?? 0
                return ThreadTrim(thread: thread, firstKept: head + 1 > limit ? head + 1 - UInt64(limit) : 0)
            })
    }

    /// Takes over whether the trim that failed was done.
    mutating func settleTrim(isDone: Bool) {
        if isDone, let uncertainOldest { oldest = uncertainOldest }
        uncertainOldest = nil
    }

    /// All events, trimmed or not, in the order of their commits.
    var allEvents: [StoredEvent] {
        commits.flatMap { commit in
            commit.entries.map { StoredEvent(thread: $0.owner.thread, id: $0.id, bytes: $0.bytes) }
        }
    }
}
