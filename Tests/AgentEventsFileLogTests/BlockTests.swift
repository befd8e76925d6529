import AgentEvents
import Testing

@testable import AgentEventsFileLog

/// What is written as blocks is what is read, and nothing else is taken for it.
@Suite struct BlockTests {
    private static let owner = ThreadOwner(thread: "t_1", user: "u_1")

    private static func entry(_ sequence: UInt64, generation: UInt64 = 3, size: Int) -> LogEntry {
        LogEntry(
            owner: owner, id: EventID(generation: generation, sequence: sequence), type: .custom, run: nil,
            bytes: [UInt8](repeating: UInt8(truncatingIfNeeded: sequence), count: size))
    }

    private static func plan(_ entries: [LogEntry], marks: [RunMark?] = []) -> CommitPlan {
        var plan = CommitPlan()
        plan.placements = entries.indices.map { index in
            Placement(slot: 0, number: 9, mark: index < marks.count ? marks[index] : nil)
        }
        return plan
    }

    private struct Read: Equatable {
        var position: Int64
        var generation: UInt64
        var sequences: [UInt64]
        var endsCommit: Bool
    }

    /// Reads the blocks of a commit one after the other.
    private static func read(_ bytes: [UInt8], at start: Int64) throws -> [Read] {
        try bytes.withUnsafeBytes { bytes in
            var blocks: [Read] = []
            var offset = 0
            while offset < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
                let header = try #require(BlockHeader(rest))
                let block = UnsafeRawBufferPointer(rebasing: rest[..<header.blockByteCount])
                #expect(header.isIntact(block, at: start + Int64(offset)))
                #expect(!header.isIntact(block, at: start + Int64(offset) + 1), "a block belongs to its place")
                let content = UnsafeRawBufferPointer(rebasing: block[BlockHeader.byteCount...])
                var reader = BlockReader(content, position: start + Int64(offset), generation: header.generation)
                var sequences: [UInt64] = []
                while let head = try reader.nextEvent() {
                    sequences.append(head.sequence)
                    let event = try reader.content(head)
                    #expect(event.allSatisfy { $0 == UInt8(truncatingIfNeeded: head.sequence) } && head.thread == 9)
                }
                blocks.append(
                    Read(
                        position: reader.position, generation: header.generation, sequences: sequences,
                        endsCommit: header.endsCommit))
                offset += header.blockByteCount
            }
            return blocks
        }
    }

    @Test(arguments: [[1], [10, 20, 30], [4000, 200], [5000, 10, 5000], [0, 0], [100_000]])
    func aCommitIsReadAsItWasWritten(_ sizes: [Int]) throws {
        let entries = sizes.enumerated().map { Self.entry(UInt64($0.offset) + 1, size: $0.element) }
        let encoded = BlockEncoder.encode(entries, plan: Self.plan(entries), at: 1 << 33, synced: 77)
        let blocks = try Self.read(encoded.bytes, at: 1 << 33)
        #expect(blocks.flatMap(\.sequences) == entries.map(\.id.sequence))
        #expect(blocks.map(\.position) == encoded.blocks.map(\.position))
        #expect(blocks.map(\.sequences.count) == encoded.blocks.map(\.entryCount))
        #expect(blocks.map(\.endsCommit) == blocks.indices.map { $0 == blocks.count - 1 })
        #expect(blocks.allSatisfy { $0.generation == 3 })
    }

    /// The generation is of the block, and a block takes no more events than an offset can count.
    @Test func aBlockEndsWithItsGenerationAndWhenItIsFull() throws {
        var entries = (1...5).map { Self.entry($0, generation: $0 < 3 ? 1 : 2, size: 1) }
        #expect(
            try Self.read(BlockEncoder.encode(entries, plan: Self.plan(entries), at: 0, synced: 0).bytes, at: 0)
                .map(\.sequences) == [[1, 2], [3, 4, 5]])
        entries = (1...9000).map { Self.entry($0, size: 0) }
        let blocks = try Self.read(
            BlockEncoder.encode(entries, plan: Self.plan(entries), at: 0, synced: 0).bytes, at: 0)
        #expect(blocks.allSatisfy { $0.sequences.count < 4096 })
        #expect(blocks.flatMap(\.sequences) == Array(1...9000))
    }

    @Test func recordsAreReadAsTheyWereWritten() throws {
        let entries = (1...4).map { Self.entry($0, size: 5) }
        let marks: [RunMark?] = [
            .started("r_1", sequence: 1), nil, .ended(startSequence: 1), .started("r_2", sequence: 4, host: .outside),
        ]
        var plan = Self.plan(entries, marks: marks)
        plan.newThreads = [StoredThread(number: 9, owner: Self.owner, oldest: entries[0].id)]
        let ids = try #require(
            RisingIDs([2, 3, 5, 900, 901].map { EventID(generation: 3, sequence: $0) }))
        let digest = RequestDigest(bytes: 100..<116)
        let keys = [nil, digest].map {
            PlannedKey(thread: 9, key: "k_1", ids: ids, digest: $0, time: Timestamp(milliseconds: -4))
        }
        plan.keys = keys
        let encoded = BlockEncoder.encode(entries, plan: plan, at: 0, synced: 0)
        try encoded.bytes.withUnsafeBytes { bytes in
            let content = UnsafeRawBufferPointer(rebasing: bytes[BlockHeader.byteCount...])
            var reader = BlockReader(content, position: 0, generation: 3)
            var read: [String] = []
            while let head = try reader.next() {
                switch try reader.record(head) {
                case .event(let thread, let sequence, let mark):
                    read.append("\(thread) \(sequence) \(mark == marks[Int(sequence) - 1])")
                case .thread(let thread): read.append("\(thread.number) \(thread.owner.thread) \(thread.owner.user)")
                case .key(let found): read.append("\(found == keys[found.digest == nil ? 0 : 1])")
                case .erased: read.append("erased")
                }
            }
            #expect(read == ["9 t_1 u_1", "9 1 true", "9 2 true", "9 3 true", "9 4 true", "true", "true"])
            // Without the rest of the last record, and without its start.
            for cut in 1..<content.count {
                var reader = BlockReader(
                    UnsafeRawBufferPointer(rebasing: content[..<(content.count - cut)]), position: 0, generation: 3)
                var count = 0
                do throws(EventLogError) {
                    while let head = try reader.next() {
                        _ = try reader.record(head)
                        count += 1
                    }
                    #expect(count < 7, "cut by \(cut)")
                } catch {
                    #expect(error.code == .corrupt && count < 7, "cut by \(cut)")
                }
            }
        }
    }

    /// Each bit of a block counts, the header's as well.
    @Test(arguments: [0, 1, 7, 8, 31, 32, 33, 100])
    func everyBitCounts(_ size: Int) {
        let entries = [Self.entry(1, size: size)]
        let bytes = BlockEncoder.encode(entries, plan: Self.plan(entries), at: 4096, synced: 5).bytes
        for bit in 0..<bytes.count * 8 {
            var damaged = bytes
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            let isIntact = damaged.withUnsafeBytes { damaged in
                guard let header = BlockHeader(damaged), header.blockByteCount <= damaged.count else { return false }
                return header.isIntact(UnsafeRawBufferPointer(rebasing: damaged[..<header.blockByteCount]), at: 4096)
            }
            #expect(!isIntact, "bit \(bit)")
        }
    }

    @Test func aChecksumDependsOnEverything() {
        var seen: Set<UInt32> = []
        for size in 0...130 {
            for seed in 0..<3 {
                let bytes = [UInt8](repeating: 0, count: size)
                seen.insert(bytes.withUnsafeBytes { Checksum.of($0, seed: UInt64(seed)) })
            }
        }
        #expect(seen.count == 131 * 3, "zeros of another length, or of another place")
        let rows: [Int64] = [
            RowChecksum.of(.meta, [1], ["a"]), RowChecksum.of(.thread, [1], ["a"]), RowChecksum.of(.meta, [2], ["a"]),
            RowChecksum.of(.meta, [1], ["b"]), RowChecksum.of(.meta, [1, 1], ["a"]),
            RowChecksum.of(.meta, [1], ["a"], bytes: [0]), RowChecksum.of(.meta, [1], ["a", "b"]),
        ]
        #expect(Set(rows).count == rows.count)
    }

    @Test func anOffsetIsABlockAndACount() {
        for (block, count) in [(0, 0), (0, 1), (4096, 4095), (1 << 51, 7)] as [(Int64, Int)] {
            let offset = LogOffset(block: block, eventCount: count)
            #expect(LogOffset(offset.number) == offset)
            #expect(offset.number < LogOffset(block: block + 1, eventCount: 0).number)
        }
    }
}
