import AgentEvents
import AgentEventsFiles
import AgentEventsSimulatedFiles
import Testing

@testable import AgentEventsFileLog

/// Backups and restores on a disk that stops in each of their steps, with the power or without, is full, or is another one.
@Suite struct SimulatedBackupTests {
    private static let threads: [ThreadID] = ["t_1", "t_2"]

    /// A log on a disk, and what it has.
    private struct Stage {
        let disk: SimulatedDisk
        let index: MemoryIndex
        var configuration = FileEventLogTests.cramped
        var events: [ThreadID: [StoredEvent]] = [:]
        var generation: UInt64 = 0

        init(seed: UInt64) throws {
            let disk = SimulatedDisk(seed: seed)
            self.disk = disk
            index = try MemoryIndex { () throws(FileError) in try disk.operate(.transaction) }
            try disk.createFolder("/data")
            try disk.openFolder("/").synchronize()
            configuration.durability = .disk
            configuration.files = disk
            configuration.index = .memory(index)
        }

        mutating func open() async throws -> FileEventLog {
            configuration.workers = .caller(background: ManualWorkQueue())
            let log = FileEventLog(path: "/data/log", configuration: configuration)
            generation = try await log.open().generation
            return log
        }

        mutating func append(_ count: Int, to log: FileEventLog) async throws {
            for _ in 0..<count {
                for thread in threads {
                    let sequence = UInt64(events[thread]?.count ?? 0) + 1
                    let next = commit(sequence, of: thread, generation: generation, size: 150)
                    try await log.append(next)
                    events[thread, default: []] += next.entries.map {
                        StoredEvent(thread: thread, id: $0.id, bytes: $0.bytes)
                    }
                }
            }
        }

        var backup: FileLogBackup { FileLogBackup(folder: "/backups/b", configuration: configuration) }

        /// Expects that a log has all events, or of each thread the first of them.
        func expect(_ log: FileEventLog, hasAtLeast counts: [ThreadID: Int], _ comment: Comment) async throws {
            for thread in threads {
                let found = try await log.read(LogRead(.thread(thread, after: 0), maximumCount: 10_000)).events
                #expect(
                    found.count >= counts[thread] ?? 0 && found == Array((events[thread] ?? []).prefix(found.count)),
                    comment)
            }
        }

