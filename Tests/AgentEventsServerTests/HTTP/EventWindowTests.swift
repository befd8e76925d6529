import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTestSupport
import AgentEventsTesting
import Testing

/// Pages before and around an event.
@Suite(.timeLimit(.minutes(10)))
struct EventWindowTests {
    private static let path = "/v1/threads/t_7/events"

    private static func emit(_ count: Int, _ service: RunningService, byteCount: Int = 1) async throws {
        let context = try await service.runtime.context(user: "u_1", thread: "t_7")
        let value = JSONValue.string(String(repeating: "x", count: byteCount))
        for _ in stride(from: 0, to: count, by: 500) {
            let drafts = (0..<min(500, count)).map { _ in EventDraft(.custom(CustomEvent(name: "n", value: value))) }
            try await service.runtime.waitForCommit(of: try await context.emit(drafts))
        }
    }

    private struct Page: Equatable {
        var sequences: [Int64]
        var previous: JSONValue?
        var next: JSONValue?
    }

    private static func page(_ query: String, _ service: RunningService) async throws -> Page {
        let answer = try await service.client.get(path + query)
        #expect(answer.status == 200, "\(query): \(answer.body.prefix(200))")
        let json = try answer.json
        return Page(
            sequences: try #require(json["events"]?.arrayValue).compactMap { $0["seq"]?.integerValue },
            previous: json["previous"], next: json["next"])
    }

    @Test func aPageIsAnywhereInTheThread() async throws {
        try await withRunningService { service in
            try await Self.emit(20, service)
            let table: [(String, Page)] = [
                ("?before=1-8&limit=3", Page(sequences: [5, 6, 7], previous: "1-5", next: "1-7")),
                ("?before=1-3&limit=3", Page(sequences: [1, 2], previous: .null, next: "1-2")),
                ("?before=1-1&limit=3", Page(sequences: [], previous: .null, next: .null)),
                ("?before=start&limit=3", Page(sequences: [], previous: .null, next: .null)),
                ("?before=now&limit=3", Page(sequences: [18, 19, 20], previous: "1-18", next: .null)),
                ("?before=now&limit=1000", Page(sequences: Array(1...20), previous: .null, next: .null)),
                ("?around=1-8&limit=1", Page(sequences: [8], previous: "1-8", next: "1-8")),
                ("?around=1-8&limit=4", Page(sequences: [6, 7, 8, 9], previous: "1-6", next: "1-9")),
                ("?around=1-8&limit=5", Page(sequences: [6, 7, 8, 9, 10], previous: "1-6", next: "1-10")),
                ("?around=1-1&limit=5", Page(sequences: [1, 2, 3], previous: .null, next: "1-3")),
                ("?around=1-20&limit=5", Page(sequences: [18, 19, 20], previous: "1-18", next: .null)),
                ("?after=1-17", Page(sequences: [18, 19, 20], previous: nil, next: .null)),
            ]
            for (query, expected) in table {
                #expect(try await Self.page(query, service) == expected, "\(query)")
            }
        }
    }

    @Test func pagesLeadBackToTheFirstEvent() async throws {
        try await withRunningService { service in
            try await Self.emit(95, service)
            var sequences: [Int64] = []
            var before: String? = "now"
            while let cursor = before {
                let page = try await Self.page("?before=\(cursor)&limit=10", service)
                sequences = page.sequences + sequences
                before = page.previous?.stringValue
            }
            #expect(sequences == Array(1...95))
        }
    }

    @Test(arguments: [
        ("?before=1-99", 409, "cursor.unknown"), ("?before=2-3", 409, "cursor.diverged"),
        ("?around=1-99", 409, "cursor.unknown"), ("?around=2-3", 409, "cursor.diverged"),
        ("?around=1-2", 409, "cursor.trimmed"), ("?around=1-5", 409, "cursor.trimmed"),
        ("?before=1-2", 409, "cursor.trimmed"), ("?before=", 400, "cursor.invalid"),
        ("?around=now", 400, "cursor.invalid"),
        ("?around=start", 400, "cursor.invalid"), ("?around=x", 400, "cursor.invalid"),
        ("?after=1-7&before=1-8", 400, "request.invalid"), ("?around=1-7&before=now", 400, "request.invalid"),
        ("?before=now&limit=0", 400, "request.invalid"),
    ])
    func aPageThatThereIsNotIsRefused(_ query: String, _ status: Int, _ code: String) async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await withRunningService(log: log) { service in
            try await Self.emit(10, service)
            try await log.trim([ThreadTrim(thread: "t_7", firstKept: 6)])
            let answer = try await service.client.get(Self.path + query)
            #expect(answer.status == status)
            #expect(try answer.errorCode == code)
        }
    }

    @Test func aThreadOfWhichNothingIsKeptHasEmptyPages() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await withRunningService(log: log) { service in
            try await Self.emit(10, service)
            try await log.trim([ThreadTrim(thread: "t_7", firstKept: 11)])
            let empty = Page(sequences: [], previous: .null, next: .null)
            #expect(try await Self.page("?before=now", service) == empty)
            let around = try await service.client.get(Self.path + "?around=1-10")
            #expect(try around.errorCode == "cursor.trimmed")
        }
    }

    /// What has no room is left out on the side that is further away.
    @Test func largeEventsMakePagesSmallerAndNotWrong() async throws {
        try await withRunningService { service in
            try await Self.emit(60, service, byteCount: 200_000)
            let before = try await Self.page("?before=1-51&limit=50", service)
            #expect(before.sequences.last == 50)
            #expect(before.sequences == Array(before.sequences[0]...50))
            #expect((8...20).contains(before.sequences.count))
            #expect(before.previous == .string("1-\(before.sequences[0])"))
            let around = try await Self.page("?around=1-30&limit=50", service)
            #expect(around.sequences.contains(30))
        }
    }

    /// As many looks at the log, and as many events read, at the beginning of a long thread as at its end.
    @Test func aPageCostsTheSameWhereverItIs() async throws {
        let log = CountingLog()
        try await withRunningService(log: log) { service in
            try await Self.emit(20_000, service)
            var costs: Set<String> = []
            for place in [200, 5_000, 10_000, 19_800] {
                for query in ["before=1-\(place)", "around=1-\(place)", "after=1-\(place)"] {
                    _ = log.takeReadCount()
                    _ = log.takeCallCounts()
                    #expect(try await Self.page("?\(query)&limit=100", service).sequences.count == 100)
                    let calls = log.takeCallCounts()
                    costs.insert("\(log.takeReadCount()) events, \(calls.pages) pages, \(calls.records) records")
                }
            }
            #expect(costs == ["101 events, 2 pages, 1 records"])
        }
    }
}
