import AgentEvents
import AgentEventsFiles
import AgentEventsSimulatedFiles
import AgentEventsTesting
import Foundation
import Synchronization
import Testing

@testable import AgentEventsFileLog

/// SEC-74: of a thread that was deleted no file has anything left.
@Suite(.timeLimit(.minutes(10))) struct DeletionTests {
    private static let canary = "CANARY-5d41402abc4b"
    private static let gone: ThreadID = "t_CANARY-5d41402abc4b"
    private static let time = Timestamp(milliseconds: 5000)

    @Test(arguments: FileEventLogTests.configurations.indices)
    func conforms(_ index: Int) async throws {
        let configuration = FileEventLogTests.configurations[index]
        try await withTemporaryFolder { folder in
            let count = Counter()
            try await DeletingLogConformance(
                make: { FileEventLog(path: "\(folder)/log_\(count.next())", configuration: configuration) },
                reopen: { log in
                    guard let log = log as? FileEventLog else { return log }
                    let path = try copyOfFiles(of: log)
                    try await log.close()
                    return FileEventLog(path: path, configuration: configuration)
                },
                fail: { log, fails in
                    // The last thread of a deletion: what was done for the others is taken back.
                    let statement =
                        fails
                        ? "CREATE TRIGGER refusal BEFORE INSERT ON deleted WHEN NEW.id = 't_3' "
                            + "BEGIN SELECT RAISE(ABORT, 'refused'); END"
                        : "DROP TRIGGER refusal"
                    try (log as? FileEventLog)?.openConnection().index.write("damaging") { database in
                        try RawStatement(statement, in: database).run()
                    }
                }
            ).run()
        }
    }

    /// Events of both, with runs and keys, and values of the one that is to go.
    private static func fill(
        _ log: FileEventLog,
        generation: UInt64,
        count: UInt64 = 40,
        from first: UInt64 = 1
    ) async throws {
        let owners = [ThreadOwner(thread: gone, user: "u_1"), ThreadOwner(thread: "t_kept", user: "u_1")]
        for sequence in first..<first + count {
            var entries: [LogEntry] = []
            for owner in owners {
                let isGone = owner.thread == gone
                let text = isGone ? canary : "kept-\(sequence)"
                let run: RunID? = isGone && sequence % 7 == 1 ? try RunID("r_\(canary)_\(sequence)") : nil
                let size = sequence % 11 == 0 ? 6000 : 20
                entries.append(
                    LogEntry(
                        owner: owner, id: EventID(generation: generation, sequence: sequence),
                        type: run == nil ? .custom : .agentStarted, run: run,
                        bytes: Array((text + String(repeating: "x", count: size) + text).utf8)))
            }
            let keyed = KeyedEvents(
                key: try IdempotencyKey("k-\(canary)-\(sequence)"), thread: gone, ids: [entries[0].id])
            try await log.append(
                LogCommit(entries: entries, keys: sequence % 3 == 0 ? [keyed] : [], time: Timestamp(milliseconds: 0)))
        }
    }

    /// The files below a folder in which the canary stands.
    private static func findings(in folder: String) throws -> [String] {
        let needle = Data(canary.utf8)
        let names = try #require(FileManager.default.enumerator(atPath: folder)).compactMap { $0 as? String }
        return names.filter { name in
            guard let content = FileManager.default.contents(atPath: "\(folder)/\(name)") else { return false }
            return content.range(of: needle) != nil
        }
    }

    @Test(arguments: FileEventLogTests.configurations.indices)
    func sec74AfterADeletionNoFileHasAnythingOfTheThread(_ index: Int) async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: FileEventLogTests.configurations[index])
            let generation = try await log.open().generation
            try await Self.fill(log, generation: generation)
            // What is replaced leaves its bytes in free pages.
            for size in [9000, 20, 7000, 30] {
                let bytes = Array(String(repeating: Self.canary, count: size / 20).utf8)
                try await log.save([
                    StoredValue(.snapshot, thread: Self.gone, name: Self.canary, bytes: bytes),
                    StoredValue(.consumer, thread: Self.gone, name: "u/\(Self.canary)", bytes: bytes),
                    StoredValue(.member, thread: Self.gone, name: Self.canary, bytes: bytes),
                ])
            }
            try await log.trim([ThreadTrim(thread: Self.gone, firstKept: 5)])
            #expect(try !Self.findings(in: folder).isEmpty, "the search finds it while it is there")
            try await log.delete([Self.gone], at: Self.time)
            #expect(try await log.thread(Self.gone) == nil)
            let kept = try await log.read(LogRead(.thread("t_kept", after: 0))).events
            // What is noted is when it was gone, and not when it was begun.
            let foundThen = Mutex<[String]?>(nil)
            let clock = WallClock {
                foundThen.withLock { $0 = try? Self.findings(in: folder).filter { $0.contains("-blocks") } }
                return Self.time
            }
            #expect(try await log.erase(clock: clock).count == 1)
            #expect(foundThen.withLock { $0 } == [])
            #expect(try Self.findings(in: folder) == [])
            #expect(try await log.read(LogRead(.thread("t_kept", after: 0))).events == kept)
            #expect(kept.count == 40)
            try await log.close()
            #expect(try Self.findings(in: folder) == [])

            // The checksums are right: the index can be made again from the blocks.
            for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: log.path + suffix) }
            let rebuilt = FileEventLog(path: log.path)
            _ = try await rebuilt.open()
            #expect(try await rebuilt.read(LogRead(.thread("t_kept", after: 0))).events == kept)
            #expect(try await rebuilt.thread(Self.gone) == nil)
            try await rebuilt.close()
        }
    }

    /// Whatever the disk was doing when the process ended, or the power went.
    @Test(arguments: 0..<70, FileEventLog.Durability.allCases)
    func sec74WhereverItIsInterrupted(stop: Int, durability: FileEventLog.Durability) async throws {
        for cutsPower in [false, true] {
            let disk = SimulatedDisk(seed: UInt64(stop))
            try disk.createFolder("/data")
            try disk.openFolder("/").synchronize()
            var configuration = FileEventLogTests.cramped
            configuration.durability = durability
            configuration.files = disk
            configuration.index = .memory(try MemoryIndex { () throws(FileError) in try disk.operate(.transaction) })
            func log() -> FileEventLog {
                configuration.workers = .caller(background: ManualWorkQueue())
                return FileEventLog(path: "/data/log", configuration: configuration)
            }
            // So that the loss of power takes none of it.
            let first = log()
            try await Self.fill(first, generation: try await first.open().generation, count: 20)
            try await first.close()
            let second = log()
            let generation = try await second.open().generation
            let kept = try await second.read(LogRead(.thread("t_kept", after: 0))).events
            disk.stop(after: stop)
            var isDeleted = false
            var isErased = false
            do {
                try await second.delete([Self.gone], at: Self.time)
                isDeleted = true
                _ = try await second.erase(clock: WallClock { Self.time })
                isErased = true
            } catch {
                #expect(disk.isStopped, "\(error)")
            }
            let comment: Comment = "stop \(stop), \(durability), cut \(cutsPower), deleted \(isDeleted)"
            if isErased { #expect(try Self.findings(on: disk) == [], comment) }
            if cutsPower { disk.cutPower() } else { disk.endProcess() }

            let third = log()
            _ = try await third.open()
            #expect(try await third.read(LogRead(.thread("t_kept", after: 0))).events == kept, comment)
            if isDeleted { #expect(try await third.thread(Self.gone) == nil, comment) }
            if try await third.deletion(of: Self.gone) == nil {
                #expect(try await third.read(LogRead(.thread(Self.gone, after: 0))).events.count == 20, comment)
                try await third.delete([Self.gone], at: Self.time)
            }
            _ = try await third.erase(clock: WallClock { Self.time })
            #expect(try Self.findings(on: disk) == [], comment)
            #expect(try await third.read(LogRead(.thread("t_kept", after: 0))).events == kept, comment)
            #expect(generation > 0)
            try await third.close()
        }
    }

    private static func findings(on disk: SimulatedDisk) throws -> [String] {
        let needle = Data(canary.utf8)
        var found: [String] = []
        for folder in ["/data", "/data/log-blocks"] {
            for name in try disk.names(inFolder: folder).sorted() where name != "log-blocks" {
                let file = try disk.open("\(folder)/\(name)", .reading)
                var bytes = [UInt8](repeating: 0, count: Int(try file.byteCount()))
                _ = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
                if Data(bytes).range(of: needle) != nil { found.append(name) }
            }
        }
        return found
    }

    /// Reads and appends go on while threads are deleted at random places: what is not deleted stays as it was, byte for
    /// byte, in its place.
    @Test(arguments: UInt64(1)...12)
    func othersAreUntouchedByDeletionsAtRandomPlaces(seed: UInt64) async throws {
        try await withTemporaryFolder { folder in
            var random = SeededGenerator(seed: seed)
            var log = FileEventLog(path: folder + "/log", configuration: FileEventLogTests.cramped)
            var generation = try await log.open().generation
            var model: [(event: StoredEvent, offset: UInt64)] = []
            var heads: [ThreadID: UInt64] = [:]
            var names = 6
            var threads = (1...6).map { ThreadID(stringLiteral: "t_\($0)") }
            for step in 0..<120 {
                let comment: Comment = "seed \(seed), step \(step)"
                let entries = (0..<Int.random(in: 1...8, using: &random)).map { _ -> LogEntry in
                    let thread = threads.randomElement(using: &random) ?? "t_1"
                    heads[thread, default: 0] += 1
                    let size =
                        Int.random(in: 0..<12, using: &random) == 0 ? 5000 : Int.random(in: 1...200, using: &random)
                    return LogEntry(
                        owner: ThreadOwner(thread: thread, user: "u_1"),
                        id: EventID(generation: generation, sequence: heads[thread] ?? 1), type: .custom, run: nil,
                        bytes: (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) })
                }
                var offset = model.last?.offset ?? 0
                try await log.append(LogCommit(entries: entries, time: Timestamp(milliseconds: 0)))
                for entry in entries {
                    let page = try await log.read(LogRead(.all(afterOffset: offset), maximumCount: 1))
                    offset = page.nextOffset
                    #expect(page.events.first?.id == entry.id, comment)
                    model.append((StoredEvent(thread: entry.owner.thread, id: entry.id, bytes: entry.bytes), offset))
                }
                if Int.random(in: 0..<6, using: &random) == 0 {
                    let index = Int.random(in: 0..<threads.count, using: &random)
                    let thread = threads[index]
                    try await log.delete([thread], at: Self.time)
                    model.removeAll { $0.event.thread == thread }
                    names += 1
                    threads[index] = ThreadID(stringLiteral: "t_\(names)")
                    heads[thread] = nil
                }
                if Int.random(in: 0..<9, using: &random) == 0 {
                    _ = try await log.erase(clock: WallClock { Self.time })
                }
                if Int.random(in: 0..<15, using: &random) == 0 {
                    log = try await LogComparison.reopened(log, killed: Bool.random(using: &random))
                    generation = try await log.open().generation
                }
                guard step % 10 == 0 else { continue }
                let all = try await LogComparison.events(in: log, pageSize: Int.random(in: 1...30, using: &random))
                #expect(all.events == model.map(\.event), comment)
                for thread in threads {
                    let page = try await log.read(LogRead(.thread(thread, after: 0)))
                    #expect(page.events == model.map(\.event).filter { $0.thread == thread }, comment)
                }
                for index in model.indices.dropLast() {
                    let page = try await log.read(LogRead(.all(afterOffset: model[index].offset), maximumCount: 1))
                    #expect(page.events.first == model[index + 1].event, comment)
                    #expect(page.nextOffset == model[index + 1].offset, comment)
                }
            }
            try await log.close()
        }
    }

    /// Each size of a record has an erased one, of exactly that size, which is read as such.
    @Test func anErasedRecordHasTheSizeOfTheRecord() throws {
        for kind in [BlockRecord.Kind.plain, .key] {
            for byteCount in Array(3...5000) + [16_384, 16_385, 16_390, 262_143, 262_150, 2_097_152, 2_097_160] {
                var bytes: [UInt8] = []
                BlockErasure.appendErased(kind, byteCount: byteCount, to: &bytes)
                #expect(bytes.count == byteCount)
                bytes.withUnsafeBytes { bytes in
                    var reader = ByteReader(bytes)
                    let head = reader.recordHead()
                    #expect(head?.isErased == true && head.flatMap { reader.content($0) } != nil && reader.isAtEnd)
                    #expect(head?.kind == (kind == .plain ? .plain : .thread))
                }
            }
        }
    }
}
