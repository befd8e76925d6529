import AgentEvents
import Testing

@testable import AgentEventsFileLog

/// What becomes of files of blocks, by what is in them. Blocks have 100 bytes.
@Suite struct RecoveryStateMachineTests {
    private typealias Machine = RecoveryStateMachine

    /// Files and their blocks, as a table has them: `#` a block that ends its commit, `+` one that does not, `~` one that
    /// is damaged, `.` zeros.
    struct Files {
        var segments: [Segment] = []
        var blocks: [Int64: Character] = [:]
        /// Up to where blocks say that the log was on the disk, by their positions.
        var synced: [Int64: Int64] = [:]

        /// - Parameter files: where each begins, and its blocks.
        init(_ files: [(start: Int64, blocks: String)]) {
            for (start, text) in files {
                segments.append(Segment(start: start, end: start + Int64(text.count) * 100, path: "\(start)"))
                for (index, block) in text.enumerated() { blocks[start + Int64(index) * 100] = block }
            }
        }

        func block(at position: Int64) -> RecoveryStateMachine.Block? {
            guard let block = blocks[position], block == "#" || block == "+" else { return nil }
            return .init(byteCount: 100, synced: synced[position] ?? 0, endsCommit: block == "#")
        }

        func areZeros(from position: Int64, in segment: Segment) -> Bool {
            blocks.allSatisfy { $0.key < position || $0.key >= segment.end || $0.value == "." }
        }
    }

    /// What a refusal is about, or `kept` with the ends of the files that are left.
    private func result(
        _ files: Files,
        indexedThrough: Int64 = 0,
        generation: Int64 = 1,
        lastStart: Int64 = 0,
        removed: [RemovedBlocks] = [],
        header: RecoveryStateMachine.Block? = nil
    ) -> String {
        var machine = Machine(
            .init(
                segments: files.segments, indexedThrough: indexedThrough, generation: generation, lastStart: lastStart,
                removed: removed))
        var action = machine.start()
        while true {
            switch action {
            case .readBlock(let position): action = machine.didRead(files.block(at: position))
            case .findPossibleBlock(let position, let segment):
                action = machine.didFind(
                    files.blocks.keys.filter { $0 > position && $0 < segment.end }.min() ?? segment.end)
            case .readHeader: action = machine.didReadHeader(header)
            case .lookForZeros(let position, let segment):
                action = machine.didLookForZeros(files.areZeros(from: position, in: segment))
            case .refuse(.missing(let segment)): return "missing before \(segment.path)"
            case .refuse(.endsBeforeIndex): return "ends before the index"
            case .refuse(.damaged(let position, let segment)): return "damaged at \(position) in \(segment.path)"
            case .refuse(.unreadable(let segment)): return "unreadable from \(segment.path)"
            case .finish(let outcome):
                #expect(outcome.kept.count + outcome.removed.count == files.segments.count)
                return (outcome.kept.map { "\($0.end)" } + (outcome.cutsLast ? ["cut"] : [])).joined(separator: " ")
            }
        }
    }

    @Test(
        arguments: [
            ([(0, "###")], "300"),
            ([(0, "##"), (200, "+#")], "200 400"),
            ([(0, "##~")], "200 cut"), ([(0, "##..")], "200 cut"), ([(0, "##++")], "200 cut"),
            ([(0, "##+~")], "200 cut"),
            ([(0, "##"), (200, "~")], "200"), ([(0, "##"), (200, "")], "200"), ([(0, "##"), (200, "++")], "200"),
            // What comes after damage goes, intact or not.
            ([(0, "#~#"), (300, "##")], "100 cut"),
            // Within an opening, files adjoin.
            ([(0, "##"), (300, "##")], "200"),
            // Between two openings there is a gap.
            ([(0, "##"), (200 + (1 << 30), "#")], "200 1073742124"),
            ([(0, "##"), (200 + (1 << 30), "~")], "200"),
            ([], ""), ([(0, "")], ""),
        ] as [([(Int64, String)], String)])
    func everythingUpToTheFirstCommitThatIsNotWholeIsKept(files: [(Int64, String)], expected: String) {
        #expect(result(Files(files.map { (start: $0.0, blocks: $0.1) })) == expected)
    }

    @Test func theLastOpeningBeginsAtAKnownPlace() {
        let files = Files([(0, "##"), (300 + 1 << 30, "#")])
        #expect(result(files, lastStart: 250 + 1 << 30) == "200", "its first file is missing")
        #expect(result(files, lastStart: 300 + 1 << 30) == "200 \(400 + 1 << 30)")
    }

    @Test func whatIsInTheIndexIsThereOrWasRemoved() {
        let files = Files([(300, "##")])
        #expect(result(files, indexedThrough: 400) == "missing before 300")
        let removed = RemovedBlocks(start: 0, through: LogOffset(block: 200, eventCount: 1).number)
        #expect(result(files, indexedThrough: 400, removed: [removed]) == "500")
        #expect(result(files, indexedThrough: 600) == "missing before 300")
        #expect(result(files, indexedThrough: 600, removed: [removed]) == "ends before the index")
        // Blocks that are in the index are not read.
        #expect(result(Files([(0, "~~#")]), indexedThrough: 200) == "300")
    }

    @Test func damageBeforeWhatWasFlushedIsRefused() {
        var files = Files([(0, "#~##"), (400, "#")])
        files.synced = [200: 100, 300: 100, 400: 100]
        #expect(result(files) == "100 cut", "nothing says that the damaged block was on the disk")
        files.synced[400] = 200
        #expect(result(files) == "damaged at 100 in 400")
        files = Files([(0, "##"), (300, "~#")])
        files.synced = [400: 300]
        #expect(result(files) == "damaged at 200 in 300", "a file that is missing was on the disk")
    }

    @Test func anUnreadableStartIsOnlyEmptiedWhenItIsTheFirstCommitEver() {
        let header = RecoveryStateMachine.Block(byteCount: 200, synced: 0, endsCommit: true)
        #expect(result(Files([(0, "...")]), generation: 0) == "", "zeros say nothing")
        #expect(result(Files([(0, "~~")]), generation: 0) == "unreadable from 0", "the index was lost")
        #expect(result(Files([(0, "~~")]), header: header) == "", "one commit")
        #expect(result(Files([(0, "~~.")]), header: header) == "", "one commit, and zeros")
        #expect(result(Files([(0, "~~~")]), header: header) == "unreadable from 0", "something after it")
        #expect(result(Files([(0, "~#.")]), header: header) == "unreadable from 0", "its length is damaged")
        #expect(result(Files([(0, "~~"), (200, "#")]), header: header) == "unreadable from 0", "a file after it")
        #expect(result(Files([(0, "..~")]), generation: 1) == "", "a commit without its end")
        #expect(result(Files([(0, "~+#.")]), generation: 1) == "", "a commit without its start")
        #expect(result(Files([(0, "~+##")]), generation: 1) == "unreadable from 0", "another one after that")
    }
}
