import AgentEvents
import AgentEventsFileLog
import Testing

/// Random commits, reads, closings and ends of the process, side by side with the model.
@Suite struct RandomHistoryTests {
    @Test(arguments: UInt64(1)...8)
    func aLogDoesWhatTheModelDoes(seed: UInt64) async throws {
        try await withTemporaryFolder { folder in
            var history = RandomHistory(seed: seed)
            let model = ReferenceEventLog()
            var log = FileEventLog(path: folder + "/log", configuration: FileEventLogTests.cramped)
            for step in 0..<200 {
                let comment: Comment = "seed \(seed), step \(step)"
                if step == 0 || history.chance(of: 12) {
                    if step > 0 { log = try await LogComparison.reopened(log, killed: history.chance(of: 2)) }
                    let reopened = LogComparison(log: log, model: model, comment: comment)
                    history.generation = try await reopened.open()
                }
                let both = LogComparison(log: log, model: model, comment: comment)
                try await both.append(history.commit())
                try await both.compareThreads(&history)
                if step % 20 == 0 {
                    let pageSize = history.pageSize()
                    let all = try await LogComparison.events(in: log, pageSize: pageSize)
                    let expected = try await LogComparison.events(in: model, pageSize: pageSize)
                    #expect(all.events == expected.events, "\(comment), all")
                }
            }
            try await log.close()
        }
    }
}
