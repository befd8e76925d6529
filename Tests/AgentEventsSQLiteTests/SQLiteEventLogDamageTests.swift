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

    @Test func aFileThatWasCutIsCorrupt() async throws {
        try await withTemporaryFolder { folder in
            let path = try await closedLog(in: folder)
            let data = try Data(contentsOf: URL(fileURLWithPath: path))
            try data.prefix(data.count / 3).write(to: URL(fileURLWithPath: path))
            await expect(.corrupt) { try await readEverything(path) }
        }
    }

    /// Wherever one byte of an event or of the index is changed, a reader gets an error or the truth, never something else.
    @Test func aChangedByteNeverChangesAnEvent() async throws {
        try await withTemporaryFolder { folder in
            let path = try await closedLog(in: folder)
            let original = try Data(contentsOf: URL(fileURLWithPath: path))
            var found = 0
            for offset in stride(from: 4096 + 13, to: original.count, by: 4999) {
                var data = original
                data[offset] ^= 0x10
                let damaged = folder + "/damaged-\(offset)"
                try data.write(to: URL(fileURLWithPath: damaged))
                do {
                    try await readEverything(damaged)
                } catch EventLogError.Code.corrupt {
                    found += 1
                }
                for suffix in ["", "-wal", "-shm", ".lock"] {
                    try? FileManager.default.removeItem(atPath: damaged + suffix)
                }
            }
            #expect(found > original.count / 4999 / 2, "most of the file is events")
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
