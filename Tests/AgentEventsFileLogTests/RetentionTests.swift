import AgentEvents
import AgentEventsFileLog
import Foundation
import Testing

/// What becomes of the files of a log that is trimmed.
@Suite struct RetentionTests {
    /// With these, a file has about five of the events of these tests.
    private static var smallFiles: FileEventLog.Configuration {
        var configuration = FileEventLogTests.cramped
        configuration.segmentByteCount = 5000
        return configuration
    }

    private static let policy = RetentionPolicy(maximumEventsPerThread: 1)

    @Test func filesOfWhichNothingIsKeptAreRemoved() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles)
            _ = try await log.open()
            for sequence in 1...100 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            let before = try blockFiles(of: log.path)
            #expect(before.count > 10)
            try await sweep(log, RetentionPolicy(maximumEventsPerThread: 50))
            let half = try blockFiles(of: log.path)
            #expect((before.count / 2 - 1...before.count / 2 + 1).contains(half.count), "\(half.count) files")
            #expect(half == Array(before.suffix(half.count)), "the oldest files go")
            try await sweep(log, Self.policy)
            #expect(try blockFiles(of: log.path).count == 1)
            let events = try await log.read(LogRead(.thread("t_1", after: 0))).events
            #expect(events.map(\.id.sequence) == [100])
            try await log.close()
            #expect(try await log.open().generation > 1)
            try await log.append(commit(101, generation: 2, size: 1000))
            #expect(try await log.thread("t_1")?.oldest == EventID(generation: 1, sequence: 100))
            try await log.close()
        }
    }

    /// A run that stays open keeps its own file, and not those behind it.
    @Test func anOpenRunKeepsItsFileOnly() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles)
            _ = try await log.open()
            for sequence in 1...10 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            let open = LogEntry(
                owner: ThreadOwner(thread: "t_2", user: "u_1"), id: EventID(generation: 1, sequence: 1),
                type: .agentStarted, run: "r_1", bytes: [1, 2, 3])
            try await log.append(LogCommit(entries: [open], time: Timestamp(milliseconds: 0)))
            for sequence in 11...60 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            let end = try await log.read(LogRead(.all(afterOffset: 0), maximumCount: 12)).nextOffset
            for policy in [RetentionPolicy(maximumByteCount: 1), Self.policy] {
                try await sweep(log, policy)
                #expect(try blockFiles(of: log.path).count == 2, "\(policy)")
                #expect(try await log.read(LogRead(.thread("t_2", after: 0))).events.map(\.bytes) == [[1, 2, 3]])
            }
            // Two holes, each of which is told of once.
            let first = try await log.read(LogRead(.all(afterOffset: 0), maximumCount: 1))
            #expect(first.skipsTrimmed)
            let behind = try await log.read(LogRead(.all(afterOffset: end), maximumCount: 1000))
            #expect(behind.skipsTrimmed && behind.reachesEnd)
            #expect(try await !log.read(LogRead(.all(afterOffset: behind.nextOffset))).skipsTrimmed)
            try await log.close()
            _ = try await log.open()
            #expect(try await log.read(LogRead(.all(afterOffset: end), maximumCount: 1000)).skipsTrimmed)
            #expect(try await !log.read(LogRead(.all(afterOffset: behind.nextOffset))).skipsTrimmed)
            try await log.close()
        }
    }

    /// Whoever had read everything misses nothing when it goes.
    @Test func aReaderAtTheEndOfARemovedFileMissesNothing() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles)
            _ = try await log.open()
            for sequence in 1...20 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            let end = try await log.read(LogRead(.all(afterOffset: 0), maximumCount: 20)).nextOffset
            let previous = try await log.read(LogRead(.all(afterOffset: 0), maximumCount: 19)).nextOffset
            try await sweep(log, RetentionPolicy(maximumAge: .seconds(1)))
            try await log.append(commit(21, generation: 1))
            try await sweep(log, RetentionPolicy(maximumAge: .seconds(1)), at: WallClock.system.now())
            #expect(try await !log.read(LogRead(.all(afterOffset: end))).skipsTrimmed)
            #expect(try await log.read(LogRead(.all(afterOffset: previous))).skipsTrimmed)
            #expect(try await log.read(LogRead(.all(afterOffset: end))).events.map(\.id.sequence) == [21])
            try await log.close()
        }
    }

    /// A block may have more threads than one answer has room for.
    @Test func anAnswerNamesNoMoreThreadsThanItMay() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles)
            _ = try await log.open()
            var entries: [LogEntry] = []
            for number in 1...20 {
                let thread = ThreadID(stringLiteral: "t_\(number)")
                entries += commit(1, of: thread, generation: 1).entries
            }
            try await log.append(LogCommit(entries: entries, time: Timestamp(milliseconds: 0)))
            let now = Timestamp(milliseconds: WallClock.system.now().milliseconds + 3_600_000)
            let policy = RetentionPolicy(maximumAge: .seconds(1))
            var trimmed: [ThreadID] = []
            while true {
                let step = try await log.expired(RetentionQuery(policy: policy, now: now, maximumThreadCount: 3))
                #expect(step.trims.count <= 3)
                try await log.trim(step.trims)
                trimmed += step.trims.map(\.thread)
                if step.isLast { break }
            }
            #expect(trimmed.count == 20 && Set(trimmed).count == 20)
            try await log.close()
        }
    }

    /// Few events, and yet they go: a file is not written to for longer than a part of the age.
    @Test func aLogWithLittleTrafficIsTrimmedByAge() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            _ = try await log.open()
            let policy = RetentionPolicy(maximumAge: .seconds(8000))
            let now = WallClock.system.now()
            try await log.append(commit(1, generation: 1))
            try await sweep(log, policy, at: Timestamp(milliseconds: now.milliseconds + 900_000))
            try await log.append(commit(2, generation: 1))
            #expect(try blockFiles(of: log.path).count == 1, "900 s are less than an eighth")
            try await sweep(log, policy, at: Timestamp(milliseconds: now.milliseconds + 1_100_000))
            try await log.append(commit(3, generation: 1))
            let files = try blockFiles(of: log.path)
            #expect(files.count == 2)
            let written = Date(timeIntervalSinceNow: -9000)
            try FileManager.default.setAttributes([.modificationDate: written], ofItemAtPath: files[0])
            try await sweep(log, policy, at: now)
            #expect(try blockFiles(of: log.path) == [files[1]])
            #expect(try await log.thread("t_1")?.oldest == EventID(generation: 1, sequence: 3))
            try await log.close()
        }
    }

    /// A crash after the index was changed, and before the file was removed, is made good for.
    @Test func aFileThatACrashLeftBehindIsRemovedLater() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles)
            _ = try await log.open()
            for sequence in 1...20 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            let file = try #require(try blockFiles(of: log.path).first)
            let data = try Data(contentsOf: URL(fileURLWithPath: file))
            try await sweep(log, Self.policy)
            #expect(!FileManager.default.fileExists(atPath: file))
            try await log.close()
            try data.write(to: URL(fileURLWithPath: file))
            _ = try await log.open()
            #expect(try await log.thread("t_1")?.oldest.sequence == 20)
            try await sweep(log, Self.policy)
            #expect(!FileManager.default.fileExists(atPath: file))
            #expect(try await log.read(LogRead(.thread("t_1", after: 0))).events.map(\.id.sequence) == [20])
            try await log.close()
        }
    }

    /// What the index has in memory only must not lead into files that are gone.
    @Test func aProcessThatIsKilledAfterFilesWereRemovedLosesNothing() async throws {
        try await withTemporaryFolder { folder in
            var configuration = FileEventLog.Configuration()
            configuration.segmentByteCount = 5000
            let log = FileEventLog(path: folder + "/log", configuration: configuration)
            _ = try await log.open()
            for sequence in 1...60 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            try await sweep(log, RetentionPolicy(maximumEventsPerThread: 3))
            #expect(try blockFiles(of: log.path).count <= 2)
            let path = try copyOfFiles(of: log)
            try await log.close()
            let copy = FileEventLog(path: path, configuration: configuration)
            #expect(try await copy.open().generation > 1)
            let record = try #require(try await copy.thread("t_1"))
            #expect(record.head == EventID(generation: 1, sequence: 60))
            #expect(record.oldest == EventID(generation: 1, sequence: 58))
            try await copy.append(commit(61, generation: 2))
            let events = try await copy.read(LogRead(.thread("t_1", after: 0))).events
            #expect(events.map(\.id.description) == ["1-58", "1-59", "1-60", "2-61"])
            try await copy.close()
        }
    }

    /// Files go while pages out of them are read: a page has what was there before or after, without a gap.
    @Test func aReadThatIsUnderWayIsNotDisturbed() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles)
            _ = try await log.open()
            for sequence in 1...600 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            try await withThrowingTaskGroup { group in
                group.addTask {
                    for count in stride(from: 595, through: 5, by: -5) {
                        try await sweep(log, RetentionPolicy(maximumEventsPerThread: count))
                    }
                }
                for _ in 0..<2 {
                    group.addTask {
                        var oldest: UInt64 = 1
                        while oldest < 596 {
                            let read = LogRead(.thread("t_1", after: 0), maximumByteCount: .max)
                            let sequences = try await log.read(read).events.map(\.id.sequence)
                            let first = try #require(sequences.first)
                            #expect(first >= oldest && sequences == Array(first...600))
                            oldest = first
                            let all = try await log.read(LogRead(.all(afterOffset: 0), maximumByteCount: .max))
                            #expect(all.reachesEnd && all.events.last?.id.sequence == 600)
                            // What was read before it went was not skipped.
                            #expect(all.skipsTrimmed == (all.events.count < 600))
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await log.close()
        }
    }

    /// A tail was lost that a reader had seen, and its numbers were used again.
    @Test func aCursorIntoATailThatWasLostIsDiverged() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            _ = try await log.open()
            for sequence in 1...10 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            let path = try copyOfFiles(of: log)
            try await log.close()
            let file = try #require(try blockFiles(of: path).first)
            let data = try Data(contentsOf: URL(fileURLWithPath: file))
            try data.prefix(data.count * 6 / 10).write(to: URL(fileURLWithPath: file))
            let cut = FileEventLog(path: path)
            _ = try await cut.open()
            let head = try #require(try await cut.thread("t_1")).head
            #expect((4...6).contains(head.sequence))
            let seen = EventID(generation: 1, sequence: 9)
            #expect(try await resolve(seen, in: cut) == .diverged, "before the numbers are used again")
            #expect(try await resolve(EventID(generation: 2, sequence: 9), in: cut) == .unknown)
            for sequence in head.sequence + 1...12 { try await cut.append(commit(sequence, generation: 2)) }
            #expect(try await resolve(seen, in: cut) == .diverged)
            #expect(try await resolve(EventID(generation: 2, sequence: 9), in: cut) == .position(after: 9))
            #expect(try await resolve(EventID(generation: 1, sequence: 3), in: cut) == .position(after: 3))
            try await cut.trim([ThreadTrim(thread: "t_1", firstKept: 4)])
            #expect(try await resolve(EventID(generation: 1, sequence: 3), in: cut) == .trimmed)
            #expect(try await resolve(seen, in: cut) == .diverged)
            try await cut.trim([ThreadTrim(thread: "t_1", firstKept: 13)])
            #expect(try await resolve(seen, in: cut) == .trimmed)
            #expect(try await resolve(EventID(generation: 2, sequence: 12), in: cut) == .position(after: 12))
            try await cut.close()
        }
    }

    private func resolve(_ cursor: Cursor, in log: FileEventLog) async throws -> ResolvedStart {
        try await log.resolve(.after(cursor), in: "t_1", record: try await log.thread("t_1"), generation: 2)
    }

    private func sweep(
        _ log: FileEventLog,
        _ policy: RetentionPolicy,
        at now: Timestamp = Timestamp(milliseconds: WallClock.system.now().milliseconds + 3_600_000)
    ) async throws {
        // Files that stay get their turn one after the other.
        for _ in 0..<3 {
            while true {
                let step = try await log.expired(RetentionQuery(policy: policy, now: now))
                try await log.trim(step.trims)
                if step.isLast { break }
            }
        }
    }
}