        /// Restores into a new folder with an index of its own.
        func restore() throws -> (FileLogBackup, FileEventLog.Configuration) {
            var configuration = configuration
            let disk = disk
            configuration.index = .memory(try MemoryIndex { () throws(FileError) in try disk.operate(.transaction) })
            configuration.workers = .caller(background: ManualWorkQueue())
            return (FileLogBackup(folder: "/backups/b", configuration: configuration), configuration)
        }
    }

    /// - Parameter cut: whether the power goes with the process.
    @Test(arguments: [false, true])
    func aBackupThatIsStoppedIsWholeOrSaysThatItIsNot(cut: Bool) async throws {
        var (wholeCount, step, isDone) = (0, 0, false)
        while !isDone {
            for seed in 0..<2 as Range<UInt64> {
                let comment: Comment = "step \(step), seed \(seed), \(cut ? "cut" : "killed")"
                var stage = try Stage(seed: seed)
                var log = try await stage.open()
                try await stage.append(6, to: log)
                let counts = stage.events.mapValues(\.count)
                stage.disk.stop(after: step)
                do {
                    _ = try await log.backUp(to: "/backups/b")
                    isDone = true
                } catch {
                    #expect(stage.disk.isStopped, "\(comment): \(error)")
                }
                if cut { stage.disk.cutPower() } else { stage.disk.endProcess() }
                if stage.disk.exists("/backups/b") {
                    #expect(try stage.backup.verify().problems == [], comment)
                    let (backup, configuration) = try stage.restore()
                    _ = try backup.restore(to: "/new", name: "log")
                    let restored = FileEventLog(path: "/new/log", configuration: configuration)
                    _ = try await restored.open()
                    try await stage.expect(restored, hasAtLeast: counts, comment)
                    try await restored.close()
                    wholeCount += 1
                } else {
                    #expect(!isDone, "\(comment): a backup that was acknowledged is gone")
                }
                if stage.disk.exists("/backups/b.partial") {
                    let partial = FileLogBackup(folder: "/backups/b.partial", configuration: stage.configuration)
                    #expect(try partial.verify().problems.first?.message.contains("not whole") == true, comment)
                }
                // The log itself has lost nothing by it.
                log = try await stage.open()
                try await stage.expect(log, hasAtLeast: counts, comment)
                try await stage.append(1, to: log)
                try await log.close()
            }
            step += 1
        }
        #expect(step > 20 && wholeCount > 0)
    }

    @Test(arguments: [false, true])
    func aRestoreThatIsStoppedIsWholeOrIsNotThere(cut: Bool) async throws {
        var (step, isDone) = (0, false)
        while !isDone {
            for seed in 0..<2 as Range<UInt64> {
                let comment: Comment = "step \(step), seed \(seed), \(cut ? "cut" : "killed")"
                var stage = try Stage(seed: seed)
                let log = try await stage.open()
                try await stage.append(6, to: log)
                let counts = stage.events.mapValues(\.count)
                _ = try await log.backUp(to: "/backups/b")
                try await log.close()
                let (backup, configuration) = try stage.restore()
                stage.disk.stop(after: step)
                do {
                    _ = try backup.restore(to: "/new", name: "log")
                    isDone = true
                } catch {
                    #expect(stage.disk.isStopped, "\(comment): \(error)")
                }
                if cut { stage.disk.cutPower() } else { stage.disk.endProcess() }
                guard stage.disk.exists("/new") else {
                    #expect(!isDone, "\(comment): a restore that was acknowledged is gone")
                    // Once more, elsewhere: what is left is in nobody's way.
                    _ = try stage.restore().0.restore(to: "/other", name: "log")
                    continue
                }
                let restored = FileEventLog(path: "/new/log", configuration: configuration)
                #expect(try await restored.open().generation > stage.generation, comment)
                try await stage.expect(restored, hasAtLeast: counts, comment)
                try await restored.close()
            }
            step += 1
        }
        #expect(step > 8)
    }

    /// A disk without room, or that fails in one call: there is no backup, nothing of it is left, and the log goes on.
    @Test func aBackupThatFailsLeavesNothing() async throws {
        var (wholeCount, failedCount) = (0, 0)
        for number in 0..<60 {
            var stage = try Stage(seed: UInt64(number))
            let log = try await stage.open()
            try await stage.append(6, to: log)
            switch number % 3 {
            case 0: stage.disk.setFreeByteCount(number * 1500)
            case 1: stage.disk.fail(.write, after: 1 + number / 3, .full)
            default: stage.disk.fail(.name, after: 1 + number / 3, .other)
            }
            do {
                _ = try await log.backUp(to: "/backups/b")
                #expect(try stage.backup.verify().problems == [])
                wholeCount += 1
            } catch {
                if number % 3 != 2 { #expect(error.code == .full, "\(number): \(error)") }
                #expect(!stage.disk.exists("/backups/b") && !stage.disk.exists("/backups/b.partial"), "\(number)")
                failedCount += 1
            }
            stage.disk.setFreeByteCount(nil)
            // In the place of one that was not met.
            stage.disk.fail(.transaction, after: .max, .other)
            try await stage.append(1, to: log)
            try await stage.expect(log, hasAtLeast: stage.events.mapValues(\.count), "\(number)")
            try await log.close()
        }
        #expect(wholeCount > 5 && failedCount > 5)
    }

    /// Where files cannot have a second name they are copied.
    @Test func anotherDiskGetsCopies() async throws {
        var stage = try Stage(seed: 1)
        let log = try await stage.open()
        try await stage.append(6, to: log)
        stage.disk.refuseLinks()
        _ = try await log.backUp(to: "/backups/b")
        try await log.close()
        stage.disk.cutPower()
        #expect(try stage.backup.verify().problems == [])
    }
}
