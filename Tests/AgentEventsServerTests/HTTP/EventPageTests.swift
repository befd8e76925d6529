import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTestSupport
import Testing

struct EventPageTests {
    private static let path = "/v1/threads/t_7/events"

    private func emit(_ count: Int, _ service: RunningService, thread: ThreadID = "t_7") async throws {
        let context = try await service.runtime.context(user: "u_1", thread: thread)
        let drafts = (1...count).map { EventDraft(.custom(CustomEvent(name: "n", value: .integer($0)))) }
        let receipt = try await context.emit(drafts)
        try await service.runtime.waitForCommit(of: receipt)
    }

    @Test func pagesFollowEachOtherToTheEnd() async throws {
        try await withRunningService { service in
            try await emit(25, service)
            var values: [Int64] = []
            var pages = 0
            var next: String? = "start"
            while let cursor = next {
                let answer = try await service.client.get(Self.path + "?after=\(cursor)&limit=10")
                #expect(answer.status == 200)
                let page = try answer.json
                values += try #require(page["events"]?.arrayValue).compactMap { $0["data"]?["value"]?.integerValue }
                #expect(page["head"] == "1-25")
                next = page["next"]?.stringValue
                pages += 1
            }
            #expect(values == Array(1...25))
            #expect(pages == 3)
        }
    }

    @Test(
        arguments: [
            ("?after=1-2", 200, nil), ("", 200, nil), ("?limit=1", 200, nil), ("?limit=1000", 200, nil),
            ("?after=now", 200, nil), ("?limit=0", 400, "request.invalid"), ("?limit=1001", 400, "request.invalid"),
            ("?limit=ten", 400, "request.invalid"), ("?limit=%2B5", 400, "request.invalid"),
            ("?limit=005", 400, "request.invalid"), ("?%61fter=1-2&l%69mit=1", 200, nil),
            ("?limit=1&l%69mit=1", 400, "request.invalid"), ("?limit=", 400, "request.invalid"),
            ("?after=", 400, "cursor.invalid"), ("?after=42", 400, "cursor.invalid"),
            ("?after=%zz", 400, "cursor.invalid"), ("?after=snapshot", 400, "op.unsupported"),
            ("?", 200, nil), ("?&after=start&", 200, nil), ("?cursor=1-1", 400, "request.invalid"),
            ("?after=start&after=now", 400, "request.invalid"), ("?limit=1&colour=red", 400, "request.invalid"),
            ("?After=start", 400, "request.invalid"), ("?=1", 400, "request.invalid"), ("?x", 400, "request.invalid"),
            ("?after=1-99", 409, "cursor.unknown"), ("?after=2-2", 409, "cursor.diverged"),
        ] as [(String, Int, String?)])
    func theQueryIsChecked(_ query: String, _ status: Int, _ code: String?) async throws {
        try await withRunningService { service in
            try await emit(3, service)
            let answer = try await service.client.get(Self.path + query)
            #expect(answer.status == status)
            #expect(try answer.errorCode == code)
        }
    }

    @Test func theCursorOfAnotherThreadIsNone() async throws {
        try await withRunningService { service in
            try await emit(3, service)
            try await emit(9, service, thread: "t_8")
            #expect(try await service.client.get(Self.path + "?after=1-9").status == 409)
        }
    }

    /// Between the look at the cursor and the page.
    @Test(arguments: [("?after=1-10", 409, "cursor.trimmed"), ("?after=start", 200, nil)] as [(String, Int, String?)])
    func whoseCursorIsOvertakenByATrimIsToldSo(_ query: String, _ status: Int, _ code: String?) async throws {
        let log = CountingLog()
        try await withRunningService(log: log) { service in
            try await emit(60, service)
            log.trim(ThreadTrim(thread: "t_7", firstKept: 51), beforeRead: query.contains("start") ? 1 : 2)
            let answer = try await service.client.get(Self.path + query)
            #expect(answer.status == status)
            #expect(try answer.errorCode == code)
            #expect(try await service.client.get(Self.path).json["events"]?.arrayValue?.count == 10)
        }
    }

    @Test func unknownAndForeignThreadsLookTheSame() async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            try await emit(1, service)
            let foreign = try await service.client.get(Self.path, headers: ["Authorization": "Bearer u_2"])
            let unknown = try await service.client.get(
                "/v1/threads/t_9/events", headers: ["Authorization": "Bearer u_2"])
            #expect(foreign.status == 404)
            #expect(foreign.body == unknown.body.replacing("t_9", with: "t_7"))
            #expect(try foreign.errorCode == "thread.unknown")
            #expect(try await service.client.get(Self.path, headers: ["Authorization": "Bearer u_1"]).status == 200)
            #expect(try await service.client.get(Self.path).status == 401)
        }
    }

    @Test(arguments: [("a%20b", 400), ("%zz", 400), ("a%3Ab", 404), ("a:b", 404), ("%ff", 400)])
    func threadsInPathsAreDecodedAndChecked(_ thread: String, _ status: Int) async throws {
        try await withRunningService { service in
            let answer = try await service.client.get("/v1/threads/\(thread)/events")
            #expect(answer.status == status)
        }
    }
}
