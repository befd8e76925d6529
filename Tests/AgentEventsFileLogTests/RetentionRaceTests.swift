import AgentEvents
import Foundation
import Synchronization
import Testing

@testable import AgentEventsFileLog

/// Trimming while the log is written to, and while it is closed.
@Suite struct RetentionRaceTests {
    /// A commit is under way while a sweep finds the file old: it ends up in this file, which must stay.
    @Test func aFileThatGrewSinceItWasLookedAtIsNotRemoved() async throws {
        try await withTemporaryFolder { folder in
            let configuration = FileEventLog.Configuration()
            var opened = try LogOpener(path: folder + "/log", configuration: configuration).open()
            try opened.writer.append(commit(1, of: "t_1", generation: 1))
            let later = Timestamp(milliseconds: WallClock.system.now().milliseconds + 2000)
            let query = RetentionQuery(policy: RetentionPolicy(maximumAge: .seconds(1)), now: later)
            let first = try opened.retention.expired(query)
            #expect(!first.isLast)
            // The writer had looked before the sweep said that the file is complete.
            let blocks = opened.writer.connection.blocks
            #expect(blocks.list.withLock { $0.isLastComplete })
            blocks.list.withLock { $0.isLastComplete = false }
            try opened.writer.append(commit(1, of: "t_2", generation: 1))
            blocks.completeLast()
            try opened.writer.append(commit(1, of: "t_3", generation: 1))
            #expect(blocks.segments.count == 2)
            for _ in 0..<100 {
                let step = try opened.retention.expired(query)
                try opened.retention.trim(step.trims)
                if step.isLast { break }
            }
            let reader = LogReader(connection: opened.writer.connection)
            #expect(try reader.record(of: "t_1")?.isEmpty == true)
            for thread: ThreadID in ["t_2", "t_3"] {
                #expect(try reader.page(LogRead(.thread(thread, after: 0))).events.count == 1, "\(thread)")
            }
            try opened.writer.close()
        }
    }

    /// A file that is about to go can be read to its end; then nothing was skipped.
    @Test func whatWasReadBeforeItWentWasNotSkipped() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            _ = try await log.open()
            for sequence in 1...3 { try await log.append(commit(UInt64(sequence), generation: 1)) }
            let page = try await log.read(LogRead(.all(afterOffset: 0)))
            #expect(page.events.count == 3 && !page.skipsTrimmed)
            let removed = RemovedBlocks(start: 0, through: page.nextOffset)
            try log.openConnection().removed.withLock { $0.insert(removed) }
            let again = try await log.read(LogRead(.all(afterOffset: 0)))
            #expect(again.events == page.events && again.reachesEnd && !again.skipsTrimmed)
            try await log.close()
        }
    }

    /// The index is written by one at a time, also when the log is closed meanwhile.
    @Test func aTrimAfterTheEndOfTheLogIsRefused() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/log"
            var opened = try LogOpener(path: path, configuration: FileEventLog.Configuration()).open()
            for sequence in 1...9 { try opened.writer.append(commit(UInt64(sequence), generation: 1)) }
            try opened.writer.close()
            await expect(.closed) { try opened.retention.trim([ThreadTrim(thread: "t_1", firstKept: 5)]) }
            let query = RetentionQuery(policy: RetentionPolicy(maximumByteCount: 1), now: WallClock.system.now())
            await expect(.closed) { _ = try opened.retention.expired(query) }
        }
    }

    @Test(arguments: 1...8)
    func aLogThatIsClosedDuringATrimLosesNothing(round: Int) async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: FileEventLogTests.cramped)
            _ = try await log.open()
            for sequence in 1...200 {
                for thread: ThreadID in ["t_1", "t_2", "t_3"] {
                    try await log.append(commit(UInt64(sequence), of: thread, generation: 1, size: 300))
                }
            }
            try await withThrowingTaskGroup { group in
                group.addTask {
                    var firstKept: UInt64 = 2
                    while true {
                        do {
                            try await log.trim([ThreadTrim(thread: "t_1", firstKept: firstKept)])
                            let policy = RetentionPolicy(maximumEventsPerThread: 150)
                            _ = try await log.expired(RetentionQuery(policy: policy, now: WallClock.system.now()))
                        } catch EventLogError.Code.closed {
                            return
                        }
                        firstKept = min(firstKept + 1, 100)
                    }
                }
                for _ in 0..<round * 5 { await Task.yield() }
                try await log.close()
                try await group.waitForAll()
            }
            #expect(try await log.open().generation > 1)
            for thread: ThreadID in ["t_1", "t_2", "t_3"] {
                let record = try #require(try await log.thread(thread))
                #expect(record.head == EventID(generation: 1, sequence: 200))
                let events = try await log.read(LogRead(.thread(thread, after: 0), maximumByteCount: .max)).events
                #expect(events.map(\.id.sequence) == Array(record.oldest.sequence...200), "\(thread)")
            }
            try await log.append(commit(201, generation: 2))
            try await log.close()
        }
    }
}
