import AgentEvents
import AgentEventsTesting

/// Makes up what a runtime might do, from a seed.
struct RandomHistory {
    var generation: UInt64 = 1
    private var random: SeededGenerator
    private var heads: [ThreadID: UInt64] = [:]
    private var openRuns: [ThreadID: [RunID]] = [:]
    private var owners: [ThreadID: ThreadOwner] = [:]
    private var runCount = 0
    private let threads = (1...9).map { ThreadID(stringLiteral: "t_\($0)") }

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func chance(of count: Int) -> Bool { Int.random(in: 0..<count, using: &random) == 0 }

    mutating func pageSize() -> Int { Int.random(in: 1...50, using: &random) }

    mutating func someThreads() -> [ThreadID] { Array(threads.shuffled(using: &random).prefix(3)) }

    mutating func someRuns() -> Set<RunID> {
        Set((0..<12).map { _ in RunID(stringLiteral: "r_\(Int.random(in: 1...runCount + 3, using: &random))") })
    }

    mutating func read(of thread: ThreadID) -> LogRead {
        LogRead(
            .thread(thread, after: UInt64.random(in: 0...heads[thread, default: 0] + 1, using: &random)),
            maximumCount: pageSize(),
            maximumByteCount: Int.random(in: 0...20_000, using: &random)
        )
    }

    mutating func trims() -> [ThreadTrim] {
        someThreads().map { thread in
            ThreadTrim(
                thread: thread, firstKept: UInt64.random(in: 0...heads[thread, default: 0] + 2, using: &random))
        }
    }

    mutating func policy() -> RetentionPolicy {
        var policy = RetentionPolicy()
        if chance(of: 2) { policy.maximumEventsPerThread = Int.random(in: 1...60, using: &random) }
        if chance(of: 2) { policy.maximumByteCount = Int64.random(in: 1...100_000, using: &random) }
        if chance(of: 8) { policy.maximumAge = .seconds(1) }
        return policy
    }

    mutating func commit() -> LogCommit {
        let used = someThreads()
        let count = chance(of: 5) ? Int.random(in: 1...60, using: &random) : Int.random(in: 1...4, using: &random)
        let entries = (0..<count).map { _ in entry(in: used[Int.random(in: 0..<used.count, using: &random)]) }
        return LogCommit(entries: entries, time: Timestamp(milliseconds: 0))
    }

    private mutating func entry(in thread: ThreadID) -> LogEntry {
        var type = EventType.custom
        var run: RunID?
        if chance(of: 4) {
            runCount += 1
            (type, run) = (runCount % 3 == 0 ? .agentQueued : .agentStarted, RunID(stringLiteral: "r_\(runCount)"))
            openRuns[thread, default: []].append(RunID(stringLiteral: "r_\(runCount)"))
        } else if chance(of: 4), let open = openRuns[thread]?.last {
            (type, run) = (.agentStarted, open)
        } else if chance(of: 2), let open = openRuns[thread]?.randomElement(using: &random) {
            (type, run) = (.agentFailed, open)
            openRuns[thread]?.removeAll { $0 == open }
        }
        // An equal owner that is not the same, now and then.
        if owners[thread] == nil || chance(of: 10) { owners[thread] = ThreadOwner(thread: thread, user: "u_1") }
        heads[thread, default: 0] += 1
        let size = Int.random(in: chance(of: 20) ? 3000...9000 : 1...300, using: &random)
        return LogEntry(
            owner: owners[thread] ?? ThreadOwner(thread: thread, user: "u_1"),
            id: EventID(generation: generation, sequence: heads[thread, default: 1]),
            type: type,
            run: run,
            host: type.beginsRun && runCount % 2 == 0 ? .outside : .process,
            bytes: (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
        )
    }
}
