import AgentEvents
import AgentEventsHub

/// A log with what a crash does to it: what is being appended is there as a whole or not at all, and a power loss takes
/// the last commits.
final class SimulatedLog {
    private struct Commit {
        var counts: [(thread: Int, count: Int)]
        var keys: [(thread: Int, key: IdempotencyKey)]
    }

    /// So many commits may be lost at most.
    private static let losableCommitCount = 32

    private(set) var threads: [SimulatedThread]
    private(set) var generation: UInt64 = 0
    /// The acknowledgements of consumers, beside the events.
    var acknowledgements: [ConsumerKey: Cursor] = [:]
    private let numbers: [ThreadID: Int]
    private var commits: [Commit] = []

    init(owners: [ThreadOwner]) {
        threads = owners.map(SimulatedThread.init)
        numbers = Dictionary(uniqueKeysWithValues: owners.enumerated().map { ($1.thread, $0) })
    }

    func number(of thread: ThreadID) -> Int {
        guard let number = numbers[thread] else { preconditionFailure("a thread of this world") }
        return number
    }

    /// Opened for writing, with a new generation.
    ///
    /// - Returns: the threads with open runs.
    func open(at time: Timestamp, random: UInt64, bug: SeededBug?) -> [Int] {
        generation =
            bug == .generationsCounted
            ? generation + 1 : GenerationSource.generation(after: generation, at: time, random: random)
        return threads.indices.filter { threads[$0].hasOpenRuns }
    }

    /// - Returns: what is wrong with a commit.
    func append(_ entries: [LogEntry], _ keys: [KeyedEvents]) -> InvariantViolation? {
        var counts: [(thread: Int, count: Int)] = []
        for entry in entries {
            let thread = number(of: entry.owner.thread)
            if let violation = threads[thread].append(entry) { return violation }
            if let last = counts.last, last.thread == thread {
                counts[counts.count - 1].count += 1
            } else {
                counts.append((thread, 1))
            }
        }
        for keyed in keys {
            if let violation = threads[number(of: keyed.thread)].remember(keyed) { return violation }
        }
        commits.append(Commit(counts: counts, keys: keys.map { (number(of: $0.thread), $0.key) }))
        if commits.count > 2 * Self.losableCommitCount { commits.removeFirst(Self.losableCommitCount) }
        return nil
    }

    /// What is logged is made durable before something is trimmed; later losses do not reach behind it.
    func trim(_ thread: Int, count: Int) -> Int {
        commits = []
        return threads[thread].trim(count)
    }

    /// A copy takes the log's place: it knows of no opening but those of which it has events.
    func becomeCopy() {
        generation = threads.compactMap { $0.events.last?.id.generation }.max() ?? 0
    }

    /// The last commits are lost.
    ///
    /// - Returns: how many events went, and from which threads.
    /// - Throws: ``InvariantViolation`` when what is left is not in order.
    func lose(_ count: Int) throws(InvariantViolation) -> (eventCount: Int, threads: [Int]) {
        var eventCount = 0
        var affected: Set<Int> = []
        for _ in 0..<min(count, Self.losableCommitCount) {
            guard let commit = commits.popLast() else { break }
            var sums: [Int: Int] = [:]
            for part in commit.counts { sums[part.thread, default: 0] += part.count }
            for (thread, count) in sums {
                threads[thread].lose(count, keys: commit.keys.filter { $0.thread == thread }.map(\.key))
                eventCount += count
                affected.insert(thread)
            }
        }
        for thread in affected.sorted() {
            if let violation = threads[thread].revalidate() { throw violation }
        }
        return (eventCount, affected.sorted())
    }
}
