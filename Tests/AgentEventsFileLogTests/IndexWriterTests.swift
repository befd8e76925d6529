import AgentEvents
import AgentEventsFiles
import Dispatch
import Synchronization
import Testing

@testable import AgentEventsFileLog

/// The index is written behind the blocks, and never says more than it has.
@Suite struct IndexWriterTests {
    /// Without the rows of a chunk, how far the index is must not go beyond its blocks: the next opening would not look
    /// there.
    @Test func nothingIsWrittenBehindAnUpdateThatFailed() async throws {
        try await withTemporaryFolder { folder in
            var configuration = FileEventLog.Configuration()
            configuration.chunkReferenceCount = 3
            let log = FileEventLog(path: folder + "/log", configuration: configuration)
            _ = try await log.open()
            let connection = try log.openConnection()
            let indexWriter = IndexWriter(connection: connection, queue: BlockingExecutor(label: "index"))
            try await log.append(commit(1, of: "t_1", generation: 1))
            let position = connection.tail.withLock { $0.end }
            for sequence in 1...3 { try await log.append(commit(UInt64(sequence), of: "t_2", generation: 1)) }
            try connection.index.write("damaging") { database in
                let trigger =
                    "CREATE TRIGGER refusal BEFORE INSERT ON chunk WHEN NEW.thread = 1 "
                    + "BEGIN SELECT RAISE(ABORT, 'refused'); END"
                try RawStatement(trigger, in: database).run()
            }
            // The file of the index is somebody else's for a while, so that both updates wait for it.
            let (isHeld, released, group) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchGroup())
            DispatchQueue.global().async(group: group) {
                try? connection.index.write("holding") { _ in
                    isHeld.signal()
                    released.wait()
                }
            }
            try await Self.reached { isHeld.wait(timeout: .now()) == .success }
            DispatchQueue.global().async(group: group) { _ = try? indexWriter.update(before: position) }
            try await Self.reached { connection.tail.withLock { $0.backlog } == 0 }
            for sequence in 1...3 { try await log.append(commit(UInt64(sequence), of: "t_3", generation: 1)) }
            indexWriter.update()
            released.signal()
            await withCheckedContinuation { continuation in group.notify(queue: .global()) { continuation.resume() } }
            // Behind everything that was queued.
            await expect(.failed) { try indexWriter.close(writingEverything: true) }
            #expect(try connection.index.read { try LogDatabase.meta("indexed_through", in: $0) } == 0)
            let path = try copyOfFiles(of: log)
            try? await log.close()
            let copy = FileEventLog(path: path, configuration: configuration)
            _ = try await copy.open()
            for (thread, count) in [("t_1", 1), ("t_2", 3), ("t_3", 3)] as [(ThreadID, Int)] {
                #expect(try await copy.read(LogRead(.thread(thread, after: 0))).events.count == count, "\(thread)")
            }
            try? await copy.close()
        }
    }

    private static func reached(_ condition: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(600)
        while !condition() {
            try #require(ContinuousClock.now < deadline)
            await Task.yield()
        }
    }
}
