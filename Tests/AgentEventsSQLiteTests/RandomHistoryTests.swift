import AgentEvents
import AgentEventsSQLite
import Testing

/// Random commits, reads, closings and ends of the process, side by side with the model.
@Suite struct RandomHistoryTests {
    @Test(arguments: UInt64(1)...8)
    func aLogDoesWhatTheModelDoes(seed: UInt64) async throws {
        try await withTemporaryFolder { folder in
            var history = RandomHistory(seed: seed)
            let model = ReferenceEventLog()
            var log = SQLiteEventLog(path: folder + "/log", configuration: SQLiteEventLogTests.cramped)
            for step in 0..<200 {
                if step == 0 || history.chance(of: 12) {
                    if history.chance(of: 2) {
                        try await log.close()
                    } else if step > 0 {
                        let path = try copyOfFiles(of: log)
                        try await log.close()
                        log = SQLiteEventLog(path: path, configuration: SQLiteEventLogTests.cramped)
                    }
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
                try await log.append(commit)
                try await model.append(commit)
                for thread in history.someThreads() {
                    let record = try await log.thread(thread)
                    #expect(record == (try await model.thread(thread)), "seed \(seed), step \(step), \(thread)")
                    let read = history.read(of: thread)
                    let page = try await log.read(read)
                    #expect(page == (try await model.read(read)), "seed \(seed), step \(step), \(read)")
                }
                if step % 20 == 0 {
                    let pageSize = history.pageSize()
                    let all = try await events(in: log, pageSize: pageSize)
                    let expected = try await events(in: model, pageSize: pageSize)
                    #expect(all == expected, "seed \(seed), step \(step), all")
                }
            }
            try await log.close()
        }
    }

    private func events(in log: any EventLog, pageSize: Int) async throws -> [StoredEvent] {
        var events: [StoredEvent] = []
        var offset: UInt64 = 0
        while true {
            let page = try await log.read(LogRead(.all(afterOffset: offset), maximumCount: pageSize))
            events += page.events
            offset = page.nextOffset
            if page.reachesEnd { return events }
        }
    }
}

private func == (one: LogPage, other: LogPage) -> Bool {
    one.events == other.events && one.reachesEnd == other.reachesEnd
}
