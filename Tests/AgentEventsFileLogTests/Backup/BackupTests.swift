import AgentEvents
import AgentEventsFiles
import AgentEventsTesting
import Foundation
import Synchronization
import Testing

@testable import AgentEventsFileLog

/// A backup of a log in real files has everything that was acknowledged before, is found damaged where it is, and becomes a
/// log of its own.
@Suite struct BackupTests {
    /// A log with some events of two threads, a key, a value, and some files of blocks.
    private func filled(_ path: String) async throws -> (log: FileEventLog, generation: UInt64) {
        let log = FileEventLog(path: path, configuration: FileEventLogTests.cramped)
        let generation = try await log.open().generation
        for sequence in 1...40 as ClosedRange<UInt64> {
            try await log.append(commit(sequence, of: "t_1", generation: generation))
            try await log.append(commit(sequence, of: "t_2", generation: generation, user: "u_2", size: 300))
        }
        var keyed = commit(1, of: "t_3", generation: generation)
        keyed.time = WallClock.system.now()
        keyed.keys = [KeyedEvents(key: "k", thread: "t_3", ids: [EventID(generation: generation, sequence: 1)])]
        try await log.append(keyed)
        let cursor = Array("\(generation)-40".utf8)
        try await log.save([StoredValue(.consumer, thread: "t_1", name: "tab", bytes: cursor)])
        return (log, generation)
    }

    private func events(_ log: FileEventLog, _ thread: ThreadID) async throws -> [StoredEvent] {
        try await log.read(LogRead(.thread(thread, after: 0), maximumCount: 10_000)).events
    }

