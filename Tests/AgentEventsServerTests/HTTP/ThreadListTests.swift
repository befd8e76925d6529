import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTestSupport
import AgentEventsTesting
import Testing

/// `GET /v1/threads`: exactly the threads that somebody may read, and no trace of the others.
@Suite(.timeLimit(.minutes(10)))
struct ThreadListTests {
    private static func emit(
        _ drafts: [EventDraft],
        in thread: ThreadID,
        of user: UserID = "u_1",
        _ service: RunningService
    ) async throws {
        let context = try await service.runtime.context(user: user, thread: thread)
        try await service.runtime.waitForCommit(of: try await context.emit(drafts))
    }

    private static func note(
        _ thread: ThreadID,
        of user: UserID = "u_1",
        _ service: RunningService
    ) async throws {
        try await emit([EventDraft(.custom(CustomEvent(name: "n", value: 1)))], in: thread, of: user, service)
    }

    private static func message(_ text: String, _ id: MessageID = "m_1") -> EventDraft {
        EventDraft(.userMessage(UserMessage(messageID: id, userID: "u_1", text: text)))
    }

    private static func ask(as user: String? = nil, _ service: RunningService) async throws -> JSONValue {
        try await ask("", as: user, service)
    }

    private static func ask(
        _ query: String,
        as user: String? = nil,
        _ service: RunningService
    ) async throws -> JSONValue {
        let answer = try await service.client.get(
            "/v1/threads" + query, headers: user.map { ["Authorization": "Bearer \($0)"] } ?? [:])
        #expect(answer.status == 200, "\(query): \(answer.body.prefix(300))")
        return try answer.json
    }

    private static func threads(_ json: JSONValue) -> [String] {
        (json["threads"]?.arrayValue ?? []).compactMap { $0["thread_id"]?.stringValue }
    }

    // MARK: What is told

