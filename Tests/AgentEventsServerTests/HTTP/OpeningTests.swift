import AgentEvents
import AgentEventsHub
import AgentEventsTestSupport
import AgentEventsTesting
import Testing

/// SEC-35, 36: who opens which threads, and for whom.
@Suite(.timeLimit(.minutes(10)))
struct OpeningTests {
    private static let event = #"{"type":"custom","data":{"name":"n","value":1}}"#
    private static let text = #"{"text":"Hello"}"#

    private static func with(
        _ principals: [String: Principal],
        _ body: @Sendable (RunningService) async throws -> Void
    ) async throws {
        try await withRunningService(
            agents: [EchoAgent()], authenticator: PrincipalTable(principals: principals), body)
    }

    private static func ask(
        _ user: String, _ path: String, _ body: String = text, key: String? = nil, on service: RunningService
    ) async throws -> RawHTTPClient.Answer {
        var headers = ["Authorization": "Bearer \(user)"]
        headers["Idempotency-Key"] = key
        return try await service.client.post(path, body, headers: headers)
    }

    /// An event that lets a user say something.
    private static func spoken(_ user: String) -> String {
        #"{"type":"user_message","data":{"message_id":"m_\#(user)","user_id":"\#(user)","text":"x"}}"#
    }

    private static func thread(_ answer: RawHTTPClient.Answer) throws -> ThreadID {
        #expect(answer.status == 202)
        return try ThreadID(try #require(try answer.json["thread_id"]?.stringValue))
    }

    private static let frontends = ["u_1": Principal(user: "u_1"), "u_2": Principal(user: "u_2")]

    @Test func theServiceMakesTheIDsOfThreads() async throws {
        try await Self.with(Self.frontends) { (service: RunningService) async throws in
            var threads: Set<ThreadID> = []
            for _ in 0..<8 { threads.insert(try Self.thread(try await Self.ask("u_1", "/v1/messages", on: service))) }
            #expect(threads.count == 8)
            for thread in threads {
                // 128 bits as hexadecimal digits.
                #expect(thread.rawValue.wholeMatch(of: /t_[0-9a-f]{32}/) != nil)
                #expect(try await service.loggedEvents(in: thread).first?.type == .userMessage)
            }
            // It is an own thread like others, and for others it is none.
            let thread = try #require(threads.first)
            let path = "/v1/threads/\(thread)/messages"
            #expect(try await Self.ask("u_1", path, on: service).status == 202)
            #expect(try await Self.ask("u_2", path, on: service).errorCode == "thread.unknown")
        }
    }

    @Test func aRepeatedRequestOpensOneThread() async throws {
        try await Self.with(Self.frontends) { (service: RunningService) async throws in
            let first = try await Self.ask("u_1", "/v1/messages", key: "k_1", on: service)
            let again = try await Self.ask("u_1", "/v1/messages", key: "k_1", on: service)
            #expect(again.status == 202)
            #expect(again.body == first.body)
            let other = try await Self.ask("u_1", "/v1/messages", #"{"text":"Other"}"#, key: "k_1", on: service)
            #expect(try other.errorCode == "key.conflict")
            // The key of another user is another key.
            let foreign = try await Self.ask("u_2", "/v1/messages", key: "k_1", on: service)
            #expect(try Self.thread(foreign) != Self.thread(first))
            #expect(
                try Self.thread(try await Self.ask("u_1", "/v1/messages", key: "k_2", on: service))
                    != Self.thread(first))
        }
    }

    /// F4: neither an oracle of which threads exist, nor somebody else's id taken before its owner comes.
    @Test(arguments: ["t_victim", "u_2~notes", "u_1", "u_1x~notes", "~notes", "U_1~notes"])
    func aFrontendDoesNotTakeOtherIDs(_ id: String) async throws {
        try await Self.with(Self.frontends) { (service: RunningService) async throws in
            let path = "/v1/threads/\(id)"
            let message = try await Self.ask("u_1", path + "/messages", on: service)
            #expect(message.status == 404)
            #expect(try message.errorCode == "thread.unknown")
            for body in [#"{"name":"start"}"#, #"{"name":"message","data":{"text":"x"}}"#] {
                #expect(
                    try await Self.ask("u_1", path + "/commands", body, key: "k", on: service).errorCode
                        == "thread.unknown"
                )
            }
            #expect(try await service.loggedEvents(in: ThreadID(id)).isEmpty)
        }
    }