    @Test func everythingAcknowledgedBeforeIsInIt() async throws {
        try await withTemporaryFolder { folder in
            let (log, generation) = try await filled(folder + "/data/events.sqlite")
            var kept: [ThreadID: [StoredEvent]] = [:]
            for thread in ["t_1", "t_2", "t_3"] as [ThreadID] { kept[thread] = try await events(log, thread) }
            let made = try await log.backUp(to: folder + "/backups/b_1")
            #expect(made.threadCount == 3 && made.fileCount > 4 && made.folder == folder + "/backups/b_1")
            // The log goes on, in a file of its own.
            let later = commit(41, generation: generation)
            try await log.append(later)
            #expect(try await events(log, "t_1").count == 41)
            let backup = FileLogBackup(folder: made.folder)
            let report = try backup.verify()
            #expect(report == FileLogBackup.Report(backup: made, problems: []))
            try await log.close()
            try FileManager.default.removeItem(atPath: folder + "/data")
            #expect(try backup.restore(to: folder + "/data") == made)
            let restored = FileEventLog(path: folder + "/data/events.sqlite", configuration: FileEventLogTests.cramped)
            let next = try await restored.open().generation
            #expect(next > generation)
            for (thread, events) in kept { #expect(try await self.events(restored, thread) == events) }
            #expect(try await restored.recall("k", in: "t_3")?.ids.map(\.sequence) == [1])
            #expect(try await restored.load(.consumer, thread: "t_1", name: "tab") == Array("\(generation)-40".utf8))
            try await restored.append(commit(41, generation: next))
            #expect(try await events(restored, "t_1").count == 41)
            try await restored.close()
            // Nothing that the new log did has changed the backup.
            #expect(try backup.verify().problems == [])
        }
    }

    /// A deleted thread is not in a copy, whether its bytes are erased by then or not; and what is erased later changes no copy
    /// that shares files with the log.
    @Test(arguments: [false, true])
    func aDeletedThreadIsNotInACopy(_ isErased: Bool) async throws {
        try await withTemporaryFolder { folder in
            let (log, _) = try await filled(folder + "/data/events.sqlite")
            let others = [try await events(log, "t_1"), try await events(log, "t_3")]
            let before = try await log.backUp(to: folder + "/before")
            try await log.delete(["t_2"], at: Timestamp(milliseconds: 1))
            if isErased { #expect(try await log.erase(clock: WallClock { Timestamp(milliseconds: 2) }).count == 1) }
            let made = try await log.backUp(to: folder + "/b")
            #expect(made.threadCount == 2)
            #expect(try FileLogBackup(folder: made.folder).verify().problems == [])
            _ = try await log.erase(clock: WallClock { Timestamp(milliseconds: 3) })
            #expect(try FileLogBackup(folder: made.folder).verify().problems == [])
            #expect(try FileLogBackup(folder: before.folder).verify().problems == [])
            try await log.close()
            _ = try FileLogBackup(folder: made.folder).restore(to: folder + "/restored")
            let restored = FileEventLog(
                path: folder + "/restored/events.sqlite", configuration: FileEventLogTests.cramped)
            _ = try await restored.open()
            #expect(try await [events(restored, "t_1"), events(restored, "t_3")] == others)
            #expect(try await events(restored, "t_2").isEmpty)
            // What was not erased before the copy was made is erased where it is restored.
            #expect(
                try await restored.erase(clock: WallClock { Timestamp(milliseconds: 4) }).count == (isErased ? 0 : 1))
            try await restored.close()
        }
    }

    /// SEC-75
    @Test func sec75CursorsBeyondARestoredBackupDiverge() async throws {
        try await withTemporaryFolder { folder in
            // However the clock stands: of the old log, of the new one, and of a second one of the same backup.
            var configuration = FileEventLogTests.cramped
            configuration.generations = GenerationSource(
                clock: WallClock { Timestamp(milliseconds: 5000) }, random: { UInt64.random(in: .min ... .max) })
            let log = FileEventLog(path: folder + "/log", configuration: configuration)
            let first = try await log.open().generation
            try await log.append(commit(1, generation: first))
            let made = try await log.backUp(to: folder + "/b")
            for sequence in 2...9 as ClosedRange<UInt64> { try await log.append(commit(sequence, generation: first)) }
            try await log.close()
            let again = try await log.open().generation
            try await log.append(commit(10, generation: again))
            try await log.close()
            let beyond = [EventID(generation: first, sequence: 9), EventID(generation: again, sequence: 10)]
            var generations: Set<UInt64> = [first, again]
            for copy in 1...2 {
                let backup = FileLogBackup(folder: made.folder, configuration: configuration)
                _ = try backup.restore(to: "\(folder)/r_\(copy)", name: "log")
                let restored = FileEventLog(path: "\(folder)/r_\(copy)/log", configuration: configuration)
                let generation = try await restored.open().generation
                #expect(generations.insert(generation).inserted)
                func resolve(_ cursor: Cursor) async throws -> ResolvedStart {
                    try await restored.resolve(
                        .after(cursor), in: "t_1", record: try await restored.thread("t_1"), generation: generation)
                }
                for cursor in beyond { #expect(try await resolve(cursor) == .diverged) }
                // Also when the numbers are used again.
                for sequence in 2...12 as ClosedRange<UInt64> {
                    try await restored.append(commit(sequence, generation: generation))
                }
                for cursor in beyond { #expect(try await resolve(cursor) == .diverged) }
                #expect(try await resolve(EventID(generation: first, sequence: 1)) == .position(after: 1))
                try await restored.close()
            }
        }
    }

    /// Wherever a bit of whatever file is another one, `verify` names the file, and a place before it; nothing is restored.
    @Test func eachDamageIsFoundWhereItIs() async throws {
        try await withTemporaryFolder { folder in
            let (log, _) = try await filled(folder + "/log")
            _ = try await log.backUp(to: folder + "/b")
            try await log.close()
            let backup = FileLogBackup(folder: folder + "/b")
            let blocks = try FileManager.default.contentsOfDirectory(atPath: folder + "/b/blocks").sorted()
            #expect(blocks.count > 2)
            let names =
                ["index.sqlite", "heads.ndjson", "manifest.json", "manifest.sha256"] + blocks.map { "blocks/\($0)" }
            for name in names {
                let url = URL(fileURLWithPath: "\(folder)/b/\(name)")
                let bytes = try Data(contentsOf: url)
                for part in 0..<6 {
                    let offset = part * (bytes.count - 1) / 5
                    var damaged = bytes
                    damaged[offset] ^= 1 << UInt8(part)
                    try damaged.write(to: url)
                    let problems = try backup.verify().problems
                    let problem = try #require(problems.first, "\(name) at \(offset)")
                    let expected = name.hasPrefix("manifest") ? "manifest.json" : name
                    #expect(problem.file == expected, "\(name) at \(offset)")
                    if !name.hasPrefix("manifest") {
                        let found = Int(try #require(problem.offset))
                        #expect(found <= offset && offset - found < (64 << 10), "\(name): \(found), not \(offset)")
                    }
                    await expect(.corrupt) { _ = try backup.restore(to: folder + "/r") }
                    #expect(!FileManager.default.fileExists(atPath: folder + "/r"))
                }
                // Cut, and gone.
                try bytes.dropLast().write(to: url)
                #expect(try !backup.verify().problems.isEmpty, "\(name) is shorter")
                try FileManager.default.removeItem(at: url)
                #expect(try !backup.verify().problems.isEmpty, "\(name) is gone")
                try bytes.write(to: url)
                #expect(try backup.verify().problems == [])
            }
            try Data().write(to: URL(fileURLWithPath: folder + "/b/index.sqlite-journal"))
            #expect(try backup.verify().problems.map(\.file) == ["index.sqlite-journal"])
        }
    }

    @Test func nothingIsWrittenOver() async throws {
        try await withTemporaryFolder { folder in
            let (log, _) = try await filled(folder + "/log")
            let made = try await log.backUp(to: folder + "/b")
            await expect(.exists) { _ = try await log.backUp(to: folder + "/b") }
            try FileManager.default.createDirectory(atPath: folder + "/c.partial", withIntermediateDirectories: true)
            await expect(.exists) { _ = try await log.backUp(to: folder + "/c") }
            try await log.close()
            await expect(.closed) { _ = try await log.backUp(to: folder + "/d") }
            let backup = FileLogBackup(folder: made.folder)
            await expect(.exists) { _ = try backup.restore(to: folder) }
            await expect(.exists) { _ = try backup.restore(to: folder + "/c") }
            // What a crash left of a backup says so.
            let partial = try FileLogBackup(folder: folder + "/c.partial").verify()
            #expect(partial.problems.first?.message.contains("not whole") == true)
            await expect(.unavailable) { _ = try FileLogBackup(folder: folder + "/none").verify() }
            try FileManager.default.createDirectory(atPath: folder + "/empty", withIntermediateDirectories: true)
            _ = try backup.restore(to: folder + "/empty/")
            #expect(FileManager.default.fileExists(atPath: folder + "/empty/events.sqlite"))
        }
    }

    /// Backups one after the other while commits come and files of blocks go.
    @Test func writersAndRetentionGoOnMeanwhile() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: FileEventLogTests.cramped)
            let generation = try await log.open().generation
            let head = Head()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for sequence in 1...600 as ClosedRange<UInt64> {
                        try await log.append(commit(sequence, generation: generation))
                        head.rise()
                    }
                }
                group.addTask {
                    var policy = RetentionPolicy()
                    policy.maximumEventsPerThread = 50
                    while head.value < 600 {
                        let query = RetentionQuery(
                            policy: policy, now: Timestamp(milliseconds: 0), maximumThreadCount: 8)
                        let step = try await log.expired(query)
                        try await log.trim(step.trims)
                        await Task.yield()
                    }
                }
                group.addTask {
                    for number in 1...8 {
                        let acknowledged = UInt64(head.value)
                        let made = try await log.backUp(to: "\(folder)/b_\(number)")
                        let backup = FileLogBackup(folder: made.folder)
                        #expect(try backup.verify().problems == [])
                        _ = try backup.restore(to: "\(folder)/r_\(number)", name: "log")
                        let restored = FileEventLog(
                            path: "\(folder)/r_\(number)/log", configuration: FileEventLogTests.cramped)
                        _ = try await restored.open()
                        let record = try await restored.thread("t_1")
                        #expect(record?.head.sequence ?? 0 >= acknowledged)
                        let page = try await restored.read(LogRead(.thread("t_1", after: 0), maximumCount: 10_000))
                        #expect(page.events.last?.id == record?.head)
                        try await restored.close()
                    }
                }
                try await group.waitForAll()
            }
            try await log.close()
        }
    }
}

/// The sequence of the last event that was acknowledged.
private final class Head: Sendable {
    private let sequence = Mutex(0)
    var value: Int { sequence.withLock { $0 } }
    func rise() { sequence.withLock { $0 += 1 } }
}
