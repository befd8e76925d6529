import AgentEvents
import AgentEventsSQLite
import Foundation
import Testing

@Suite struct SQLiteEventLogDamageTests {
    @Test func aFileThatIsNoDatabaseIsCorrupt() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/log"
            try Data(repeating: 0x5A, count: 20_000).write(to: URL(fileURLWithPath: path))
            await expect(.corrupt) { _ = try await SQLiteEventLog(path: path).open() }
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
            try await readEverything(path)
            let log = SQLiteEventLog(path: path, configuration: SQLiteEventLogTests.cramped)
            #expect(try await log.open().generation == 3, "ids never repeat")
            #expect(try await log.thread("t_1")?.user == "u_1")
            try await log.close()
        }
    }

    /// Wherever one byte of an event or of the index is changed, a reader gets an error or the truth, never something else.
    @Test(arguments: [true, false])
    func aChangedByteNeverChangesAnEvent(ofTheIndex: Bool) async throws {
        try await withTemporaryFolder { folder in
            let path = try await closedLog(in: folder)
            let files = ofTheIndex ? [path] : try blockFiles(of: path)
            var found = 0
            var tried = 0
            for file in files {
                let original = try Data(contentsOf: URL(fileURLWithPath: file))
                for offset in stride(from: ofTheIndex ? 4096 + 13 : 7, to: original.count, by: 1987) {
                    var data = original
                    data[offset] ^= 0x10
                    try data.write(to: URL(fileURLWithPath: file))
                    tried += 1
                    do {
                        try await readEverything(path)
                    } catch EventLogError.Code.corrupt {
                        found += 1
                    }
                    try original.write(to: URL(fileURLWithPath: file))
                }
            }
            #expect(tried > 20)
            #expect(ofTheIndex || found == tried, "every byte of a block counts")
        }
    }

    /// A process that was killed, or a disk without power, leaves a commit behind that is not whole.
    @Test func aTornEndIsCutOffAndTheNextEventTakesItsPlace() async throws {
        try await withTemporaryFolder { folder in
            let log = SQLiteEventLog(path: folder + "/log")
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
                let torn = SQLiteEventLog(path: path)
                #expect(try await torn.open().generation == 2)
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
            let log = SQLiteEventLog(path: folder + "/log", configuration: .init(durability: .disk))
            _ = try await log.open()
            for sequence in 1...3 { try await log.append(commit(UInt64(sequence), generation: 1, size: 3000)) }
            let path = try copyOfFiles(of: log)
            try await log.close()
            let file = try #require(try blockFiles(of: path).first)
            var data = try Data(contentsOf: URL(fileURLWithPath: file))
            data[4000] ^= 1
            try data.write(to: URL(fileURLWithPath: file))
            await expect(.corrupt) { _ = try await SQLiteEventLog(path: path).open() }
        }
    }

    private let eventCount: UInt64 = 60

    private func closedLog(in folder: String) async throws -> String {
        let log = SQLiteEventLog(path: folder + "/log", configuration: SQLiteEventLogTests.cramped)
        _ = try await log.open()
        for sequence in 1...eventCount { try await log.append(commit(sequence, generation: 1, size: 1500)) }
        try await log.close()
        return log.path
    }

    private func readEverything(_ path: String) async throws {
        let log = SQLiteEventLog(path: path, configuration: SQLiteEventLogTests.cramped)
        do {
            _ = try await log.open()
            let expected = (1...eventCount).flatMap { commit($0, generation: 1, size: 1500).entries }.map {
                StoredEvent(thread: $0.owner.thread, id: $0.id, bytes: $0.bytes)
            }
            for selection in [LogRead.Selection.thread("t_1", after: 0), .all(afterOffset: 0)] {
                let page = try await log.read(LogRead(selection))
                #expect(page.events == expected)
            }
        } catch {
            try? await log.close()
            throw error
        }
        try await log.close()
    }
}
