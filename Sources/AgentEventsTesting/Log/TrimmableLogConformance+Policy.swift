import AgentEvents
import Synchronization

extension TrimmableLogConformance {
    /// A policy without limits, or with limits that are not reached, names nothing.
    public func namesNothingWithoutLimits() async throws {
        var (log, script) = try await opened()
        let policies = [
            RetentionPolicy(),
            RetentionPolicy(maximumAge: .seconds(86_400)),
            RetentionPolicy(maximumEventsPerThread: 20),
            RetentionPolicy(maximumByteCount: 1 << 40),
        ]
        for policy in policies {
            check(try await sweep(log, policy).isEmpty, "nothing of an empty log is due, \(policy)")
        }
        for _ in 0..<20 { try await append(script.commit(["t_1", "t_2"]), to: log) }
        for policy in policies {
            check(try await sweep(log, policy).isEmpty, "nothing is due, \(policy)")
            try await checkThread("t_1", in: log, script, from: 1, "\(policy)")
        }
    }

    /// By number, exactly the newest events of each thread are kept, however few threads a step may name.
    public func keepsTheNewestOfEachThread() async throws {
        for threadsAtATime in [1, 3, 1000] {
            var (log, script) = try await opened()
            let threads: [ThreadID] = ["t_1", "t_2", "t_3", "t_4", "t_5", "t_6", "t_7"]
            for round in 0..<60 {
                // Each thread is longer than the one before.
                try await append(script.commit(Array(threads.suffix(round % 7 + 1))), to: log)
                if round == 31 {
                    try await sweep(log, RetentionPolicy(maximumEventsPerThread: 13), threadsAtATime: threadsAtATime)
                }
            }
            try await sweep(log, RetentionPolicy(maximumEventsPerThread: 10), threadsAtATime: threadsAtATime)
            for thread in threads {
                let count = UInt64(script.events(of: thread).count)
                let oldest = count > 10 ? count - 9 : 1
                try await checkThread(thread, in: log, script, from: oldest, "the newest 10, \(threadsAtATime) a step")
            }
            let again = try await sweep(log, RetentionPolicy(maximumEventsPerThread: 10))
            check(again.isEmpty, "nothing is due after a sweep")
        }
    }

    /// By age, everything goes that is older, and what comes later stays.
    public func trimsByAge() async throws {
        var (log, script) = try await opened()
        for _ in 0..<20 { try await append(script.commit(["t_1", "t_2"]), to: log) }
        let policy = RetentionPolicy(maximumAge: .seconds(1800))
        try await sweep(log, policy, at: .wallClock)
        try await checkThread("t_1", in: log, script, from: 1, "nothing is old")
        try await sweep(log, policy)
        try await checkThread("t_1", in: log, script, from: 21, "everything is old")
        try await checkThread("t_2", in: log, script, from: 21, "everything is old")
        try await append(script.commit(["t_1", "t_3"]), to: log)
        try await sweep(log, policy, at: .wallClock)
        try await checkThread("t_1", in: log, script, from: 21, "the last one is new")
        try await checkThread("t_3", in: log, script, from: 1, "the last one is new")
    }

    /// By bytes, the oldest events go and the newest stay, and what is left is not much more than the limit.
    public func trimsByByteCount() async throws {
        var (log, script) = try await opened()
        let text = String(repeating: "x", count: 1000)
        let policy = RetentionPolicy(maximumByteCount: 40_000)
        for _ in 0..<100 {
            try await append(script.commit(["t_1", "t_2"], text: text), to: log)
            try await sweep(log, policy)
        }
        for thread in [ThreadID("t_1"), "t_2"] {
            let oldest = try await log.thread(thread)?.oldest.sequence ?? 0
            // About 18 of each are within the limit.
            check((75...90).contains(oldest), "the oldest event of \(thread) is near the limit, not \(oldest)")
            try await checkThread(thread, in: log, script, from: max(1, oldest), "40 000 bytes are kept")
        }
    }

