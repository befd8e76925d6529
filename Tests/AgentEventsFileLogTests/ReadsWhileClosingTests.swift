import AgentEvents
import AgentEventsFiles
import Testing

@testable import AgentEventsFileLog

/// Reads that come while the index is closed, on other threads.
@Suite(.timeLimit(.minutes(5))) struct ReadsWhileClosingTests {
    private static func read(_ index: IndexStore, copying path: String?) throws(EventLogError) {
        guard let path else { return try index.read { _ in } }
        try IndexCopy(path: path, place: .file, files: RealFileSystem()).make(of: index)
    }

    @Test func theyAreAnsweredOrToldThatTheLogIsClosed() async throws {
        for _ in 1...20 {
            try await withTemporaryFolder { folder in
                let index = try IndexStore(path: folder + "/index", place: .file, readerCount: 2, in: RealFileSystem())
                let refusals = try await withThrowingTaskGroup(of: EventLogError.Code?.self) { group in
                    for reader in 1...4 {
                        group.addTask {
                            for number in 1... {
                                do throws(EventLogError) {
                                    try Self.read(index, copying: reader == 1 ? "\(folder)/copy-\(number)" : nil)
                                } catch {
                                    return error.code
                                }
                                // The one that closes has its turn, too.
                                await Task.yield()
                            }
                            return nil
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
