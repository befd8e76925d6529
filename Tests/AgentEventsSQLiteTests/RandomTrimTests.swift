import AgentEvents
import AgentEventsSQLite
import Testing

/// Random commits, trims, sweeps, reads, closings and ends of the process, side by side with the log in memory.
@Suite struct RandomTrimTests {
    @Test(arguments: UInt64(1)...8)
    func aTrimmedLogDoesWhatTheModelDoes(seed: UInt64) async throws {
        try await withTemporaryFolder { folder in
            var history = RandomHistory(seed: seed)
            let model = InMemoryEventLog()
            var eventCount = 0
            var log = SQLiteEventLog(path: folder + "/log", configuration: SQLiteEventLogTests.cramped)
            for step in 0..<200 {
                if step == 0 || history.chance(of: 12) {
                    if step > 0 { log = try await reopened(log, killed: history.chance(of: 2)) }
                    model.close()
                    let opening = try await log.open()
                    let expected = try await model.open()
                    #expect(opening.generation == expected.generation, "seed \(seed), step \(step)")
                    #expect(
                        Set(opening.threadsWithOpenRuns) == Set(expected.threadsWithOpenRuns),
                        "seed \(seed), step \(step)"
                    )
                    history.generation = opening.generation
                }
                let commit = history.commit()
                eventCount += commit.entries.count
                try await log.append(commit)
                try await model.append(commit)
                if history.chance(of: 3) {
                    let trims = history.trims()
                    try await log.trim(trims)
                    try await model.trim(trims)
                }
                if history.chance(of: 10) { try await sweep(log, model, history.policy()) }
                for thread in history.someThreads() {
                    let record = try await log.thread(thread)
                    #expect(record == (try await model.thread(thread)), "seed \(seed), step \(step), \(thread)")
                    let read = history.read(of: thread)
                    let page = try await log.read(read)
                    #expect(page == (try await model.read(read)), "seed \(seed), step \(step), \(read)")
                }
                if step % 20 == 0 { try await checkAll(log, model, eventCount, "seed \(seed), step \(step)") }
            }
            try await log.close()
        }
    }

    private func reopened(_ log: SQLiteEventLog, killed: Bool) async throws -> SQLiteEventLog {
        let path = killed ? try copyOfFiles(of: log) : log.path
        try await log.close()
        return SQLiteEventLog(path: path, configuration: SQLiteEventLogTests.cramped)
    }

    /// The log says what is due, because that depends on its files, and the model is trimmed like it.
    private func sweep(_ log: SQLiteEventLog, _ model: InMemoryEventLog, _ policy: RetentionPolicy) async throws {
        let now = Timestamp(milliseconds: WallClock.system.now().milliseconds + 1000)
        for _ in 0..<10_000 {
            let step = try await log.expired(RetentionQuery(policy: policy, now: now, maximumThreadCount: 4))
            try await log.trim(step.trims)
            try await model.trim(step.trims)
            if step.isLast { break }
        }
        guard let count = policy.maximumEventsPerThread, policy.maximumByteCount == nil else { return }
        let due = try await model.expired(RetentionQuery(policy: policy, now: now))
        #expect(due.trims.isEmpty, "after a sweep no thread has more than \(count) events")
    }

    /// What is kept is there, in order; and what is missing was said to be.
    private func checkAll(
        _ log: SQLiteEventLog,
        _ model: InMemoryEventLog,
        _ eventCount: Int,
        _ comment: String
    ) async throws {
        let kept = try await events(in: model)
        let (all, skips) = try await events(in: log)
        let keptSet = Set(kept.events)
        #expect(all.filter(keptSet.contains) == kept.events, "\(comment), all")
        #expect(skips == (all.count < eventCount), "\(comment), \(all.count) of \(eventCount) are there")
    }

    private func events(in log: any EventLog) async throws -> (events: [StoredEvent], skips: Bool) {
        var events: [StoredEvent] = []
        var skips = false
        var offset: UInt64 = 0
        while true {
            let page = try await log.read(LogRead(.all(afterOffset: offset), maximumCount: 17))
            events += page.events
            if page.skipsTrimmed { skips = true }
            offset = page.nextOffset
            if page.reachesEnd { return (events, skips) }
        }
    }
}

private func == (one: LogPage, other: LogPage) -> Bool {
    one.events == other.events && one.reachesEnd == other.reachesEnd && one.skipsTrimmed == other.skipsTrimmed
}
