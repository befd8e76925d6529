import AgentEvents
import AgentEventsFileLog
import Testing

/// Random commits, trims, sweeps, reads, closings and ends of the process, side by side with the log in memory.
@Suite struct RandomTrimTests {
    @Test(arguments: UInt64(1)...8)
    func aTrimmedLogDoesWhatTheModelDoes(seed: UInt64) async throws {
        try await withTemporaryFolder { folder in
            var history = RandomHistory(seed: seed)
            let model = InMemoryEventLog()
            var eventCount = 0
            var log = FileEventLog(path: folder + "/log", configuration: FileEventLogTests.cramped)
            for step in 0..<200 {
                let comment: Comment = "seed \(seed), step \(step)"
                if step == 0 || history.chance(of: 12) {
                    if step > 0 { log = try await LogComparison.reopened(log, killed: history.chance(of: 2)) }
                    model.close()
                    let reopened = LogComparison(log: log, model: model, comment: comment)
                    history.generation = try await reopened.open()
                }
                let both = LogComparison(log: log, model: model, comment: comment)
                let commit = history.commit()
                eventCount += commit.entries.count
                try await both.append(commit)
                if history.chance(of: 3) {
                    let trims = history.trims()
                    try await log.trim(trims)
                    try await model.trim(trims)
                }
                if history.chance(of: 10) { try await sweep(log, model, history.policy()) }
                try await both.compareThreads(&history)
                if step % 20 == 0 { try await checkAll(log, model, eventCount, comment) }
            }
            try await log.close()
        }
    }

    /// The log says what is due, because that depends on its files, and the model is trimmed like it.
    private func sweep(_ log: FileEventLog, _ model: InMemoryEventLog, _ policy: RetentionPolicy) async throws {
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
        _ log: FileEventLog,
        _ model: InMemoryEventLog,
        _ eventCount: Int,
        _ comment: Comment
    ) async throws {
        let kept = try await LogComparison.events(in: model, pageSize: 17)
        let (all, skips) = try await LogComparison.events(in: log, pageSize: 17)
        let keptSet = Set(kept.events)
        #expect(all.filter(keptSet.contains) == kept.events, "\(comment), all")
        #expect(skips == (all.count < eventCount), "\(comment), \(all.count) of \(eventCount) are there")
    }
}
