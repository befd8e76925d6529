import AgentEvents
import AgentEventsFileLog
import Testing

/// A log side by side with a model of it: both were given the same.
struct LogComparison {
    let log: any EventLog
    let model: any EventLog
    /// Where in the test this is, for failures.
    let comment: Comment

    /// Opens both.
    ///
    /// - Returns: the generation of the log; the model takes any.
    func open() async throws -> UInt64 {
        let opening = try await log.open()
        let expected = try await model.open()
        #expect(Set(opening.threadsWithOpenRuns) == Set(expected.threadsWithOpenRuns), comment)
        return opening.generation
    }

    func append(_ commit: LogCommit) async throws {
        try await log.append(commit)
        try await model.append(commit)
    }

    /// Reads some threads from both.
    func compareThreads(_ history: inout RandomHistory) async throws {
        for thread in history.someThreads() {
            #expect(try await log.thread(thread) == model.thread(thread), comment)
            let runs = history.someRuns()
            let (started, expectedRuns) = (
                try await log.startedRuns(among: runs, in: thread), try await model.startedRuns(among: runs, in: thread)
            )
            #expect(started == expectedRuns, "\(comment), runs of \(thread)")
            let read = history.read(of: thread)
            let (page, expected) = (try await log.read(read), try await model.read(read))
            #expect(page.events == expected.events, "\(comment), \(read)")
            #expect(page.reachesEnd == expected.reachesEnd, "\(comment), \(read)")
            #expect(page.skipsTrimmed == expected.skipsTrimmed, "\(comment), \(read)")
        }
    }

    /// All events, read in pages, and whether a page said that some are missing.
    static func events(in log: any EventLog, pageSize: Int) async throws -> (events: [StoredEvent], skips: Bool) {
        var events: [StoredEvent] = []
        var skips = false
        var offset: UInt64 = 0
        while true {
            let page = try await log.read(LogRead(.all(afterOffset: offset), maximumCount: pageSize))
            events += page.events
            if page.skipsTrimmed { skips = true }
            offset = page.nextOffset
            if page.reachesEnd { return (events, skips) }
        }
    }

    /// Closes a log, or ends it as a killed process does, and gives one of its files.
    static func reopened(_ log: FileEventLog, killed: Bool) async throws -> FileEventLog {
        let path = killed ? try copyOfFiles(of: log) : log.path
        try await log.close()
        return FileEventLog(path: path, configuration: FileEventLogTests.cramped)
    }
}
