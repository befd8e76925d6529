import AgentEvents

extension TrimmableLogConformance {
    /// A trim takes the oldest events of a thread away and nothing else, as often as it is called.
    public func trimsTheOldest() async throws {
        var (log, script) = try await opened()
        for _ in 0..<30 { try await append(script.commit(["t_1", "t_2", "t_1"]), to: log) }
        for (firstKept, oldest) in [(1, 1), (2, 2), (2, 2), (17, 17), (5, 17), (0, 17), (60, 60)] as [(UInt64, UInt64)]
        {
            try await log.trim([ThreadTrim(thread: "t_1", firstKept: firstKept)])
            try await checkThread("t_1", in: log, script, from: oldest, "trimmed to \(firstKept)")
        }
        try await checkThread("t_2", in: log, script, from: 1, "another thread was trimmed")
        try await log.trim([ThreadTrim(thread: "t_9", firstKept: 3), ThreadTrim(thread: "t_2", firstKept: 9)])
        check(try await log.thread("t_9") == nil, "a thread that does not exist is not made by a trim")
        try await checkThread("t_2", in: log, script, from: 9, "trimmed with one that does not exist")
        for _ in 0..<10 { try await append(script.commit(["t_1", "t_2"]), to: log) }
        try await checkThread("t_1", in: log, script, from: 60, "after further events")
        try await checkThread("t_2", in: log, script, from: 9, "after further events")
    }

    /// A thread of which nothing is left keeps its user, its head and its numbers.
    public func goesOnWhenNothingIsLeft() async throws {
        var (log, script) = try await opened()
        for _ in 0..<3 { try await append(script.commit(["t_1"]), to: log) }
        let entries = [
            script.entry("t_1", .agentStarted, run: "r_1"), script.entry("t_1", .agentCompleted, run: "r_1"),
        ]
        try await append(LogCommit(entries: entries, time: .wallClock), to: log)
        try await log.trim([ThreadTrim(thread: "t_1", firstKept: 100)])
        try await checkThread("t_1", in: log, script, from: 6, "nothing is left")
        check(
            try await log.startedRuns(among: ["r_1"], in: "t_1").isEmpty, "no run is known when nothing is left")
        do {
            var other = LogScript(generation: script.generation)
            try await append(other.commit(["t_1"]), to: log)
            check(false, "an event that takes a trimmed number again is refused")
            return
        } catch EventLogError.Code.conflict {
            // A log refuses appends after an error; the rest is looked at in another one.
        }
        (log, script) = try await opened()
        for _ in 0..<5 { try await append(script.commit(["t_1"]), to: log) }
        try await log.trim([ThreadTrim(thread: "t_1", firstKept: 6)])
        try await append(script.commit(["t_1"]), to: log)
        try await checkThread("t_1", in: log, script, from: 6, "the first one after nothing was left")
        try await append(script.commit(["t_1"]), to: log)
        try await checkThread("t_1", in: log, script, from: 6, "the second one after nothing was left")
    }

