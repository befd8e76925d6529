import AgentEvents
import AgentEventsSQLite
import Foundation
import Testing

/// Files that cannot be written, and disks that are full.
@Suite struct SQLiteEventLogPlaceTests {
    /// Nobody forbids anything to the superuser.
    static var permissionsCount: Bool { geteuid() != 0 }

    @Test func aFolderThatCannotBeMadeIsUnavailable() async throws {
        try await withTemporaryFolder { folder in
            try Data().write(to: URL(fileURLWithPath: folder + "/file"))
            await expect(.unavailable) { _ = try await SQLiteEventLog(path: folder + "/file/log").open() }
            await expect(.unavailable) { _ = try await SQLiteEventLog(path: "/proc/no-such-folder/log").open() }
        }
    }

    @Test func aFolderInPlaceOfTheFileIsUnavailable() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: folder + "/log", withIntermediateDirectories: true)
            await expect(.unavailable) { _ = try await SQLiteEventLog(path: folder + "/log").open() }
        }
    }

    @Test(.enabled(if: permissionsCount))
    func aFolderThatIsReadOnlyIsReadOnly() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o500], ofItemAtPath: folder)
            await expect(.readOnly) { _ = try await SQLiteEventLog(path: folder + "/log").open() }
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: folder)
        }
    }

    @Test(.enabled(if: permissionsCount))
    func aFileThatIsReadOnlyIsReadOnly() async throws {
        try await withTemporaryFolder { folder in
            let log = SQLiteEventLog(path: folder + "/log")
            _ = try await log.open()
            try await log.append(commit(1, generation: 1))
            try await log.close()
            try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: log.path)
            await expect(.readOnly) { _ = try await log.open() }
        }
    }

    @Test func aFullDiskFailsTheAppendAndNothingElse() async throws {
        try await withTemporaryFolder { folder in
            var configuration = SQLiteEventLog.Configuration()
            configuration.maximumPageCount = 60
            let log = SQLiteEventLog(path: folder + "/log", configuration: configuration)
            _ = try await log.open()
            var acknowledged: UInt64 = 0
            await expect(.full) {
                for sequence in 1...1000 {
                    try await log.append(commit(UInt64(sequence), generation: 1, size: 3000))
                    acknowledged = UInt64(sequence)
                }
            }
            #expect(acknowledged > 10)
            await expect(.closed) { try await log.append(commit(acknowledged + 1, generation: 1)) }
            // What was acknowledged is there, and nothing else; before and after opening again with more room.
            let all = LogRead(.thread("t_1", after: 0))
            #expect(try await log.read(all).events.map(\.id.sequence) == Array(1...acknowledged))
            #expect(try await log.read(LogRead(.all(afterOffset: 0))).events.count == Int(acknowledged))
            #expect(try await log.thread("t_1")?.head.sequence == acknowledged)
            try await log.close()

            let larger = SQLiteEventLog(path: log.path)
            #expect(try await larger.open().generation == 2)
            try await larger.append(commit(acknowledged + 1, generation: 2, size: 3000))
            #expect(try await larger.read(all).events.map(\.id.sequence) == Array(1...acknowledged + 1))
            try await larger.close()
        }
    }

    @Test func aLogThatFailedCanBeOpenedAgain() async throws {
        try await withTemporaryFolder { folder in
            var configuration = SQLiteEventLog.Configuration()
            configuration.maximumPageCount = 60
            let log = SQLiteEventLog(path: folder + "/log", configuration: configuration)
            _ = try await log.open()
            await expect(.full) { try await log.append(commit(1, generation: 1, size: 1_000_000)) }
            #expect(try await log.thread("t_1") == nil)
            #expect(try await log.open().generation == 2)
            try await log.append(commit(1, generation: 2))
            #expect(try await log.thread("t_1")?.head == EventID(generation: 2, sequence: 1))
            try await log.close()
        }
    }
}
