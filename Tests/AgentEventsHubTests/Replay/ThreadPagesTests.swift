import AgentEvents
import AgentEventsTestSupport
import CoreMetrics
import Testing

@testable import AgentEventsHub

struct ThreadPagesTests {
    private static let eventCount: UInt64 = 400

    private static func withPages(
        pageByteCount: Int = 64 * 1024,
        textByteCount: Int = 20,
        _ body: (CountingLog, ThreadPages) async throws -> Void
    ) async throws {
        let log = CountingLog()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_7")
            let text = String(repeating: "x", count: textByteCount)
            let drafts = (0..<eventCount).map { _ in
                EventDraft(.userMessage(UserMessage(messageID: "m", userID: "u_1", text: text)))
            }
            _ = try await context.emit(drafts)
            try await context.flush()
            _ = log.takeCallCounts()
            let metrics = StreamMetrics(factory: NOOPMetricsHandler.instance)
            try await body(
                log,
                ThreadPages(
                    log: log, pageByteCount: pageByteCount, metrics: metrics, environment: runtime.environment))
        }
    }

    /// Everything behind a cursor, page by page.
    private static func readAll(_ pages: ThreadPages, after cursor: UInt64) async throws -> [UInt64] {
        var sequences: [UInt64] = []
        var cursor = cursor
        while cursor < eventCount {
            let found = try await pages.read("t_7", after: cursor, framing: .lengthPrefixed)
            let page = try #require(found.page)
            #expect(found.trim == nil)
            sequences += (cursor + 1)...page.lastID.sequence
            cursor = page.lastID.sequence
        }
        return sequences
    }

    /// A thousand readers at sixty places: each gets everything behind its own, out of a few pages.
    @Test func aHerdCostsAFewReads() async throws {
        try await Self.withPages { log, pages in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<1000 as Range<UInt64> {
                    group.addTask {
                        let record = try #require(try await pages.record(of: "t_7"))
                        let cursor = record.head.sequence - number % 60
                        let sequences = try await Self.readAll(pages, after: cursor)
                        #expect(sequences == Array((cursor + 1)..<(Self.eventCount + 1)))
                    }
                }
                try await group.waitForAll()
            }
            let counts = log.takeCallCounts()
            #expect(counts.pages <= 4)
            #expect(counts.records <= 20)
        }
    }

    /// Pages that do not reach from a boundary to the cursor, however small or large.
    @Test(arguments: [(1, 20), (3000, 20), (3000, 5000), (64 * 1024, 5000)])
    func aThreadIsReadWhateverTheSizes(pageByteCount: Int, textByteCount: Int) async throws {
        try await Self.withPages(pageByteCount: pageByteCount, textByteCount: textByteCount) { _, pages in
            for cursor in [0, 31, 32, 33, 200, 398, 399] as [UInt64] {
                let sequences = try await Self.readAll(pages, after: cursor)
                #expect(sequences == Array((cursor + 1)..<(Self.eventCount + 1)))
            }
        }
    }

    @Test func whoHasEverythingIsToldSo() async throws {
        try await Self.withPages { log, pages in
            let found = try await pages.read("t_7", after: Self.eventCount, framing: .lengthPrefixed)
            #expect(found.page == nil && found.reachesEnd && found.trim == nil)
            let other = try await pages.read("t_8", after: 0, framing: .lengthPrefixed)
            #expect(other.page == nil && other.reachesEnd && other.trim == nil)
            #expect(log.takeCallCounts().pages == 2)
        }
    }

    @Test func aFailedReadFailsAllWhoWaitForIt() async throws {
        try await Self.withPages { log, pages in
            log.failReads()
            await withDiscardingTaskGroup { group in
                for _ in 0..<100 {
                    group.addTask {
                        await #expect(throws: EventLogError.self) {
                            try await pages.read("t_7", after: 0, framing: .lengthPrefixed)
                        }
                        await #expect(throws: EventLogError.self) { try await pages.record(of: "t_7") }
                    }
                }
            }
        }
    }
}
