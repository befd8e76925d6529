import AgentEvents
import AgentEventsTesting
import Foundation
import Testing

@testable import AgentEventsFileLog

/// Files of the version before this one: blocks of AEB2, keys without a digest, generations that count from 1.
@Suite struct EarlierVersionTests {
    /// Makes the files of a closed log into what the earlier version wrote.
    private func takeBack(_ path: String, _ log: FileEventLog) async throws {
        _ = try await log.open()
        try log.openConnection().index.write("taking back") { database in
            for sql in [
                "ALTER TABLE keyed DROP COLUMN digest", "DROP TABLE run",
                "DELETE FROM grdb_migrations "
                    + "WHERE identifier IN ('digests of keys, blocks AEB3', 'runs by their ids')",
            ] { try RawStatement(sql, in: database).run() }
            try LogDatabase.setMeta("generation", to: 2, in: database)
        }
        let copy = try copyOfFiles(of: log)
        // What it has yet to write has no place any longer.
        try? await log.close()
        for file in try blockFiles(of: copy) { try takeBack(file) }
        for suffix in ["", "-wal", "-blocks"] {
            try? FileManager.default.removeItem(atPath: path + suffix)
            try? FileManager.default.moveItem(atPath: copy + suffix, toPath: path + suffix)
        }
    }

