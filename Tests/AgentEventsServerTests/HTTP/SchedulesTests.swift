import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

/// Schedules over HTTP: who may have them, and what is said of them.
@Suite(.timeLimit(.minutes(5))) struct ScheduleRouteTests {
    /// The token is the user's id, and after a slash the only thread that it reaches.
    private struct Tokens: Authenticator {
        var needsCredentials: Bool { true }

        func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
            guard let token = credentials.token, let user = try? UserID(token.prefix { $0 != "/" }) else {
                throw AuthenticationError(.missing, "send a token")
            }
            guard user != "reader" else { return Principal(user: user, scopes: [.read]) }
            guard let slash = token.firstIndex(of: "/") else { return Principal(user: user) }
            let thread = String(token[token.index(after: slash)...])
            return Principal(
                user: user, threads: .listed([ThreadAllowance(ThreadPattern(thread))]), isLimitedToThreads: true)
        }
    }

    private struct Silent: ServedAgent {
        var name: AgentName { "guide" }
        func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? { .string(prompt.text) }
    }

    private struct Stage {
        let service: RunningService

        func ask(
            _ method: String, _ path: String, _ user: String, _ body: String? = nil
        ) async throws -> RawHTTPClient.Answer {
            try await service.client.send(
                method, "/v1/schedules" + path, headers: ["Authorization": "Bearer \(user)"], body: body)
        }

        /// The status and the code.
        func told(_ method: String, _ path: String, _ user: String, _ body: String? = nil) async throws -> String {
            let answer = try await ask(method, path, user, body)
            return "\(answer.status) \(answer.body.isEmpty ? "-" : try answer.errorCode ?? "-")"
        }
    }

    private func withStage(
        _ clock: ManualClock = ManualClock(),
        log: any EventLog = InMemoryEventLog(generations: .counting),
        _ body: (Stage) async throws -> Void
    ) async throws {
        var runtime = RuntimeConfiguration()
        runtime.clock = clock.wallClock
        try await withRunningService(log: log, agents: [Silent()], authenticator: Tokens(), runtime: runtime) {
            service in
            try await body(Stage(service: service))
        }
    }

    private static let body =
        #"{"cron":"0 9 * * *","thread_id":"u_1~a","input":"Report.","catch_up":"all","catch_up_limit":3}"#

    @Test func isKeptFoundChangedAndRemoved() async throws {
        try await withStage { (stage: Stage) async throws in
            let made = try await stage.ask("PUT", "/report", "u_1", Self.body)
            #expect(made.status == 201)
            let json = try made.json
            #expect(
                json == [
                    "id": "report", "cron": "0 9 * * *", "zone": "UTC", "thread_id": "u_1~a", "input": "Report.",
                    "catch_up": "all", "catch_up_limit": 3, "next": "2026-11-21T09:00:00.000Z",
                    "done_up_to": "2026-11-21T02:00:00.000Z", "given": false,
                ])
            #expect(try await stage.told("PUT", "/report", "u_1", Self.body) == "200 -")
            #expect(try await stage.ask("GET", "/report", "u_1").json == json)
            #expect(try await stage.ask("GET", "", "u_1").json == ["schedules": [json]])
            #expect(try await stage.ask("GET", "", "u_2").json == ["schedules": []])
            #expect(try await stage.told("GET", "/report", "u_2") == "404 schedule.unknown")
            #expect(try await stage.told("DELETE", "/report", "u_2") == "404 schedule.unknown")
            #expect(try await stage.told("DELETE", "/report", "u_1") == "204 -")
            #expect(try await stage.told("DELETE", "/report", "u_1") == "404 schedule.unknown")
            #expect(try await stage.ask("POST", "", "u_1", "{}").status == 405)
        }
    }

    @Test(arguments: [
        (#"{"cron":"0 9 * * *"}"#, "400 message.invalid"),
        (#"{"cron":"x","thread_id":"u_1~a"}"#, "400 schedule.invalid"),
        (#"{"cron":"0 9 * * *","thread_id":"u_1~a","zone":"Mars/Base"}"#, "400 schedule.invalid"),
        (#"{"cron":"0 9 * * *","thread_id":"u_1~a","catch_up":"all"}"#, "400 message.invalid"),
        (#"{"cron":"0 9 * * *","thread_id":"u_1~a","catch_up_limit":2}"#, "400 message.invalid"),
        (#"{"cron":"0 9 * * *","thread_id":"u_1~a","catch_up":"all","catch_up_limit":25}"#, "400 schedule.invalid"),
        (#"{"cron":"0 9 * * *","thread_id":"u_1~a","catch_up":"some"}"#, "400 message.invalid"),
        (#"{"cron":"0 9 * * *","thread_id":"u_1~a","timezone":"UTC"}"#, "400 event.unknown_field"),
        (#"{"cron":"0 9 * * *","thread_id":"u_1~a","policy":"never"}"#, "400 message.invalid"),
        ("[]", "400 message.invalid"), ("{", "400 json.syntax"),
        // Somebody else's, by its name.
        (#"{"cron":"0 9 * * *","thread_id":"u_2~a"}"#, "404 thread.unknown"),
        (#"{"cron":"0 9 * * *","thread_id":"t_1"}"#, "404 thread.unknown"),
    ])
    func whatIsWrongIsSaid(body: String, expected: String) async throws {
        try await withStage { (stage: Stage) async throws in
            let told = try await stage.told("PUT", "/report", "u_1", body)
            #expect(told == expected || (expected == "400 json.syntax" && told.hasPrefix("400 json.")))
            #expect(try await stage.ask("GET", "", "u_1").json == ["schedules": []])
        }
    }

    @Test func onlyForThreadsOfOnesOwnWithinTheCredentials() async throws {
        try await withStage { (stage: Stage) async throws in
            #expect(try await stage.told("PUT", "/report", "reader", Self.body) == "403 auth.scope_missing")
            #expect(try await stage.told("GET", "", "reader") == "403 auth.scope_missing")
            #expect(try await stage.told("PUT", "/report", "u_1", Self.body) == "201 -")
            // Credentials for another thread see nothing of it, and do not take it there.
            #expect(try await stage.told("GET", "/report", "u_1/u_1~b") == "404 schedule.unknown")
            #expect(try await stage.told("DELETE", "/report", "u_1/u_1~b") == "404 schedule.unknown")
            #expect(try await stage.told("PUT", "/report", "u_1/u_1~b", Self.body) == "404 thread.unknown")
            let moved = #"{"cron":"0 9 * * *","thread_id":"u_1~b"}"#
            #expect(try await stage.told("PUT", "/report", "u_1/u_1~b", moved) == "403 auth.scope_missing")
            #expect(try await stage.told("GET", "/report", "u_1/u_1~a") == "200 -")
        }
    }

    @Test func aMemberOfAnothersThreadHasNoneThere() async throws {
        try await withStage { (stage: Stage) async throws in
            let headers = ["Authorization": "Bearer u_1"]
            let opened = try await stage.service.client.send(
                "POST", "/v1/threads/u_1~a/messages", headers: headers, body: #"{"text":"Hello."}"#)
            #expect(opened.status == 202)
            // Credentials that name the thread may use it, and it stays another's.
            #expect(try await stage.told("PUT", "/report", "u_2/u_1~a", Self.body) == "403 thread.forbidden")
        }
    }

    @Test func aLogWithoutAPlaceForThemKeepsNone() async throws {
        try await withStage(log: PlainLog()) { (stage: Stage) async throws in
            #expect(try await stage.told("PUT", "/report", "u_1", Self.body) == "400 schedule.unsupported")
            #expect(try await stage.ask("GET", "", "u_1").json == ["schedules": []])
        }
    }
}

/// A log that keeps events, and nothing else.
private struct PlainLog: EventLog {
    let log = InMemoryEventLog(generations: .counting)

    func open() async throws(EventLogError) -> LogOpening { try await log.open() }
    func append(_ commit: LogCommit) async throws(EventLogError) { try await log.append(commit) }
    func read(_ request: LogRead) async throws(EventLogError) -> LogPage { try await log.read(request) }
    func thread(_ thread: ThreadID) async throws(EventLogError) -> ThreadRecord? { try await log.thread(thread) }
    func startedRuns(among runs: Set<RunID>, in thread: ThreadID) async throws(EventLogError) -> Set<RunID> {
        try await log.startedRuns(among: runs, in: thread)
    }
    func recall(_ key: IdempotencyKey, in thread: ThreadID) async throws(EventLogError) -> RecalledRequest? {
        try await log.recall(key, in: thread)
    }
}
