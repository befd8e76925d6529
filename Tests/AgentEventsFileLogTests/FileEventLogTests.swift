import AgentEvents
import AgentEventsTesting
import Foundation
import Testing

@testable import AgentEventsFileLog

@Suite struct FileEventLogTests {
    /// With these, every way of keeping the index is gone through within some dozen events.
    static var cramped: FileEventLog.Configuration {
        var configuration = FileEventLog.Configuration()
        configuration.chunkReferenceCount = 3
        configuration.tailEventCount = 20
        configuration.threadsInMemory = 2
        configuration.indexUpdateCount = 2
        configuration.segmentByteCount = 6000
        configuration.allocationByteCount = 3000
        configuration.inlineReadCount = 2
        return configuration
    }

    static var crampedOnDisk: FileEventLog.Configuration {
        var configuration = cramped
        configuration.durability = .disk
        return configuration
    }

    static let configurations: [FileEventLog.Configuration] = [
        FileEventLog.Configuration(), FileEventLog.Configuration(durability: .disk), cramped, crampedOnDisk,
    ]

    @Test(arguments: configurations.indices)
    func conforms(_ index: Int) async throws {
        let configuration = Self.configurations[index]
        try await withTemporaryFolder { folder in
            try await EventLogConformance(
                make: { FileEventLog(path: "\(folder)/\(UUID().uuidString)/log", configuration: configuration) },
                reopen: { log in
                    guard let log = log as? FileEventLog else { return log }
                    try await log.close()
                    return FileEventLog(path: log.path, configuration: configuration)
                }
            ).run()
        }
    }

    @Test(arguments: configurations.indices)
    func listsThreadsAsEverySuchLogDoes(_ index: Int) async throws {
        let configuration = Self.configurations[index]
        try await withTemporaryFolder { folder in
            try await ListingLogConformance(
                make: { FileEventLog(path: "\(folder)/\(UUID().uuidString)/log", configuration: configuration) },
                reopen: { log in
                    guard let log = log as? FileEventLog else { return log }
                    let killed = FileEventLog(path: try copyOfFiles(of: log), configuration: configuration)
                    try await log.close()
                    return killed
                }
            ).run()
        }
    }

    @Test func keepsValuesAsEveryStoreDoes() async throws {
        try await withTemporaryFolder { folder in
            try await StateStoreConformance(
                make: {
                    let log = FileEventLog(path: "\(folder)/\(UUID().uuidString)/log")
                    _ = try await log.open()
                    return log
                },
                reopen: { store in
                    guard let log = store as? FileEventLog else { return store }
                    let killed = FileEventLog(path: try copyOfFiles(of: log))
                    try await log.close()
                    _ = try await killed.open()
                    return killed
                }
            ).run()
        }
    }

    @Test(arguments: configurations.indices)
    func keepsEverythingWhenTheProcessEndsWithoutClosing(_ index: Int) async throws {
        let configuration = Self.configurations[index]
        try await withTemporaryFolder { folder in
            try await EventLogConformance(
                make: { FileEventLog(path: "\(folder)/\(UUID().uuidString)/log", configuration: configuration) },
                reopen: { log in
                    guard let log = log as? FileEventLog else { return log }
                    return FileEventLog(path: try copyOfFiles(of: log), configuration: configuration)
                }
            ).keepsEverythingWhenReopened()
        }
    }