    private func takeBack(_ file: String) throws {
        let name = try #require(file.split(separator: "/").last)
        let start = try #require(Segment.start(name: String(name)))
        var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
        var offset = 0
        while offset < bytes.count {
            bytes.replaceSubrange(offset..<offset + 4, with: "AEB2".utf8)
            try bytes.withUnsafeMutableBytes { bytes in
                let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[offset...])
                let header = try #require(BlockHeader(UnsafeRawBufferPointer(rest)))
                let block = UnsafeMutableRawBufferPointer(rebasing: rest[..<header.blockByteCount])
                header.seal(block, at: start + Int64(offset))
                offset += header.blockByteCount
            }
        }
        try Data(bytes).write(to: URL(fileURLWithPath: file))
    }

    private static var configuration: FileEventLog.Configuration {
        var configuration = FileEventLog.Configuration()
        configuration.now = { Timestamp(milliseconds: 1) }
        return configuration
    }

    private func keyed(_ sequence: UInt64, generation: UInt64, digest: RequestDigest? = nil) -> LogCommit {
        var next = commit(sequence, generation: generation)
        let id = EventID(generation: generation, sequence: sequence)
        let key = IdempotencyKey(stringLiteral: "k_\(sequence)")
        next.keys = [KeyedEvents(key: key, thread: "t_1", ids: [id], digest: digest)]
        return next
    }

    /// - Parameter indexed: whether the index has the blocks, or an end of the process left them to be read.
    @Test(arguments: [true, false])
    func theyOpenAndTheirGenerationsRiseAboveTheTime(indexed: Bool) async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/log"
            let log = FileEventLog(path: path, configuration: Self.configuration)
            _ = try await log.open()
            try await log.append(keyed(1, generation: 1))
            try await log.append(keyed(2, generation: 2))
            if indexed {
                try await log.close()
                try await takeBack(path, log)
            } else {
                let killed = try copyOfFiles(of: log)
                try await log.close()
                let copy = FileEventLog(path: killed, configuration: Self.configuration)
                try await takeBack(path, copy)
            }
            var last: UInt64 = 2
            for sequence in 3...5 as ClosedRange<UInt64> {
                let next = FileEventLog(path: path, configuration: Self.configuration)
                let generation = try await next.open().generation
                #expect(generation > last && generation >> 20 > 1_700_000_000)
                last = generation
                let digest = RequestDigest(bytes: (0..<16).map { UInt8($0) + UInt8(sequence) })
                try await next.append(keyed(sequence, generation: generation, digest: digest))
                let events = try await next.read(LogRead(.thread("t_1", after: 0))).events
                #expect(events.map(\.id.sequence) == Array(1...sequence))
                #expect(events.prefix(2).map(\.id.description) == ["1-1", "2-2"])
                let old = RecalledRequest(ids: [EventID(generation: 2, sequence: 2)])
                #expect(try await next.recall("k_2", in: "t_1") == old)
                let new = RecalledRequest(ids: [EventID(generation: generation, sequence: sequence)], digest: digest)
                let key = IdempotencyKey(stringLiteral: "k_\(sequence)")
                #expect(try await next.recall(key, in: "t_1") == new)
                try await next.close()
            }
            // The blocks alone, of both versions, say all of it.
            for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            let recovered = FileEventLog(path: path, configuration: Self.configuration)
            #expect(try await recovered.open().generation > last)
            #expect(try await recovered.read(LogRead(.thread("t_1", after: 0))).events.count == 5)
            #expect(try await recovered.recall("k_2", in: "t_1")?.digest == nil)
            #expect(try await recovered.recall("k_5", in: "t_1")?.digest != nil)
            try await recovered.close()
        }
    }

    /// An index that has no runs by their ids is given them when it is opened.
    @Test func runsOfAnIndexWithoutThemAreFound() async throws {
        try await withTemporaryFolder { folder in
            let path = folder + "/log"
            let log = FileEventLog(path: path, configuration: FileEventLogTests.cramped)
            let generation = try await log.open().generation
            let owner = ThreadOwner(thread: "t_1", user: "u_1")
            var runs: Set<RunID> = []
            for sequence in 1...200 as ClosedRange<UInt64> {
                let run = RunID(stringLiteral: "r_\((sequence + 1) / 2)")
                runs.insert(run)
                let entry = LogEntry(
                    owner: owner, id: EventID(generation: generation, sequence: sequence),
                    type: sequence % 2 == 1 ? .agentStarted : .agentCompleted, run: run, bytes: [1])
                try await log.append(LogCommit(entries: [entry], time: Timestamp(milliseconds: 0)))
            }
            try await log.close()
            _ = try await log.open()
            try log.openConnection().index.write("taking back") { database in
                for sql in [
                    "DROP TABLE run", "DELETE FROM grdb_migrations WHERE identifier = 'runs by their ids'",
                ] { try RawStatement(sql, in: database).run() }
            }
            try await log.close()
            _ = try await log.open()
            #expect(try await log.startedRuns(among: runs.union(["r_0", "r_101"]), in: "t_1") == runs)
            #expect(try await log.startedRuns(among: runs, in: "t_2").isEmpty)
            try await log.close()
        }
    }

    /// A backup that is restored, and the log that it was made of.
    @Test func aCopyHasAGenerationOfItsOwn() async throws {
        try await withTemporaryFolder { folder in
            // However the clock stands.
            var configuration = Self.configuration
            configuration.generations = GenerationSource(
                clock: WallClock { Timestamp(milliseconds: 5000) }, random: { UInt64.random(in: .min ... .max) })
            let log = FileEventLog(path: folder + "/log", configuration: configuration)
            let first = try await log.open().generation
            try await log.append(commit(1, generation: first))
            let backup = try copyOfFiles(of: log)
            for sequence in 2...9 as ClosedRange<UInt64> { try await log.append(commit(sequence, generation: first)) }
            try await log.close()
            let again = try await log.open().generation
            try await log.append(commit(10, generation: again))
            let heads = [EventID(generation: first, sequence: 9), EventID(generation: again, sequence: 10)]
            try await log.close()
            let restored = FileEventLog(path: backup, configuration: configuration)
            let generation = try await restored.open().generation
            #expect(Set([first, again, generation]).count == 3)
            func resolve(_ cursor: Cursor) async throws -> ResolvedStart {
                try await restored.resolve(
                    .after(cursor), in: "t_1", record: try await restored.thread("t_1"), generation: generation)
            }
            for cursor in heads { #expect(try await resolve(cursor) == .diverged) }
            for sequence in 2...12 as ClosedRange<UInt64> {
                try await restored.append(commit(sequence, generation: generation))
            }
            for cursor in heads { #expect(try await resolve(cursor) == .diverged) }
            #expect(try await resolve(EventID(generation: first, sequence: 1)) == .position(after: 1))
            try await restored.close()
        }
    }
}
