import AgentEvents
import AgentEventsFiles
import Foundation
import Testing

/// Files of whole lines, in the bytes of the log, whatever was there before.
struct FileSinkTests {
    private func event(_ sequence: UInt64, size: Int = 20) -> StoredEvent {
        let id = EventID(generation: 1, sequence: sequence)
        let text = String(repeating: "é", count: size / 2)
        return StoredEvent(thread: "t_1", id: id, bytes: Array("{\"id\":\"\(id)\",\"x\":\"\(text)\"}".utf8))
    }

    private func events(_ sequences: ClosedRange<UInt64>, size: Int = 20) -> SinkBatch {
        SinkBatch(events: sequences.map { event($0, size: size) })
    }

    private func text(_ batch: SinkBatch) -> [String] {
        batch.events.map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    @Test(arguments: [FileSink.Durability.process, .disk])
    func writesOneEventALine(durability: FileSink.Durability) async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/events.ndjson"
            let sink = FileSink(path: path, durability: durability)
            try await sink.receive(events(1...3))
            try await sink.receive(events(4...4))
            #expect(try lines(of: path) == text(events(1...4)))
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test(arguments: [
        "{\"id\":\"1-3\"", "{", "{\"id\":\"1-3\",\"x\":\"\(String(repeating: "y", count: 200_000))",
    ])
    func aTornLastLineIsCutOff(torn: String) async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/events.ndjson"
            let whole = text(events(1...2)).map { $0 + "\n" }.joined()
            try write(whole + torn, to: path)
            try await FileSink(path: path).receive(events(3...3))
            #expect(try lines(of: path) == text(events(1...3)))
            try write(torn, to: path)
            try await FileSink(path: path).receive(events(3...3))
            #expect(try lines(of: path) == text(events(3...3)))
        }
    }

    @Test func eventsThatComeAgainAfterARestartAreNotWrittenTwice() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/events.ndjson"
            do {
                let sink = FileSink(path: path)
                try await sink.receive(events(1...6))
            }
            do {
                let sink = FileSink(path: path)
                try await sink.receive(events(4...5))
                try await sink.receive(events(6...8))
                // Not a restart: what comes now is new to the sink, whatever it is.
                try await sink.receive(events(8...8))
            }
            #expect(try lines(of: path) == text(events(1...8)) + text(events(8...8)))
        }
    }

    @Test func aLargeFileIsMovedAndTheOldestGoes() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/events.ndjson"
            let lineByteCount = event(1, size: 100).bytes.count + 1
            let sink = FileSink(path: path, maximumFileByteCount: 2 * lineByteCount, keptFileCount: 2)
            try await sink.receive(events(1...5, size: 100))
            try await sink.receive(events(6...9, size: 100))
            #expect(try lines(of: path) == text(events(9...9, size: 100)))
            #expect(try lines(of: path + ".1") == text(events(7...8, size: 100)))
            #expect(try lines(of: path + ".2") == text(events(5...6, size: 100)))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 3)
        }
    }

    @Test func anEventLargerThanAFileHasOneOfItsOwn() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/events.ndjson"
            let sink = FileSink(path: path, maximumFileByteCount: 10, keptFileCount: 5)
            try await sink.receive(events(1...3))
            #expect(try lines(of: path) == text(events(3...3)))
            #expect(try lines(of: path + ".1") == text(events(2...2)))
            #expect(try lines(of: path + ".2") == text(events(1...1)))
        }
    }

    @Test func withNoFilesKeptALargeOneIsStartedAnew() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/events.ndjson"
            let sink = FileSink(path: path, maximumFileByteCount: 10, keptFileCount: 0)
            try await sink.receive(events(1...3))
            #expect(try lines(of: path) == text(events(3...3)))
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["events.ndjson"])
        }
    }

    @Test func twoSinksDoNotWriteTheSameFile() async throws {
        try await withTemporaryFolder { folder in
            let one = FileSink(path: folder + "/events.ndjson")
            let other = FileSink(path: folder + "/events.ndjson")
            try await one.receive(events(1...1))
            let error = await #expect(throws: SinkError.self) { try await other.receive(events(1...1)) }
            #expect(error?.code == .fileLocked)
        }
    }

    @Test(arguments: [
        ("/nowhere/events.ndjson", SinkError.Code.fileUnavailable), ("/dev/null", .fileUnavailable),
        ("/", .fileUnavailable),
    ])
    func aPlaceThatCannotBeWrittenIsAnError(path: String, code: SinkError.Code) async throws {
        let error = await #expect(throws: SinkError.self) { try await FileSink(path: path).receive(events(1...1)) }
        #expect(error?.code == code)
    }

    @Test func aDurableFileSinkHoldsTheLogAcrossRestarts() async throws {
        try await withTemporaryFolder { folder in
            let log = InMemoryEventLog()
            let path = folder + "/events.ndjson"
            for _ in 0..<3 {
                let crashing = CrashingLog(log)
                let sink = DurableSink(FileSink(path: path), startingFrom: .beginning)
                try await withAgentRuntime(log: crashing, sinks: [sink]) { runtime in
                    try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                        for number in 0..<5 { try await run.think("\(number)") }
                        try await runtime.flushSinks()
                        crashing.crash()
                        for number in 5..<10 { try await run.think("\(number)") }
                    }
                }
                log.close()
            }
            let all = try await log.read(LogRead(.all(afterOffset: 0), maximumCount: 1000)).events
            #expect(try lines(of: path) == text(SinkBatch(events: all)))
        }
    }
}