    @Test func aThreadIsToldWithItsRunsItsTitleAndItsHead() async throws {
        try await withRunningService { service in
            #expect(try await Self.ask(service) == ["threads": [], "next": .null])
            try await Self.emit([Self.message(" Where is\n the parser? ")], in: "t_7", service)
            var thread = try #require(try await Self.ask(service)["threads"]?.arrayValue?.first)
            let created = try #require(thread["created_at"])
            #expect(thread["thread_id"] == "t_7" && thread["user_id"] == "u_1")
            #expect(thread["title"] == "Where is the parser?")
            #expect(thread["status"] == "idle" && thread["runs"] == 0 && thread["agents"] == [])
            #expect(thread["head"] == "1-1" && thread["updated_at"] == created && thread["last_outcome"] == nil)
            let run: RunID = "r_1"
            let table: [(String, EventDraft)] = [
                ("queued", EventDraft(runID: run, agent: "guide", .agentQueued(AgentQueued()))),
                ("running", EventDraft(runID: run, agent: "guide", .agentStarted(AgentStarted()))),
                (
                    "waiting",
                    EventDraft(
                        runID: run, .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "May I?")))
                ),
                (
                    "running",
                    EventDraft(
                        runID: run,
                        .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .approved, by: "u_1")))
                ),
                ("paused", EventDraft(runID: run, .agentPaused(AgentPaused()))),
                ("running", EventDraft(runID: run, .agentResumed(AgentResumed()))),
                ("running", EventDraft(runID: run, .messageDelta(MessageDelta(messageID: "m_2", text: "In ")))),
                ("idle", EventDraft(runID: run, .agentCancelled(AgentCancelled(durationMilliseconds: 1)))),
            ]
            for (status, draft) in table {
                try await Self.emit([draft], in: "t_7", service)
                thread = try #require(try await Self.ask(service)["threads"]?.arrayValue?.first)
                #expect(thread["status"]?.stringValue == status, "\(draft.payload.typeName)")
            }
            #expect(thread["runs"] == 1 && thread["agents"] == ["guide"] && thread["last_outcome"] == "cancelled")
            // What was open was closed first.
            #expect(thread["head"] == "1-10" && thread["created_at"] == created)
            #expect(thread["title"] == "Where is the parser?")
        }
    }

    @Test func theLatestComeFirstAndPagesLeadThroughAll() async throws {
        try await withRunningService { service in
            for number in 0..<12 { try await Self.note(ThreadID(stringLiteral: "t_\(number)"), service) }
            try await Self.note("t_3", service)
            let all = Self.threads(try await Self.ask(service))
            #expect(Set(all).count == 12)
            // Of one millisecond may be several.
            #expect(all.firstIndex(of: "t_3") ?? 12 < 3)
            for limit in [1, 5, 11, 12, 13] {
                var found: [String] = []
                var query = "?limit=\(limit)"
                var pageCount = 0
                while pageCount < 13 {
                    let page = try await Self.ask(query, service)
                    pageCount += 1
                    found += Self.threads(page)
                    guard let next = page["next"]?.stringValue else { break }
                    query = "?limit=\(limit)&before=\(next)"
                }
                #expect(found == all, "pages of \(limit)")
                #expect(pageCount == (12 + limit - 1) / limit, "no page is empty")
            }
        }
    }

    @Test func searchesFindTitlesIdsAgentsAndStates() async throws {
        try await withRunningService { service in
            try await Self.emit([Self.message("Über den Parser")], in: "t_1", service)
            try await Self.emit(
                [
                    Self.message("Lexers"), EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())),
                ], in: "t_2", service)
            try await Self.note("parser-3", service)
            let table: [(String, Set<String>)] = [
                ("?q=parser", ["t_1", "parser-3"]), ("?q=%C3%9CBER", ["t_1"]), ("?q=LEX", ["t_2"]),
                ("?q=nothing", []), ("?status=running", ["t_2"]), ("?status=idle", ["t_1", "parser-3"]),
                ("?status=paused", []), ("?agent=guide", ["t_2"]), ("?agent=other", []),
                ("?agent=guide&status=running&q=lexer", ["t_2"]), ("?agent=guide&q=parser", []),
                ("?q=", ["t_1", "t_2", "parser-3"]),
            ]
            for (query, expected) in table {
                let page = try await Self.ask(query, service)
                #expect(Set(Self.threads(page)) == expected, "\(query)")
                #expect(page["next"] == .null, "\(query)")
            }
            try await Self.emit(
                [EventDraft(runID: "r_1", .agentCancelled(AgentCancelled(durationMilliseconds: 1)))], in: "t_2", service
            )
        }
    }

    @Test(arguments: [
        ("?limit=0", "request.invalid"), ("?limit=101", "request.invalid"), ("?limit=+5", "request.invalid"),
        ("?status=busy", "request.invalid"), ("?agent=", "request.invalid"), ("?before=x", "cursor.invalid"),
        ("?before=1-", "cursor.invalid"), ("?before=01-t_1", "cursor.invalid"), ("?other=1", "request.invalid"),
        ("?q=1&q=2", "request.invalid"), ("?q=" + String(repeating: "x", count: 201), "request.invalid"),
    ])
    func aWrongQuestionIsRefused(_ query: String, _ code: String) async throws {
        try await withRunningService { service in
            let answer = try await service.client.get("/v1/threads" + query)
            #expect(answer.status == 400)
            #expect(try answer.errorCode == code)
        }
    }

    @Test func withoutAListThatIsSaid() async throws {
        try await withRunningService(log: BareLog(InMemoryEventLog(generations: .counting))) { service in
            let answer = try await service.client.get("/v1/threads")
            #expect(answer.status == 400)
            #expect(try answer.errorCode == "threads.unlisted")
        }
    }

    // MARK: Rights

    /// Everybody is listed what they may read, and nobody gets as much as another byte for what there is besides.
    @Test(arguments: Guest.allCases.filter { ![.nobody, .expired].contains($0) })
    func eachIsListedWhatItMayRead(_ guest: Guest) async throws {
        var answers: [String] = []
        for withThread in [false, true] {
            let answer = try await withRunningService(authenticator: GuestAuthenticator()) { service in
                if withThread {
                    try await Self.note(Guest.thread, of: "owner", service)
                    let store = try #require(service.runtime.log as? any StateStore)
                    try await store.save(Guest.allCases.compactMap(\.row))
                    for number in 0..<120 {
                        try await Self.note(ThreadID(stringLiteral: "secret-\(number)"), of: "somebody", service)
                    }
                }
                return try await service.client.get("/v1/threads?limit=1", headers: guest.headers)
            }
            answers.append(answer.body)
            guard withThread else { continue }
            let mayRead =
                guest.principal?.scopes.contains(.read) == true && guest.rights.contains(.read) && guest != .narrowed
            if mayRead {
                #expect(Self.threads(try answer.json) == ["aaa-1"], "\(guest)")
                #expect(try answer.json["next"] == .null)
            } else {
                #expect(answers[0] == answers[1], "\(guest)")
            }
        }
    }

    @Test func credentialsThatNameThreadsListThem() async throws {
        try await withRunningService(authenticator: GrantedAuthenticator()) { service in
            for thread in ["a-1", "a-2", "ab", "b-1"] as [ThreadID] { try await Self.note(thread, of: "u_9", service) }
            try await Self.note("own", of: "u_1", service)
            let table: [(String, Set<String>)] = [
                ("u_1", ["own"]), ("u_1+a-*", ["own", "a-1", "a-2"]), ("u_1+a-1", ["own", "a-1"]),
                ("u_1+a*", ["own", "a-1", "a-2", "ab"]), ("u_1+a-1+b-1+c", ["own", "a-1", "b-1"]),
                ("u_1+*", ["own", "a-1", "a-2", "ab", "b-1"]), ("u_1!a-*", ["a-1", "a-2"]), ("u_1!own", ["own"]),
                ("u_1!o*+a-1", ["own", "a-1"]), ("u_9", ["a-1", "a-2", "ab", "b-1"]), ("u_9!a-1", ["a-1"]),
            ]
            for (token, expected) in table {
                let page = try await Self.ask(as: token, service)
                #expect(Set(Self.threads(page)) == expected, "\(token)")
                #expect(page["next"] == .null)
            }
            // Whose thread it is those are told who have it by their credentials.
            let thread = try await Self.ask(as: "u_1+a-1", service)["threads"]?.arrayValue?.first {
                $0["thread_id"] == "a-1"
            }
            #expect(thread?["user_id"] == "u_9")
        }
    }

    @Test func membersComeGoAndSeeNothingOfBefore() async throws {
        let sharer = ["Authorization": "Bearer u_1/read/share"]
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            try await Self.emit(
                [
                    Self.message("A secret plan"),
                    EventDraft(runID: "r_1", agent: "planner", .agentStarted(AgentStarted())),
                    EventDraft(runID: "r_1", .agentCancelled(AgentCancelled(durationMilliseconds: 1))),
                ], in: "t_7", service)
            #expect(Self.threads(try await Self.ask(as: "u_2", service)) == [])
            func put(_ body: String) async throws {
                let answer = try await service.client.send(
                    "PUT", "/v1/threads/t_7/members/u_2", headers: sharer, body: body)
                #expect(answer.status == 200, "\(answer)")
            }
            try await put(#"{"role":"viewer","from":"start"}"#)
            let full = try #require(try await Self.ask(as: "u_2", service)["threads"]?.arrayValue?.first)
            #expect(full["title"] == "A secret plan" && full["agents"] == ["planner"] && full["user_id"] == nil)
            let removal = try await service.client.send("DELETE", "/v1/threads/t_7/members/u_2", headers: sharer)
            #expect(removal.status == 204)
            #expect(Self.threads(try await Self.ask(as: "u_2", service)) == [])
            try await put(#"{"role":"viewer","from":"now"}"#)
            try await Self.note("t_7", service)
            let part = try #require(try await Self.ask(as: "u_2", service)["threads"]?.arrayValue?.first?.objectValue)
            #expect(Set(part.map(\.key)) == ["thread_id", "updated_at", "head", "status"])
            for query in ["?q=secret", "?agent=planner"] {
                #expect(Self.threads(try await Self.ask(query, as: "u_2", service)) == [])
            }
            #expect(Self.threads(try await Self.ask("?q=T_7", as: "u_2", service)) == ["t_7"])
        }
    }

    @Test func aDeletedThreadIsInNoList() async throws {
        try await withRunningService { service in
            try await Self.note("t_1", service)
            try await Self.note("t_2", service)
            #expect(Self.threads(try await Self.ask(service)).count == 2)
            #expect(try await service.client.send("DELETE", "/v1/threads/t_1?wait").status == 200)
            #expect(Self.threads(try await Self.ask(service)) == ["t_2"])
            try await Self.note("t_3", service)
            #expect(Set(Self.threads(try await Self.ask(service))) == ["t_2", "t_3"])
        }
    }

    // MARK: Cost

    /// A page looks at 1000 threads of its reader, however few of them are what was searched for.
    @Test func aSearchLeadsOnWhereItFoundNothing() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await withRunningService(log: log) { service in
            try await Self.note("t_old", service)
            #expect(Self.threads(try await Self.ask("?q=old", service)) == ["t_old"])
            for number in 0..<1050 {
                let context = try await service.runtime.context(
                    user: "u_1", thread: ThreadID(stringLiteral: "n-\(number)"))
                _ = try await context.emit([EventDraft(.custom(CustomEvent(name: "n", value: 1)))])
            }
            try await Self.note("n-0", service)
            // Before they come, which may be in the same millisecond.
            let old = try #require(try await log.cards(of: ["t_old"]).first)
            let place = try await log.listing().savedThrough
            try await log.saveCards(
                [ThreadCard(thread: "t_old", user: "u_1", activity: Timestamp(milliseconds: 1), bytes: old.bytes)],
                through: place)
            let first = try await Self.ask("?q=old", service)
            #expect(Self.threads(first) == [])
            let next = try #require(first["next"]?.stringValue)
            let second = try await Self.ask("?q=old&before=\(next)", service)
            #expect(Self.threads(second) == ["t_old"])
            #expect(second["next"] == .null)
        }
    }
}

/// The token is the user's id, then `+` or `!` (for the named threads alone), and patterns with `+` in between.
private struct GrantedAuthenticator: Authenticator {
    var needsCredentials: Bool { true }

    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        guard let token = credentials.token else { throw AuthenticationError(.missing, "send a token") }
        let isLimited = token.contains("!")
        let parts = token.split { $0 == "+" || $0 == "!" }.map(String.init)
        guard let user = parts.first.flatMap({ try? UserID($0) }) else {
            throw AuthenticationError(.invalid, "that token is none")
        }
        let patterns = parts.dropFirst().map { ThreadAllowance(ThreadPattern($0)) }
        return Principal(
            user: user, threads: patterns.isEmpty ? .own : .listed(patterns), isLimitedToThreads: isLimited)
    }
}
