import AgentEvents
import AgentEventsFileLog
import Foundation
import Synchronization
import Testing

/// Files that cannot be written, and disks that are full.
@Suite struct FileEventLogPlaceTests {
    /// Nobody forbids anything to the superuser.
    static var permissionsCount: Bool { geteuid() != 0 }

    @Test func aFolderThatCannotBeMadeIsUnavailable() async throws {
        try await withTemporaryFolder { folder in
            try Data().write(to: URL(fileURLWithPath: folder + "/file"))
            await expect(.unavailable) { _ = try await FileEventLog(path: folder + "/file/log").open() }
            await expect(.unavailable) { _ = try await FileEventLog(path: "/proc/no-such-folder/log").open() }
        }
    }

    /// Events are in all of them. The rights hold whatever the process takes away from those of new files.
    @Test func allFilesAreForTheirOwnerOnly() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/in/log", configuration: .init(durability: .disk))
            let generation = try await log.open().generation
            try await log.append(commit(1, generation: generation))
            let names = try #require(FileManager.default.enumerator(atPath: folder)).compactMap { $0 as? String }
            #expect(names.contains { $0.hasPrefix("in/log-blocks/") })
            #expect(names.contains("in/log") && names.contains("in/log.lock"))
            for name in names {
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(name)")
                let mode = attributes[.posixPermissions] as? Int
                #expect(mode == (attributes[.type] as? FileAttributeType == .typeDirectory ? 0o700 : 0o600), "\(name)")
            }
            try await log.close()
        }
    }

    @Test func theLogTellsItsSizeAndTheTimeOfFlushes() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: .init(durability: .disk))
            let flushes = Mutex<[Duration]>([])
            log.observeFlushes { duration in flushes.withLock { $0.append(duration) } }
            #expect(log.eventByteCount == 0)
            let generation = try await log.open().generation
            let before = flushes.withLock { $0.count }
            try await log.append(commit(1, generation: generation))
            #expect(log.eventByteCount > 0)
            let durations = flushes.withLock { $0 }
            #expect(durations.count == before + 1)
            #expect(durations.allSatisfy { $0 >= .zero })
            try await log.close()
            #expect(log.eventByteCount == 0)
        }
    }

    @Test func aFolderInPlaceOfTheFileIsUnavailable() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.createDirectory(atPath: folder + "/log", withIntermediateDirectories: true)
            await expect(.unavailable) { _ = try await FileEventLog(path: folder + "/log").open() }
        }
    }

    @Test(.enabled(if: permissionsCount))
    func aFolderThatIsReadOnlyIsReadOnly() async throws {
        try await withTemporaryFolder { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o500], ofItemAtPath: folder)
            await expect(.readOnly) { _ = try await FileEventLog(path: folder + "/log").open() }
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: folder)
        }
    }

    @Test(.enabled(if: permissionsCount))
    func aFileThatIsReadOnlyIsReadOnly() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            _ = try await log.open()
            try await log.append(commit(1, generation: 1))
            try await log.close()
            try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: log.path)
            await expect(.readOnly) { _ = try await log.open() }
        }
    }

    /// A folder stands where the first file of blocks belongs.
    @Test func aLogThatFailedCanBeOpenedAgain() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            _ = try await log.open()
            let obstacle = folder + "/log-blocks/0000000000000000.blocks"
            try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
            await expect(.unavailable) { try await log.append(commit(1, generation: 1)) }
            await expect(.closed) { try await log.append(commit(1, generation: 1)) }
            #expect(try await log.thread("t_1") == nil)
            #expect(try await log.read(LogRead(.all(afterOffset: 0))).events == [])
            try FileManager.default.removeItem(atPath: obstacle)
            #expect(try await log.open().generation > 1)
            try await log.append(commit(1, generation: 2))
            #expect(try await log.thread("t_1")?.head == EventID(generation: 2, sequence: 1))
            try await log.close()
        }
    }
}
