import AgentEvents
import AgentEventsFiles
import Testing

@testable import AgentEventsFileLog

/// Reads that come while the index is closed, on other threads.
@Suite(.timeLimit(.minutes(5))) struct ReadsWhileClosingTests {
    @Test func theyAreAnsweredOrToldThatTheLogIsClosed() async throws {
        for _ in 1...20 {
            try await withTemporaryFolder { folder in
                let index = try IndexStore(path: folder + "/index", place: .file, readerCount: 2, in: RealFileSystem())
                let refusals = try await withThrowingTaskGroup(of: EventLogError.Code?.self) { group in
                    for _ in 1...4 {
                        group.addTask {
                            while true {
                                do throws(EventLogError) {
                                    try index.read { _ in }
                                } catch {
                                    return error.code
                                }
                                // The one that closes has its turn, too.
                                await Task.yield()
                            }
                        }
                    }
                    group.addTask {
                        try index.close()
                        return nil
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(refusals.compactMap { $0 } == Array(repeating: .closed, count: 4))
            }
        }
    }
}
