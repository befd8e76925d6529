import AgentEvents
import AgentEventsTesting
import Foundation
import Testing

@testable import AgentEventsFileLog

@Suite struct FileEventLogDamageTests {
    @Test func aFileThatIsNoDatabaseIsCorrupt() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/log"
            try Data(repeating: 0x5A, count: 20_000).write(to: URL(fileURLWithPath: path))
            await expect(.corrupt) { _ = try await FileEventLog(path: path).open() }
            #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data(repeating: 0x5A, count: 20_000))
        }
    }

    @Test func anIndexThatWasCutIsCorrupt() async throws {
        try await withTemporaryFolder { folder in
            let path = try await closedLog(in: folder)
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            try data.prefix(data.count / 3).write(to: URL(fileURLWithPath: path))
            await expect(.corrupt) { try await readEverything(path) }
        }
    }

    @Test func blocksThatAreMissingAreCorruption() async throws {
        try await withTemporaryFolder { folder in
            let path = try await closedLog(in: folder)
            let files = try blockFiles(of: path)
            #expect(files.count > 5)
            // The last one, and one in the middle.
            for file in [files[files.count - 1], files[2]] {
                let data = try Data(contentsOf: URL(fileURLWithPath: file))
                try FileManager.default.removeItem(atPath: file)
                await expect(.corrupt) { try await readEverything(path) }
                try data.write(to: URL(fileURLWithPath: file))
            }
            try await readEverything(path)
        }
    }

    /// The blocks have everything; the file of the index is made again out of them.
    @Test func anIndexThatWasLostIsMadeAgain() async throws {
        try await withTemporaryFolder { folder in
            let path = try await closedLog(in: folder)
            for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            try await readEverything(path, hasState: false)
            let log = FileEventLog(path: path, configuration: FileEventLogTests.cramped)
            #expect(try await log.open().generation > 2, "ids never repeat")
            #expect(try await log.thread("t_1")?.user == "u_1")
            try await log.close()
        }
    }

    /// Wherever one byte of an event is changed, a reader gets an error. Where one of the index is, SQLite may no longer find
    /// a row; what it finds is right.
    @Test(arguments: [true, false])
    func aChangedByteNeverChangesAnEvent(ofTheIndex: Bool) async throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededGenerator(seed: seed)
        try await withTemporaryFolder { folder in
            let path = try await closedLog(in: folder)
            let files = ofTheIndex ? [path] : try blockFiles(of: path)
            var found = 0
            var tried = 0
            for file in files {
                let original = try Data(contentsOf: URL(fileURLWithPath: file))
                for _ in 0..<(ofTheIndex ? 150 : 8) {
                    let offset = Int.random(in: (ofTheIndex ? 100 : 0)..<original.count, using: &random)
                    var data = original
                    data[offset] ^= 1 << UInt8.random(in: 0...7, using: &random)
                    try data.write(to: URL(fileURLWithPath: file))
                    tried += 1
                    do {
                        try await readEverything(path, mayMiss: ofTheIndex, "seed \(seed), byte \(offset)")
                    } catch let error as EventLogError where ofTheIndex || error.code == .corrupt {
                        found += 1
                    }
                    for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
                    try original.write(to: URL(fileURLWithPath: file))
                }
            }
            #expect(tried > 20)
            #expect(ofTheIndex || found == tried, "every byte of a block counts, seed \(seed)")
        }
    }

    /// Each value of the index that is changed is noticed, and hides nothing in silence.
    @Test(
        arguments: [
            "UPDATE thread SET oldest_sequence = 40", "UPDATE thread SET oldest_generation = 3",
            "UPDATE thread SET user = 'u_2'", "UPDATE thread SET id = 't_3' WHERE id = 't_2'",
            "UPDATE open_run SET outside = 1", "UPDATE open_run SET run = 'r_9'",
            "UPDATE open_run SET sequence = sequence + 10",
            "UPDATE run SET sequence = sequence + 10", "UPDATE run SET checksum = 1",
            "UPDATE keyed SET count = -1", "UPDATE keyed SET count = 2", "UPDATE keyed SET sequence = sequence - 1",
            "UPDATE keyed SET gaps = x'010103'", "UPDATE keyed SET gaps = x''", "UPDATE keyed SET generation = 7",
            "UPDATE keyed SET time = time + 1", "UPDATE keyed SET digest = NULL", "UPDATE keyed SET digest = x'00'",
            "UPDATE keyed SET digest = zeroblob(16)",
            "UPDATE meta SET value = -5 WHERE name = 'generation'",
            "UPDATE meta SET value = 0 WHERE name = 'generation'",
            "UPDATE meta SET value = 1 WHERE name = 'indexed_through'",
            "UPDATE meta SET value = -1 WHERE name = 'last_start'", "DELETE FROM meta WHERE name = 'last_start'",
            "UPDATE chunk SET last_sequence = last_sequence - 1 WHERE last_sequence = 60",
            "UPDATE chunk SET last_generation = 2", "UPDATE state SET value = x'02'", "UPDATE state SET checksum = 1",
            "INSERT INTO removed VALUES (5, 5, 5)",
        ])
    func aChangedValueOfTheIndexIsNoticed(_ change: String) async throws {
        try await withTemporaryFolder { folder in
            let path = try await closedLog(in: folder)
            let log = FileEventLog(path: path, configuration: FileEventLogTests.cramped)
            _ = try await log.open()
            try log.openConnection().index.write("damaging") { try RawStatement(change, in: $0).run() }
            // Closing would write the watermark again.
            let damaged = try copyOfFiles(of: log)
            try await log.close()
            await expect(.corrupt) { try await readEverything(damaged) }
        }
    }

    /// A process that was killed, or a disk without power, leaves a commit behind that is not whole.
    @Test func aTornEndIsCutOffAndTheNextEventTakesItsPlace() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            _ = try await log.open()
            for sequence in 1...3 { try await log.append(commit(UInt64(sequence), generation: 1, size: 3000)) }
            // Two blocks in one commit; the second one is torn.
            var last = commit(4, generation: 1, size: 3000)
            last.entries += commit(5, generation: 1, size: 3000).entries
            try await log.append(last)
            let whole = try #require(try blockFiles(of: log.path).first)
            let size = try Data(contentsOf: URL(fileURLWithPath: whole)).count
            for (cut, zeros) in [(1, 0), (1, 5000), (3001, 0), (3100, 0), (6060, 7)] {
                let path = try copyOfFiles(of: log)
                let file = try #require(try blockFiles(of: path).first)
                var data = try Data(contentsOf: URL(fileURLWithPath: file)).prefix(size - cut)
                data.append(Data(repeating: 0, count: zeros))
                try data.write(to: URL(fileURLWithPath: file))
                let torn = FileEventLog(path: path)
                #expect(try await torn.open().generation > 1)
                #expect(try await torn.thread("t_1")?.head == EventID(generation: 1, sequence: 3), "cut by \(cut)")
                try await torn.append(commit(4, generation: 2))
                let events = try await torn.read(LogRead(.thread("t_1", after: 0))).events
                #expect(events.map(\.id.description) == ["1-1", "1-2", "1-3", "2-4"])
                try await torn.close()
            }
            try await log.close()
        }
    }

    /// What was on the disk for certain is never taken for a torn end.
    @Test func damageBeforeWhatWasFlushedIsCorruption() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: .init(durability: .disk))
            _ = try await log.open()
            for sequence in 1...3 { try await log.append(commit(UInt64(sequence), generation: 1, size: 3000)) }
            let path = try copyOfFiles(of: log)
            try await log.close()
            let file = try #require(try blockFiles(of: path).first)
            var data = try Data(contentsOf: URL(fileURLWithPath: file))
            data[4000] ^= 1
            try data.write(to: URL(fileURLWithPath: file))
            await expect(.corrupt) { _ = try await FileEventLog(path: path).open() }
        }
    }

    private let eventCount: UInt64 = 60

    /// Sixty events of `t_1`, each with a key; `t_2` has two runs, one of which is open.
    private func closedLog(in folder: String) async throws -> String {
        var configuration = FileEventLogTests.cramped
        configuration.now = { Timestamp(milliseconds: 1) }
        let log = FileEventLog(path: folder + "/log", configuration: configuration)
        _ = try await log.open()
        for sequence in 1...eventCount { try await log.append(keyedCommit(sequence)) }
        for (index, run) in ["r_1", "r_2"].enumerated() {
            let start = LogEntry(
                owner: ThreadOwner(thread: "t_2", user: "u_1"),
                id: EventID(generation: 1, sequence: UInt64(index) + 1), type: .agentStarted,
                run: RunID(stringLiteral: run), bytes: [1])
            try await log.append(LogCommit(entries: [start], time: Timestamp(milliseconds: 0)))
        }
        try await log.save([StoredValue(.sink, name: "s", bytes: [1])])
        try await log.close()
        return log.path
    }

    private func keyedCommit(_ sequence: UInt64) -> LogCommit {
        var next = commit(sequence, generation: 1, size: 1500)
        let id = EventID(generation: 1, sequence: sequence)
        let digest = RequestDigest(bytes: (0..<16).map { UInt8($0) ^ UInt8(sequence) })
        next.keys = [
            KeyedEvents(key: IdempotencyKey(stringLiteral: "k_\(sequence)"), thread: "t_1", ids: [id], digest: digest)
        ]
        return next
    }

    private func readEverything(
        _ path: String,
        hasState: Bool = true,
        mayMiss: Bool = false,
        _ comment: Comment = ""
    ) async throws {
        var configuration = FileEventLogTests.cramped
        configuration.now = { Timestamp(milliseconds: 1) }
        let log = FileEventLog(path: path, configuration: configuration)
        do {
            let opening = try await log.open()
            #expect(opening.threadsWithOpenRuns == ["t_2"] || mayMiss, comment)
            let expected = (1...eventCount).flatMap { commit($0, generation: 1, size: 1500).entries }.map {
                StoredEvent(thread: $0.owner.thread, id: $0.id, bytes: $0.bytes)
            }
            let page = try await log.read(LogRead(.thread("t_1", after: 0)))
            #expect(page.events == expected || mayMiss && Set(page.events).isSubset(of: expected), comment)
            let all = try await log.read(LogRead(.all(afterOffset: 0)))
            #expect(all.events.prefix(expected.count) == expected[...], comment)
            #expect(all.events.count == expected.count + 2 && !all.skipsTrimmed, comment)
            let first = ThreadRecord(
                user: "u_1", head: EventID(generation: 1, sequence: eventCount),
                oldest: EventID(generation: 1, sequence: 1), openRuns: [])
            let second = ThreadRecord(
                user: "u_1", head: EventID(generation: 1, sequence: 2), oldest: EventID(generation: 1, sequence: 1),
                openRuns: [OpenRun(run: "r_1", sequence: 1), OpenRun(run: "r_2", sequence: 2)])
            for (thread, record) in [("t_1", first), ("t_2", second)] as [(ThreadID, ThreadRecord)] {
                let found = try await log.thread(thread)
                #expect(found == record || mayMiss && found?.user ?? "u_1" == "u_1", comment)
            }
            let started = try await log.startedRuns(among: ["r_1", "r_2", "r_3"], in: "t_2")
            #expect(started == ["r_1", "r_2"] || mayMiss && started.isSubset(of: ["r_1", "r_2"]), comment)
            for sequence in 1...eventCount {
                let key = IdempotencyKey(stringLiteral: "k_\(sequence)")
                let ids = try await log.recall(key, in: "t_1")?.ids
                #expect(ids == [EventID(generation: 1, sequence: sequence)] || mayMiss && ids == nil, comment)
            }
            if hasState {
                let value = try await log.load(.sink, thread: nil, name: "s")
                #expect(value == [1] || mayMiss && value == nil, comment)
            }
        } catch {
            try? await log.close()
            throw error
        }
        try await log.close()
    }
}