    /// A thread that was named and not trimmed is named again.
    public func doesNotForgetWhatWasNotTrimmed() async throws {
        var (log, script) = try await opened()
        for _ in 0..<20 { try await append(script.commit(["t_1", "t_2"]), to: log) }
        let policies = [RetentionPolicy(maximumAge: .seconds(1800)), RetentionPolicy(maximumEventsPerThread: 5)]
        for policy in policies {
            for _ in 0..<100 where try await log.expired(RetentionQuery(policy: policy, now: .inAnHour)).isLast {
                break
            }
            try await checkThread("t_1", in: log, script, from: 1, "nothing was trimmed")
        }
        try await sweep(log, policies[1])
        try await checkThread("t_1", in: log, script, from: 16, "trimmed later")
        try await sweep(log, policies[0])
        try await checkThread("t_1", in: log, script, from: 21, "trimmed later")
    }

    /// Appends and reads continue while the log is trimmed; a reader sees a thread without gaps, from some event on.
    public func appendsAndReadsWhileTrimming() async throws {
        let (log, script) = try await opened()
        let appending = Appending()
        try await withThrowingTaskGroup { group in
            group.addTask {
                defer { appending.end() }
                var script = script
                for _ in 0..<400 {
                    try await append(script.commit(["t_1", "t_2"]), to: log)
                    await Task.yield()
                }
            }
            group.addTask {
                while !appending.isOver {
                    try await sweep(log, RetentionPolicy(maximumEventsPerThread: 3))
                    await Task.yield()
                }
            }
            group.addTask {
                while !appending.isOver {
                    try await readWhileTrimmed(log)
                    await Task.yield()
                }
            }
            try await group.waitForAll()
        }
        try await sweep(log, RetentionPolicy(maximumEventsPerThread: 3))
        let events = try await log.read(LogRead(.thread("t_1", after: 0))).events
        check(events.map(\.id.sequence) == [398, 399, 400], "what is left at the end")
    }

    private func readWhileTrimmed(_ log: any TrimmableLog) async throws {
        for after in [0, 3] as [UInt64] {
            let page = try await log.read(LogRead(.thread("t_1", after: after), maximumCount: 20))
            let sequences = page.events.map(\.id.sequence)
            check(zip(sequences, sequences.dropFirst()).allSatisfy { $0 + 1 == $1 }, "a page has no gap: \(sequences)")
            if let first = sequences.first {
                check(first > after, "a page after \(after) begins at \(first)")
                check(
                    page.skipsTrimmed == (first > after + 1),
                    "whether a page after \(after) that begins at \(first) skips")
            }
        }
        _ = try await log.read(LogRead(.all(afterOffset: 0), maximumCount: 20))
        _ = try await log.thread("t_2")
    }

    /// A trim is as durable as a commit.
    ///
    /// Checks nothing for a log that cannot be opened again.
    public func staysTrimmedWhenReopened() async throws {
        guard let reopen else { return }
        var (log, script) = try await opened()
        for round in 1...4 as ClosedRange<UInt64> {
            for _ in 0..<10 { try await append(script.commit(["t_1", "t_2", "t_3"]), to: log) }
            let trims = [
                ThreadTrim(thread: "t_1", firstKept: 10 * round - 4),
                ThreadTrim(thread: "t_2", firstKept: 10 * round + 1),
            ]
            try await log.trim(trims)
            log = try await reopen(log)
            let opening = try await open(log)
            for (thread, oldest) in [("t_1", 10 * round - 4), ("t_2", 10 * round + 1), ("t_3", 1)]
                as [(ThreadID, UInt64)]
            {
                try await checkThread(thread, in: log, script, from: oldest, "reopened \(round) times")
            }
            script = LogScript(generation: opening.generation, events: script.events)
        }
    }
}

/// Whether the task that appends is still at it.
private final class Appending: Sendable {
    private let over = Mutex(false)

    var isOver: Bool { over.withLock { $0 } }
    func end() { over.withLock { $0 = true } }
}
