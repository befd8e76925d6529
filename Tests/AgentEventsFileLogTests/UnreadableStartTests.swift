import AgentEvents
import Foundation
import Testing

@testable import AgentEventsFileLog

/// Blocks of which not even the first can be read are kept for somebody who knows more, unless they say nothing.
@Suite struct UnreadableStartTests {
    private func log(_ folder: String, _ commits: [LogCommit]) async throws -> String {
        let log = FileEventLog(path: folder + "/log")
        _ = try await log.open()
        for commit in commits { try await log.append(commit) }
        let path = try copyOfFiles(of: log)
        try await log.close()
        return path
    }

    private func removeIndex(_ path: String) throws {
        for suffix in ["", "-wal"] { try FileManager.default.removeItem(atPath: path + suffix) }
    }

    private func change(_ path: String, _ body: (inout Data) throws -> Void) throws {
        let file = URL(fileURLWithPath: try #require(try blockFiles(of: path).first))
        var data = try Data(contentsOf: file)
        try body(&data)
        try data.write(to: file)
    }

    private func expectRefusal(_ path: String, _ code: EventLogError.Code) async throws -> String {
        let files = try blockFiles(of: path)
        let before = try files.map { try Data(contentsOf: URL(fileURLWithPath: $0)) }
        // The first attempt leaves an index behind.
        for _ in 1...2 { await expect(code) { _ = try await FileEventLog(path: path).open() } }
        #expect(try blockFiles(of: path) == files)
        #expect(try files.map { try Data(contentsOf: URL(fileURLWithPath: $0)) } == before)
        do {
            _ = try await FileEventLog(path: path).open()
        } catch {
            return error.message
        }
        return ""
    }

    private func commits(_ count: UInt64, size: Int = 100) -> [LogCommit] {
        (1...count).map { commit($0, generation: 1, size: size) }
    }

    /// A commit of several blocks.
    private var large: LogCommit {
        LogCommit(entries: commits(5, size: 3000).flatMap(\.entries), time: Timestamp(milliseconds: 0))
    }

    @Test(arguments: [1, 2, 20], [true, false])
    func damageInTheFirstBlockLosesNothingElse(_ count: UInt64, hasIndex: Bool) async throws {
        try await withTemporaryFolder { folder in
            let path = try await log(folder, commits(count))
            if !hasIndex { try removeIndex(path) }
            try change(path) { $0[BlockHeader.byteCount + 20] ^= 1 }
            // Whether a commit that is alone was whole is only known when there must be others.
            if count == 1, hasIndex { return }
            let message = try await expectRefusal(path, .corrupt)
            #expect(message.contains(path + "-blocks") && message.contains("restore it from a copy"))
        }
    }

    /// A length that is damaged does not make one commit of several.
    @Test(arguments: [2, 20])
    func aDamagedLengthInTheFirstBlockLosesNothingElse(_ count: UInt64) async throws {
        try await withTemporaryFolder { folder in
            let path = try await log(folder, commits(count))
            try change(path) { $0[6] = 0xFF }
            _ = try await expectRefusal(path, .corrupt)
        }
    }

    /// In the middle of the first commit ever: by the end of the process, or of the power, which keeps any of its pages.
    @Test(arguments: [0..<0, 0..<20, 0..<32, 0..<3000, 0..<12_000, 3000..<20_000, 12_288..<20_000])
    func aFirstCommitThatIsNotWholeIsCutOff(_ kept: Range<Int>) async throws {
        try await withTemporaryFolder { folder in
            let path = try await log(folder, [large])
            try change(path) { data in
                for index in data.indices where !kept.contains(index) { data[index] = 0 }
                if kept.lowerBound == 0 { data = data.prefix(kept.upperBound) }
            }
            let log = FileEventLog(path: path)
            #expect(try await log.open().generation > 1)
            #expect(try await log.thread("t_1") == nil)
            try await log.append(commit(1, generation: 2))
            #expect(try await log.read(LogRead(.all(afterOffset: 0))).events.map(\.id.description) == ["2-1"])
            try await log.close()
        }
    }

    /// The number of an opening is on the disk before its first block.
    @Test func aFirstCommitIsNotTheFirstWithoutAnIndex() async throws {
        try await withTemporaryFolder { folder in
            let path = try await log(folder, [large])
            try removeIndex(path)
            try change(path) { $0 = $0.prefix(5000) }
            _ = try await expectRefusal(path, .corrupt)
        }
    }

    /// Zeros are what a file was given ahead.
    @Test func aFileOfZerosSaysNothing() async throws {
        try await withTemporaryFolder { folder in
            let path = try await log(folder, commits(1))
            try removeIndex(path)
            try change(path) { $0 = Data(repeating: 0, count: 5000) }
            let log = FileEventLog(path: path)
            #expect(try await log.open().generation > 0)
            try await log.close()
        }
    }

    @Test(arguments: ["AEB1", "AEB4", "AEBx"])
    func blocksOfAnotherVersionAreNamed(_ version: String) async throws {
        try await withTemporaryFolder { folder in
            let path = try await log(folder, commits(3))
            try removeIndex(path)
            try change(path) { data in
                var start = 0
                while start < data.count {
                    let header = data.withUnsafeBytes { BlockHeader(UnsafeRawBufferPointer(rebasing: $0[start...])) }
                    data.replaceSubrange(start..<start + 4, with: Data(version.utf8))
                    data[start + 28] ^= 1
                    start += try #require(header).blockByteCount
                }
            }
            let message = try await expectRefusal(path, .unavailable)
            #expect(message.contains(version) && message.contains("AEB2 and AEB3"), "\(message)")
        }
    }

    /// The loss of power may keep the first bytes of a block alone.
    @Test(arguments: [0, 0x20, 0xFF] as [UInt8]) func aTornStartIsNoOtherVersion(_ last: UInt8) {
        let bytes = Array("AEB".utf8) + [last] + [UInt8](repeating: 0, count: BlockHeader.byteCount)
        #expect(bytes.withUnsafeBytes { BlockHeader.otherVersion($0, at: 0) } == nil)
    }

    @Test func anIndexOfAnotherVersionIsRefused() async throws {
        try await withTemporaryFolder { folder in
            let log = FileEventLog(path: folder + "/log")
            _ = try await log.open()
            try await log.append(commit(1, generation: 1))
            try log.openConnection().index.write("changing") { database in
                try RawStatement("INSERT INTO grdb_migrations VALUES ('of a later version')", in: database).run()
            }
            try await log.close()
            let message = try await expectRefusal(log.path, .unavailable)
            #expect(message.contains("another version of this program"))
        }
    }

    /// A letter of the version that is damaged makes no other version.
    @Test func aDamagedVersionIsDamage() async throws {
        try await withTemporaryFolder { folder in
            let path = try await log(folder, commits(3))
            try change(path) { $0[3] ^= 1 }
            _ = try await expectRefusal(path, .corrupt)
        }
    }
}