    @Test(arguments: ["u_1~notes", "u_1%7Enotes", "u_1~", "u_1~a~b"])
    func aFrontendChoosesIDsThatBeginWithItsOwn(_ id: String) async throws {
        try await Self.with(Self.frontends) { (service: RunningService) async throws in
            #expect(try await Self.ask("u_1", "/v1/threads/\(id)/messages", on: service).status == 202)
            #expect(try await Self.ask("u_2", "/v1/threads/\(id)/messages", on: service).status == 404)
        }
    }

    @Test func openingTakesTheScopeAndAnOwnIDAGrantWithIt() async throws {
        func granted(_ scopes: Set<Scope>?) -> ThreadGrant {
            .listed([ThreadAllowance(ThreadPattern("project-*"), scopes: scopes)])
        }
        let principals = [
            "no-scope": Principal(user: "u_1", scopes: [.read, .command]),
            "all": Principal(user: "u_1", threads: granted(nil)),
            "open": Principal(user: "u_1", threads: granted([.command, .open])),
            "no-open": Principal(user: "u_1", threads: granted([.command])),
            "no-scope-in-grant": Principal(
                user: "u_1", scopes: [.read, .command], threads: granted([.command, .open])),
            "narrowed": Principal(user: "u_1", threads: granted(nil), isLimitedToThreads: true),
            "nothing": Principal(user: "u_1", isLimitedToThreads: true),
        ]
        try await Self.with(principals) { (service: RunningService) async throws in
            for (token, code, own, listed) in [
                ("no-scope", "auth.scope_missing", "thread.unknown", "thread.unknown"),
                ("all", nil, nil, nil), ("open", nil, nil, nil), ("no-open", nil, nil, "thread.unknown"),
                ("no-scope-in-grant", "auth.scope_missing", "thread.unknown", "thread.unknown"),
                ("narrowed", "auth.scope_missing", "thread.unknown", nil),
                ("nothing", "auth.scope_missing", "auth.scope_missing", "auth.scope_missing"),
            ] as [(String, String?, String?, String?)] {
                #expect(try await Self.ask(token, "/v1/messages", on: service).errorCode == code, "\(token)")
                #expect(
                    try await Self.ask(token, "/v1/threads/u_1~\(token)/messages", on: service).errorCode == own,
                    "\(token)"
                )
                let path = "/v1/threads/project-\(token)/messages"
                #expect(try await Self.ask(token, path, on: service).errorCode == listed, "\(token)")
            }
        }
    }

    /// SEC-36: an id in a request says for whom it is meant, and gives no right.
    @Test func emittingForAnotherTakesTheRight() async throws {
        let principals = [
            "u_1": Principal(user: "u_1", scopes: [.emit, .open]),
            "listed": Principal(user: "b_1", scopes: [.emit], actsAs: .listed(["u_2"])),
            "all": Principal(user: "b_2", scopes: [.emit], actsAs: .everybody),
            "scopeless": Principal(user: "b_3", scopes: [.read], actsAs: .everybody),
        ]
        try await Self.with(principals) { (service: RunningService) async throws in
            func emit(_ token: String, _ thread: String, _ user: String?, _ body: String = Self.event) async throws
                -> String?
            {
                let query = user.map { "?user_id=\($0)" } ?? ""
                return try await Self.ask(token, "/v1/threads/\(thread)/events\(query)", body, on: service).errorCode
            }
            #expect(try await emit("u_1", "u_1~a", nil) == nil)
            #expect(try await emit("u_1", "u_1~a", "u_1") == nil)
            #expect(try await emit("u_1", "u_1~b", "u_2") == "thread.unknown")
            #expect(try await emit("u_1", "u_1~a", "u_2") == "thread.unknown")
            #expect(try await emit("listed", "t_1", "u_2") == nil)
            #expect(try await emit("listed", "t_1", nil) == "thread.forbidden")
            #expect(try await emit("listed", "t_2", "u_3") == "thread.unknown")
            #expect(try await emit("listed", "u_1~a", "u_1") == "thread.unknown")
            #expect(try await emit("all", "t_3", "u_3") == nil)
            #expect(try await emit("all", "u_1~a", "u_1") == nil)
            #expect(try await emit("scopeless", "t_1", "u_2") == "auth.scope_missing")
            // Words are put into the mouth of nobody else.
            #expect(try await emit("u_1", "u_1~a", nil, Self.spoken("u_1")) == nil)
            let answer = try await Self.ask("u_1", "/v1/threads/u_1~a/events", Self.spoken("u_2"), on: service)
            #expect(try answer.errorCode == "event.field_not_allowed")
            #expect(try answer.json["error"]?["path"] == "$.data.user_id")
            #expect(try await emit("listed", "t_1", "u_2", Self.spoken("u_2")) == nil)
            #expect(try await emit("listed", "t_1", "u_2", Self.spoken("u_3")) == "event.field_not_allowed")
            #expect(try await emit("all", "t_3", "u_3", Self.spoken("u_9")) == nil)
        }
    }

    /// Who sends a message is the one of the credentials, whosever thread it is.
    @Test func aMessageCarriesItsSender() async throws {
        var sharing = Principal(user: "u_2")
        sharing.threads = .listed([ThreadAllowance(ThreadPattern("u_1~*"))])
        let principals = ["u_1": Principal(user: "u_1"), "u_2": sharing]
        try await Self.with(principals) { (service: RunningService) async throws in
            #expect(try await Self.ask("u_1", "/v1/threads/u_1~a/messages", on: service).status == 202)
            #expect(try await Self.ask("u_2", "/v1/threads/u_1~a/messages", on: service).status == 202)
            let command = #"{"name":"message","data":{"text":"x"}}"#
            #expect(
                try await Self.ask("u_2", "/v1/threads/u_1~a/commands", command, key: "k", on: service).status == 200)
            let senders = try await service.loggedEvents(in: "u_1~a").compactMap { event -> UserID? in
                if case .userMessage(let message) = event.payload { message.userID } else { nil }
            }
            #expect(senders == ["u_1", "u_2", "u_2"])
        }
    }

    /// However large the body is that comes with it.
    @Test(arguments: [10, 100_000]) func aCommandOpensAThread(_ count: Int) async throws {
        try await Self.with(["u_1": Principal(user: "u_1")]) { (service: RunningService) async throws in
            let text = String(repeating: "x", count: count)
            let command = #"{"name":"message","data":{"text":"\#(text)"}}"#
            func send(_ thread: String) async throws -> Int {
                try await Self.ask("u_1", "/v1/threads/\(thread)/commands", command, key: "k", on: service).status
            }
            #expect(try await send("u_1~a") == 200)
            // One that the client may not open.
            #expect(try await send("t_1") == 404)
        }
    }

    /// SEC-39: an id is decoded once, and compared byte by byte.
    @Test func aGrantIsForTheDecodedID() async throws {
        let principals = [
            "u_1": Principal(user: "u_1", threads: .listed([ThreadAllowance(ThreadPattern("U02/*"))]))
        ]
        try await Self.with(principals) { (service: RunningService) async throws in
            for (path, status) in [
                ("U02%2FT01", 202), ("U02%2ft01", 202), ("U02%252FT01", 404), ("u02%2FT01", 404), ("U02%2F", 202),
                ("U02", 404), ("%55%302%2Fx", 202),
            ] {
                #expect(
                    try await Self.ask("u_1", "/v1/threads/\(path)/messages", on: service).status == status, "\(path)")
            }
        }
    }

    /// An application's own authorizer is asked for new threads, too.
    @Test func anAuthorizerDecidesAboutNewThreads() async throws {
        let authorizer = ScriptedAuthorizer { $0.isNewID || $0.owner != nil ? [.command, .open] : [.command] }
        try await withRunningService(agents: [EchoAgent()], authorizer: authorizer) {
            (service: RunningService) async throws in
            #expect(try await service.client.post("/v1/messages", Self.text).status == 202)
            #expect(try await service.client.post("/v1/threads/t_1/messages", Self.text).status == 404)
            authorizer.set { _ in .command }
            #expect(try await service.client.post("/v1/messages", Self.text).errorCode == "auth.scope_missing")
        }
    }
}

/// Knows a token for each of some principals.
struct PrincipalTable: Authenticator {
    let principals: [String: Principal]

    var needsCredentials: Bool { true }

    func authenticate(_ credentials: Credentials) async throws(AuthenticationError) -> Principal {
        guard let token = credentials.token else { throw AuthenticationError(.missing, "send a token") }
        guard let principal = principals[token] else { throw AuthenticationError(.invalid, "that token is none") }
        return principal
    }
}