    @Test func refusesEverythingBeforeItIsOpenAndAfterItIsClosed() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            for round in 0..<2 {
                await #expect(throws: EventLogError.self) { try await log.append(commit(1, generation: 1)) }
                await expect(.closed) { try await log.append(commit(1, generation: 1)) }
                await expect(.closed) { _ = try await log.read(LogRead(.all(afterOffset: 0))) }
                await expect(.closed) { _ = try await log.thread("t_1") }
                await expect(.closed) { _ = try await log.recall("k_1", in: "t_1") }
                if round == 0 {
                    _ = try await log.open()
                    try await log.close()
                }
            }
            try await log.close()
        }
    }

    @Test func aSecondWriterIsRefusedByNameOfTheFile() async throws {
        try await withTemporaryFolder { folder in
            let first = FileEventLog(path: folder + "/log")
            _ = try await first.open()
            try await first.append(commit(1, generation: 1))
            let second = FileEventLog(path: folder + "/log")
            let error = await #expect(throws: EventLogError.self) { try await second.open() }
            #expect(error?.code == .locked)
            #expect(error?.message.contains(folder + "/log") == true)
            // The first one is none the worse, and the second gets its turn.
            try await first.append(commit(2, generation: 1))
            try await first.close()
            #expect(try await second.open().generation > 1)
            #expect(try await second.thread("t_1")?.head.sequence == 2)
            try await second.close()
        }
    }

    @Test func theEventsOfAnotherUserAreRefused() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            _ = try await log.open()
            try await log.append(commit(1, generation: 1))
            await expect(.conflict) { try await log.append(commit(2, generation: 1, user: "u_2")) }
            try await log.close()
            _ = try await log.open()
            await expect(.conflict) { try await log.append(commit(2, generation: 2, user: "u_2")) }
            try await log.append(commit(2, generation: 2))
            #expect(try await log.thread("t_1")?.user == "u_1")
            try await log.close()
        }
    }

    @Test func oldKeysAreForgottenByTheClockAndDeletedLittleByLittle() async throws {
        try await withTemporaryFolder { folder in
            let day: Int64 = 24 * 60 * 60 * 1000
            var configuration = FileEventLog.Configuration()
            configuration.now = { Timestamp(milliseconds: 2 * day) }
            let log = FileEventLog(path: folder + "/log", configuration: configuration)
            _ = try await log.open()
            for (index, time) in [day - 1, day, day + 1].enumerated() {
                let id = EventID(generation: 1, sequence: UInt64(index) + 1)
                var next = commit(id.sequence, generation: 1)
                next.keys = [KeyedEvents(key: IdempotencyKey(stringLiteral: "k_\(index)"), thread: "t_1", ids: [id])]
                next.time = Timestamp(milliseconds: time)
                try await log.append(next)
            }
            #expect(try await log.recall("k_0", in: "t_1") == nil)
            #expect(try await log.recall("k_1", in: "t_1") == nil)
            #expect(try await log.recall("k_2", in: "t_1")?.ids == [EventID(generation: 1, sequence: 3)])
            try await log.close()
        }
    }

    /// What nobody can ask for any longer takes no room.
    @Test func oldKeysLeaveTheFile() async throws {
        try await withTemporaryFolder { folder in
            let day: Int64 = 24 * 60 * 60 * 1000
            let log = FileEventLog(path: folder + "/log", configuration: Self.cramped)
            _ = try await log.open()
            for sequence in 1...60 {
                let id = EventID(generation: 1, sequence: UInt64(sequence))
                var next = commit(id.sequence, generation: 1)
                let key = IdempotencyKey(stringLiteral: "k_\(sequence)")
                next.keys = [KeyedEvents(key: key, thread: "t_1", ids: [id])]
                next.time = Timestamp(milliseconds: sequence <= 30 ? 0 : 2 * day)
                try await log.append(next)
            }
            try await log.close()
            _ = try await log.open()
            let count = try log.openConnection().index.read { database in
                let statement = try RawStatement("SELECT count(*), min(time) FROM keyed", in: database)
                defer { statement.reset() }
                return try statement.step() ? [statement.integer(0), statement.integer(1)] : []
            }
            #expect(count == [30, 2 * day])
            try await log.close()
        }
    }

    @Test func appendingRunsOnTheExecutorOfTheLog() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            let executor = try #require(log.executor)
            let sum = try await withTaskExecutorPreference(executor) {
                _ = try await log.open()
                for sequence in 1...100 { try await log.append(commit(UInt64(sequence), generation: 1)) }
                return try await log.read(LogRead(.thread("t_1", after: 0))).events.count
            }
            #expect(sum == 100)
            try await log.close()
        }
    }
}
