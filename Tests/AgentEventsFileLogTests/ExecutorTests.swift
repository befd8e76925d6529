import AgentEvents
import AgentEventsFiles
import Dispatch
import Testing

@testable import AgentEventsFileLog

/// What flushes to the disk is not in the way of what reads.
@Suite struct ExecutorTests {
    @Test(.timeLimit(.minutes(10)))
    func aReadWaitsForNoSaveAndNoTrim() async throws {
        try await withTemporaryFolder { folder in
            var configuration = FileEventLog.Configuration()
            configuration.readerCount = 1
            configuration.inlineReadCount = 0
            let log = FileEventLog(path: folder + "/log", configuration: configuration)
            _ = try await log.open()
            for sequence in 1...9 { try await log.append(commit(UInt64(sequence), generation: 1)) }
            let connection = try log.openConnection()
            let free = DispatchSemaphore(value: 0)
            try await withThrowingTaskGroup { group in
                group.addTask(executorPreference: BlockingExecutor(label: "holds the index")) {
                    try connection.index.write("holding") { _ in
                        free.wait()
                    }
                }
                group.addTask { try await log.save([StoredValue(.sink, name: "s", bytes: [1])]) }
                group.addTask { try await log.trim([ThreadTrim(thread: "t_1", firstKept: 5)]) }
                group.addTask {
                    // Each of them may be the first after the others have begun.
                    for _ in 0..<1000 {
                        _ = try await log.thread("t_1")
                        await Task.yield()
                    }
                    free.signal()
                }
                try await group.waitForAll()
            }
            #expect(try await log.load(.sink, thread: nil, name: "s") == [1])
            #expect(try await log.thread("t_1")?.oldest.sequence == 5)
            try await log.close()
        }
    }
}