    /// Whichever trim is asked for, nothing is trimmed from the first event of a run without an end on; and a run is
    /// known as long as its first event is kept.
    public func neverTrimsOpenRuns() async throws {
        var (log, script) = try await opened()
        let entries = [
            script.entry("t_1"),
            script.entry("t_1", .agentStarted, run: "r_1"),
            script.entry("t_1", .agentCompleted, run: "r_1"),
            script.entry("t_1", .agentQueued, run: "r_2"),
            script.entry("t_1", .agentStarted, run: "r_2"),
            script.entry("t_1", .agentStarted, run: "r_3"),
            script.entry("t_1", .agentCompleted, run: "r_3"),
        ]
        try await append(LogCommit(entries: entries, time: .wallClock), to: log)
        try await log.trim([ThreadTrim(thread: "t_1", firstKept: 7)])
        try await checkThread("t_1", in: log, script, from: 4, "r_2 is open")
        check(
            try await log.startedRuns(among: ["r_1", "r_2", "r_3"], in: "t_1") == ["r_2", "r_3"],
            "the runs that are left, r_2 open")
        check(try await log.thread("t_1")?.firstOpenSequence == 4, "r_2 stays open")
        let policies = [
            RetentionPolicy(maximumAge: .seconds(1)), RetentionPolicy(maximumEventsPerThread: 1),
            RetentionPolicy(maximumByteCount: 1),
        ]
        for policy in policies {
            try await sweep(log, policy)
            try await checkThread("t_1", in: log, script, from: 4, "r_2 is open, \(policy)")
        }
        let end = script.entry("t_1", .agentFailed, run: "r_2")
        try await append(LogCommit(entries: [end], time: .wallClock), to: log)
        try await sweep(log, RetentionPolicy(maximumEventsPerThread: 2))
        try await checkThread("t_1", in: log, script, from: 7, "all runs have ended")
        check(
            try await log.startedRuns(among: ["r_1", "r_2", "r_3"], in: "t_1").isEmpty,
            "the runs whose starts are left")
    }

    /// A key counts for its 24 hours, whatever became of its events.
    public func recallsKeysOfTrimmedEvents() async throws {
        var (log, script) = try await opened()
        let entries = [script.entry("t_1"), script.entry("t_1")]
        let ids = entries.map(\.id)
        let keyed = KeyedEvents(key: "k_1", thread: "t_1", ids: ids)
        try await append(LogCommit(entries: entries, keys: [keyed], time: .wallClock), to: log)
        try await append(script.commit(["t_1"]), to: log)
        try await log.trim([ThreadTrim(thread: "t_1", firstKept: 3)])
        check(try await log.recall("k_1", in: "t_1")?.ids == ids, "the key of trimmed events")
        try await log.trim([ThreadTrim(thread: "t_1", firstKept: 4)])
        check(try await log.recall("k_1", in: "t_1")?.ids == ids, "the key of a thread with nothing left")
    }

    /// All threads are read in the order of commits; what is missing was trimmed, and a page says so.
    public func readsAllThreadsBehindATrim() async throws {
        var (log, script) = try await opened()
        for _ in 0..<40 { try await append(script.commit(["t_1", "t_2", "t_3"]), to: log) }
        check(try await !all(in: log).skipsTrimmed, "nothing is missing before a trim")
        let middle = try await log.read(LogRead(.all(afterOffset: 0), maximumCount: 31))
        try await sweep(log, RetentionPolicy(maximumEventsPerThread: 5))
        for _ in 0..<3 { try await append(script.commit(["t_1", "t_3"]), to: log) }
        for (start, known) in [(0, script.events[...]), (middle.nextOffset, script.events[31...])] {
            for pageSize in [1, 7, 1000] {
                let (read, skips) = try await all(in: log, after: start, pageSize: pageSize)
                let comment = "all events after \(start) in pages of \(pageSize)"
                check(isSubsequence(read, of: known), "\(comment) are events in their order")
                let kept = known.filter { !isTrimmed($0) }
                check(isSubsequence(kept, of: read[...]), "\(comment) have every event that was not trimmed")
                check(skips == (read.count < known.count), "\(comment): whether some are missing")
            }
        }
        var end: UInt64 = 0
        for _ in 0..<1000 {
            let page = try await log.read(LogRead(.all(afterOffset: end), maximumCount: 7))
            end = page.nextOffset
            if page.reachesEnd { break }
        }
        check(try await !all(in: log, after: end).skipsTrimmed, "nothing is missing after the end")
        func isTrimmed(_ event: StoredEvent) -> Bool { event.id.sequence <= 35 }
    }

    private func isSubsequence(_ events: [StoredEvent], of all: ArraySlice<StoredEvent>) -> Bool {
        var rest = all
        for event in events {
            guard let index = rest.firstIndex(of: event) else { return false }
            rest = rest[(index + 1)...]
        }
        return true
    }
}
