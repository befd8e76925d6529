import AgentEvents
import AgentEventsFiles
import Synchronization
import Testing

@testable import AgentEventsFileLog

/// The system says once that it could not write what it was to flush; a second flush succeeds without it.
@Suite struct FlushFailureTests {
    @Test func aFlushThatFailedIsNeverTakenBack() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            _ = try await log.open()
            try await log.append(commit(1, generation: 1))
            let blocks = try log.openConnection().blocks
            let segment = try #require(blocks.segments.last)
            let file = try #require(blocks.list.withLock { $0.file(of: segment) })
            // What cannot be flushed.
            let device = try RealFileSystem().open("/dev/null", .readingAndWriting)
            blocks.list.withLock { $0.keep(device, of: segment) }
            let first = #expect(throws: EventLogError.self) { try blocks.synchronize(upTo: segment.end) }
            blocks.list.withLock { $0.keep(file, of: segment) }
            let second = #expect(throws: EventLogError.self) { try blocks.synchronize(upTo: segment.end) }
            #expect(first?.message == second?.message)
            #expect(blocks.synced < segment.end)
            let third = await #expect(throws: EventLogError.self) { try await log.append(commit(2, generation: 1)) }
            #expect(third?.message == first?.message)
            #expect(try await log.thread("t_1")?.head.sequence == 1)
            // What was written is not in the index, and the next opening looks at it again.
            try await log.close()
            #expect(try await log.open().generation > 1)
            #expect(try await log.thread("t_1")?.head.sequence == 1)
            try await log.append(commit(2, generation: 2))
            try await log.close()
        }
    }
}
