import AgentEvents
import Foundation
import Testing

@testable import AgentEventsFileLog

/// What an opening makes of the files that the loss of power left behind.
@Suite struct OpeningTests {
    /// With these, a file has two of the events of these tests.
    private static func smallFiles(_ durability: FileEventLog.Durability) -> FileEventLog.Configuration {
        var configuration = FileEventLog.Configuration(durability: durability)
        configuration.segmentByteCount = 2000
        configuration.allocationByteCount = 3000
        return configuration
    }

    private func all(_ log: FileEventLog) async throws -> LogPage {
        try await log.read(LogRead(.all(afterOffset: 0), maximumByteCount: .max))
    }

    /// A sink may have stored an offset into what is gone.
    @Test func thePositionsOfALostOpeningAreNotUsedAgain() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            _ = try await log.open()
            try await log.append(commit(1, generation: 1))
            try await log.close()
            let kept = try blockFiles(of: log.path).count
            _ = try await log.open()
            for sequence in 2...4 { try await log.append(commit(UInt64(sequence), generation: 2)) }
            let seen = try await all(log).nextOffset
            let path = try copyOfFiles(of: log)
            try await log.close()
            for file in try blockFiles(of: path).dropFirst(kept) { try FileManager.default.removeItem(atPath: file) }
            let cut = FileEventLog(path: path)
            let opening = try await cut.open()
            #expect(opening.generation > 2)
            #expect(opening.endOffset > seen)
            try await cut.append(commit(2, generation: 3))
            let page = try await cut.read(LogRead(.all(afterOffset: seen)))
            #expect(page.events.map(\.id.description) == ["3-2"])
            try await cut.close()
        }
    }

    /// The index of a version that did not know who hosts a run: all of its runs were hosted by the process.
    @Test func anIndexWithoutHostsIsBroughtUpToDate() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            _ = try await log.open()
            let start = LogEntry(
                owner: ThreadOwner(thread: "t_1", user: "u_1"), id: EventID(generation: 1, sequence: 1),
                type: .agentStarted, run: "r_1", bytes: [1])
            try await log.append(LogCommit(entries: [start], time: Timestamp(milliseconds: 0)))
            try await log.close()
            _ = try await log.open()
            try log.openConnection().index.write("changing") { database in
                try RawStatement("ALTER TABLE open_run DROP COLUMN outside", in: database).run()
                try RawStatement("DELETE FROM grdb_migrations WHERE identifier = 'who hosts a run'", in: database).run()
            }
            try await log.close()
            let opening = try await log.open()
            #expect(opening.threadsWithOpenRuns == ["t_1"])
            #expect(try await log.thread("t_1")?.openRuns == [OpenRun(run: "r_1", sequence: 1)])
            try await log.close()
        }
    }

    /// An opening in which nothing was written is one, too.
    @Test func everyOpeningBeginsBehindAllEarlierOnes() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            var last: UInt64?
            for _ in 1...4 {
                let opening = try await log.open()
                #expect(opening.endOffset > last ?? 0 || last == nil)
                last = opening.endOffset
                try await log.close()
            }
        }
    }

    /// The zeros that a file was given ahead are cut off when the next one begins, which the disk may not know.
    @Test func zerosBehindAFileThatIsNotTheLastSayNothing() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles(.disk))
            _ = try await log.open()
            for sequence in 1...9 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            let path = try copyOfFiles(of: log)
            try await log.close()
            let sizes = try blockFiles(of: path).dropLast().map { try Data(contentsOf: URL(fileURLWithPath: $0)).count }
            for file in try blockFiles(of: path).dropLast() {
                var data = try Data(contentsOf: URL(fileURLWithPath: file))
                data.append(Data(repeating: 0, count: 3000))
                try data.write(to: URL(fileURLWithPath: file))
            }
            let cut = FileEventLog(path: path, configuration: Self.smallFiles(.disk))
            _ = try await cut.open()
            #expect(try await all(cut).events.map(\.id.sequence) == Array(1...9))
            #expect(
                try blockFiles(of: path).prefix(sizes.count).map {
                    try Data(contentsOf: URL(fileURLWithPath: $0)).count
                } == sizes, "they are cut off again")
            try await cut.close()
        }
    }

    @Test func filesThatOverlapAreCorruption() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles(.process))
            _ = try await log.open()
            for sequence in 1...9 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            try await log.close()
            let file = try #require(try blockFiles(of: log.path).first)
            var data = try Data(contentsOf: URL(fileURLWithPath: file))
            data.append(Data(repeating: 0, count: 100) + [1])
            try data.write(to: URL(fileURLWithPath: file))
            await expect(.corrupt) { _ = try await log.open() }
        }
    }

    /// Of an opening, files are lost in no order; what follows the first hole is no history.
    @Test(arguments: [0, 1, 3])
    func whatIsBehindAHoleIsCutOff(_ lost: Int) async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles(.process))
            _ = try await log.open()
            try await log.append(commit(1, generation: 1))
            try await log.close()
            _ = try await log.open()
            let connection = try log.openConnection()
            // Each file has a thread of its own.
            for number in 0..<5 {
                let thread = ThreadID(stringLiteral: "t_\(number + 2)")
                for sequence in 1...2 {
                    try await log.append(commit(UInt64(sequence), of: thread, generation: 2, size: 1000))
                }
            }
            #expect(connection.blocks.segments.count == 6)
            let path = try copyOfFiles(of: log)
            try await log.close()
            // As if nothing had been flushed.
            for (index, file) in try blockFiles(of: path).dropFirst().enumerated() {
                try withoutFlushes(file, start: connection.blocks.segments[index + 1].start)
            }
            try FileManager.default.removeItem(atPath: try blockFiles(of: path)[lost + 1])
            let cut = FileEventLog(path: path, configuration: Self.smallFiles(.process))
            #expect(try await cut.open().generation > 2)
            #expect(try await all(cut).events.count == 1 + 2 * lost)
            #expect(try await cut.thread("t_6") == nil)
            #expect(try blockFiles(of: path).count == 1 + lost)
            try await cut.append(commit(2, generation: 3))
            try await cut.close()
            _ = try await cut.open()
            #expect(try await all(cut).events.count == 2 + 2 * lost)
            try await cut.close()
        }
    }

    /// Says in each block that nothing was on the disk when it was written.
    private func withoutFlushes(_ path: String, start: Int64) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        data.withUnsafeMutableBytes { bytes in
            var offset = 0
            while offset < bytes.count, var header = BlockHeader(UnsafeRawBufferPointer(rebasing: bytes[offset...])) {
                header.synced = 0
                header.seal(
                    UnsafeMutableRawBufferPointer(rebasing: bytes[offset..<offset + header.blockByteCount]),
                    at: start + Int64(offset))
                offset += header.blockByteCount
            }
        }
        try data.write(to: URL(fileURLWithPath: path))
    }

    /// What a later block says was on the disk is not taken for a tail that was lost.
    @Test func aHoleBeforeWhatWasFlushedIsCorruption() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles(.disk))
            _ = try await log.open()
            for number in 1...5 {
                let thread = ThreadID(stringLiteral: "t_\(number)")
                for sequence in 1...2 {
                    try await log.append(commit(UInt64(sequence), of: thread, generation: 1, size: 1000))
                }
            }
            let path = try copyOfFiles(of: log)
            try await log.close()
            try FileManager.default.removeItem(atPath: try blockFiles(of: path)[1])
            await expect(.corrupt) { _ = try await FileEventLog(path: path).open() }
        }
    }

    /// A file that is in the index is missed when the log is opened, not when somebody reads.
    @Test func aFileThatIsMissingIsMissedAtTheOpening() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles(.process))
            _ = try await log.open()
            for sequence in 1...9 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            try await log.close()
            let files = try blockFiles(of: log.path)
            for file in [files[0], files[2]] {
                let data = try Data(contentsOf: URL(fileURLWithPath: file))
                try FileManager.default.removeItem(atPath: file)
                await expect(.corrupt) { _ = try await log.open() }
                try data.write(to: URL(fileURLWithPath: file))
            }
            _ = try await log.open()
            try await log.close()
        }
    }

    /// What an opening takes over and shows to readers is on the disk first (I1).
    @Test(arguments: FileEventLog.Durability.allCases)
    func whatAnOpeningTakesOverIsFlushed(_ durability: FileEventLog.Durability) async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles(durability))
            _ = try await log.open()
            for sequence in 1...9 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            let path = try copyOfFiles(of: log)
            try await log.close()
            let copy = FileEventLog(path: path, configuration: Self.smallFiles(durability))
            _ = try await copy.open()
            let blocks = try copy.openConnection().blocks
            #expect(blocks.synced == blocks.segments.last?.end)
            #expect(try await all(copy).events.count == 9)
            try await copy.close()
        }
    }

    /// So what the loss of power takes is bounded.
    @Test func aFileIsFlushedWhenTheNextOneBegins() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log", configuration: Self.smallFiles(.process))
            _ = try await log.open()
            for sequence in 1...9 { try await log.append(commit(UInt64(sequence), generation: 1, size: 1000)) }
            let blocks = try log.openConnection().blocks
            let end = try #require(blocks.segments.dropLast().last).end
            let deadline = ContinuousClock.now + .seconds(600)
            while blocks.synced < end {
                try #require(ContinuousClock.now < deadline, "flushed up to \(blocks.synced) of \(end)")
                await Task.yield()
            }
            #expect(blocks.synced == end)
            try await log.close()
        }
    }
}
