import AgentEvents
import AgentEventsHub
import AgentEventsInterop
import AgentEventsProtocol
import AgentEventsTesting
import HTTPTypes
import Hummingbird
import Logging
import Testing

@testable import AgentEventsServer

/// SEC-30, 31, 33, 34: each route and each op of the code is asked for by everybody. One that has no row here fails.
///
/// One case at a time: each has a service of its own, and hundreds at once would make other tests late.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct RightsMatrixTests {
    /// A use of a thread that a route or an op takes.
    private enum Need {
        /// None: it is for everybody.
        case nothing
        /// Credentials, and no thread.
        case credentials
        /// The scopes to open a thread, and no thread yet.
        case opening
        /// The scope to read, and no thread.
        case listing
        /// The scope to command, and no thread.
        case commanding
        case use(Scope)
        /// One of two.
        case either(Scope, Scope)

        var scopes: [Scope] {
            switch self {
            case .nothing, .credentials: []
            case .opening: [.command, .open]
            case .listing: [.read]
            case .commanding: [.command]
            case .use(let scope): [scope]
            case .either(let one, let other): [one, other]
            }
        }
    }

    private enum Outcome: Equatable {
        case allowed
        case refused(String)
    }

    /// What a guest is answered who asks for their thread, or for one that does not exist.
    private static func expected(_ need: Need, _ guest: Guest, of thread: ThreadID) -> Outcome {
        if case .nothing = need { return .allowed }
        switch guest {
        case .nobody: return .refused("auth.missing")
        case .expired: return .refused("auth.expired")
        default: break
        }
        if case .credentials = need { return .allowed }
        let scopes = guest.principal?.scopes ?? []
        if case .opening = need {
            let mayOpen = scopes.isSuperset(of: need.scopes) && !guest.isNarrowed
            // The narrowed one may open a thread, and none by an id that is not its own.
            return mayOpen ? .allowed : .refused("auth.scope_missing")
        }
        guard !need.scopes.allSatisfy({ !scopes.contains($0) }) else { return .refused("auth.scope_missing") }
        switch need {
        case .listing, .commanding: return .allowed
        case .nothing, .credentials, .opening, .use, .either: break
        }
        guard thread == Guest.thread, need.scopes.contains(where: { guest.rights.contains($0) }) else {
            return .refused("thread.unknown")
        }
        return .allowed
    }

    private static func outcome(_ code: String?) -> Outcome {
        guard let code, code.hasPrefix("auth.") || code == "thread.unknown" else { return .allowed }
        return .refused(code)
    }

    // MARK: HTTP

    private static let event = #"{"type":"custom","data":{"name":"n","value":1}}"#

    /// Each route, with what it takes, and what is sent to it: queries, and the body.
    private static let routes: [String: (need: Need, requests: [(query: String, body: String?)])] = [
        "GET /health": (.nothing, [("", nil)]),
        "GET /ready": (.nothing, [("", nil)]),
        "GET /": (.nothing, [("", nil)]),
        "GET /client/**": (.nothing, [("", nil)]),
        "GET /inspector/**": (.nothing, [("", nil)]),
        "GET /examples/**": (.nothing, [("", nil)]),
        "GET /v1/stream": (.nothing, [("", nil)]),
        "POST /v1/messages": (.opening, [("", #"{"text":"x"}"#)]),
        "GET /v1/threads": (
            .listing, ["", "?q=aaa", "?status=idle", "?agent=guide", "?limit=1", "?before=9-aaa-1"].map { ($0, nil) }
        ),
        "GET /v1/threads/{thread}/events": (
            .use(.read),
            [
                "", "?after=1-1", "?after=1-9", "?after=9-1", "?after=now", "?limit=1", "?before=now", "?before=1-2",
                "?around=1-1", "?around=1-9",
            ].map { ($0, nil) }
        ),
        "POST /v1/threads/{thread}/events": (.use(.emit), [("?user_id=owner", event)]),
        "DELETE /v1/threads/{thread}": (.use(.share), [("?wait", nil)]),
        "GET /v1/threads/{thread}/deletion": (.use(.share), [("", nil)]),
        "GET /v1/threads/{thread}/state": (
            .use(.read), ["", "?at=1-1", "?at=1-9", "?at=9-1"].map { ($0, nil) }
        ),
        "GET /v1/threads/{thread}/subscribers": (.use(.read), [("", nil)]),
        "GET /v1/threads/{thread}/refusals": (.use(.read), [("", nil)]),
        "GET /v1/threads/{thread}/frames": (
            .use(.read),
            FrameProtocol.allCases.map { ("?protocol=\($0.rawValue)", nil) }
                + [
                    "&after=1-1", "&after=1-9", "&after=9-1", "&after=now", "&upto=1-1", "&upto=1-9",
                    "&after=1-2&upto=1-1",
                ].map {
                    ("?protocol=ag-ui-1.0" + $0, nil)
                }
        ),
        "GET /v1/threads/{thread}/context": (.use(.read), [("", nil)]),
        "GET /v1/threads/{thread}/context/{key}": (.use(.read), [("", nil)]),
        "PUT /v1/threads/{thread}/context/{key}": (.use(.command), [("", #"{"value":1}"#)]),
        "DELETE /v1/threads/{thread}/context/{key}": (.use(.command), [("", nil)]),
        "GET /v1/threads/{thread}/members": (.use(.share), [("", nil)]),
        "GET /v1/threads/{thread}/members/{subject}": (.use(.share), [("", nil)]),
        "PUT /v1/threads/{thread}/members/{subject}": (.use(.share), [("", #"{"role":"viewer"}"#), ("", "{}")]),
        "DELETE /v1/threads/{thread}/members/{subject}": (.use(.share), [("", nil)]),
        "GET /v1/schedules": (.commanding, [("", nil)]),
        "GET /v1/schedules/{schedule}": (.commanding, [("", nil)]),
        "DELETE /v1/schedules/{schedule}": (.commanding, [("", nil)]),
        // Those who may command in the thread and are not its user are told that it is another's.
        "PUT /v1/schedules/{schedule}": (.use(.command), [("", #"{"cron":"@daily","thread_id":"aaa-1"}"#)]),
        "POST /v1/threads/{thread}/links": (.use(.share), [("", "{}"), ("", "?")]),
        "GET /v1/threads/{thread}/messages": (
            .use(.read), ["", "?limit=1", "?before=now", "?before=1-2", "?before=1-9", "?before=9-1"].map { ($0, nil) }
        ),
        "POST /v1/threads/{thread}/messages": (.use(.command), [("", #"{"text":"x"}"#)]),
        "POST /v1/threads/{thread}/commands": (
            .use(.command),
            [
                ("", #"{"name":"stop"}"#), ("", #"{"name":"stop","as_of":"1-1"}"#),
                ("", #"{"name":"stop","as_of":"1-9"}"#), ("", #"{"name":"pause"}"#), ("", #"{"name":"resume"}"#),
                ("", #"{"name":"a.b"}"#), ("", #"{"name":"start"}"#),
                ("", #"{"name":"message","data":{"text":"x"}}"#),
            ]
        ),
    ]

    /// The paths of the service, as its router has them.
    private static func paths(of hub: AgentEventsHub) -> Set<String> {
        let router = Router(context: BasicRequestContext.self)
        let interface = HTTPInterface<BasicRequestContext>(hub: hub)
        interface.addHealthRoutes(to: router)
        interface.addFiles(to: router)
        interface.addRoutes(to: router.group("v1"))
        _ = ServiceExtension.frames().addRoutes(interface, router)
        return Set(router.routes.map { "\($0.path)" })
    }

    private static func with(_ body: @Sendable (RunningService) async throws -> Void) async throws {
        try await withRunningService(
            agents: [EchoAgent()], authenticator: GuestAuthenticator(), extensions: [.frames()]
        ) {
            (service: RunningService) async throws in
            try await log(2, in: Guest.thread, service)
            let store = try #require(service.runtime.log as? any StateStore)
            try await store.save(Guest.allCases.compactMap(\.row))
            try await body(service)
        }
    }

    private static func log(_ count: Int, in thread: ThreadID, _ service: RunningService) async throws {
        let context = try await service.runtime.context(user: "owner", thread: thread)
        for _ in 0..<count {
            // With the key of the requests: they are refused before it is looked at.
            _ = try await context.emit([EventDraft(.custom(CustomEvent(name: "n", value: 1)))], key: "a-key")
            _ = try await context.emit([EventDraft(.custom(CustomEvent(name: "n", value: 2)))])
        }
        try await context.flush()
    }

    @Test func eachRouteIsInTheTable() async throws {
        try await Self.with { (service: RunningService) async throws in
            let hub = AgentEventsHub(
                runtime: AgentRuntime(log: InMemoryEventLog()), authorizer: OwnershipAuthorizer(),
                logger: Logger(label: "test"))
            var found: Set<String> = []
            for path in Self.paths(of: hub) {
                let answer = try await service.client.send(
                    "OPTIONS",
                    path.replacing("{thread}", with: "aaa-1").replacing("{subject}", with: "somebody")
                        .replacing("{key}", with: "k").replacing("{schedule}", with: "s"))
                let methods = try #require(answer.headers["allow"], "\(path)").split(separator: ", ")
                // HEAD is GET without the body.
                for method in methods where method != "OPTIONS" && method != "HEAD" {
                    found.insert("\(method) \(path)")
                }
            }
            #expect(found == Set(Self.routes.keys))
        }
    }

    @Test(arguments: routes.keys.sorted(), Guest.allCases)
    func aRouteIsForThoseWhoMay(_ route: String, _ guest: Guest) async throws {
        let (need, requests) = try #require(Self.routes[route])
        let parts = route.split(separator: " ")
        try await Self.with { (service: RunningService) async throws in
            for request in requests {
                func ask(_ thread: ThreadID) async throws -> RawHTTPClient.Answer {
                    let path = parts[1].replacing("{thread}", with: thread.rawValue)
                        .replacing("{subject}", with: "somebody").replacing("{key}", with: "k")
                        .replacing("{schedule}", with: "s")
                    var headers = guest.headers
                    if parts[0] != "GET" { headers["Idempotency-Key"] = "a-key" }
                    return try await service.client.send(
                        String(parts[0]), path + request.query, headers: headers, body: request.body)
                }
                let unknown = try await ask("bbb-1")
                if parts[1].contains("{thread}"), !guest.isBackend {
                    #expect(
                        Self.outcome(try unknown.errorCode) == Self.expected(need, guest, of: "bbb-1"),
                        "\(guest): \(route)\(request.query) \(unknown)")
                }
                let answer = try await ask(Guest.thread)
                let expected = Self.expected(need, guest, of: Guest.thread)
                #expect(Self.outcome(try answer.errorCode) == expected, "\(guest): \(route)\(request.query) \(answer)")
                guard expected != .allowed else { continue }
                // SEC-33: what is forbidden is answered in the bytes of what is not there.
                #expect(answer.status == unknown.status)
                #expect(answer.body == unknown.body.replacing("bbb-1", with: "aaa-1"))
                #expect(Set(answer.headers.keys) == Set(unknown.headers.keys))
                #expect(answer.headers["content-length"] == unknown.headers["content-length"])
            }
            guard need.scopes == [.read] || Self.expected(need, guest, of: Guest.thread) != .allowed else { return }
            #expect(try await service.loggedEvents(in: Guest.thread).count == 3)
            if !guest.isBackend { #expect(try await service.loggedEvents(in: "bbb-1").isEmpty) }
        }
    }

    /// SEC-37: an answer takes less than other commands, and by it nothing else is done.
    @Test(arguments: Guest.allCases)
    func anAnswerTakesTheRightToApprove(_ guest: Guest) async throws {
        try await Self.with { (service: RunningService) async throws in
            let context = try await service.runtime.context(user: "owner", thread: Guest.thread)
            try await context.emit(EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())))
            try await context.emit(
                EventDraft(runID: "r_1", .approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "May I?"))))
            try await context.flush()
            let count = try await service.loggedEvents(in: Guest.thread).count
            func ask(_ thread: ThreadID, _ body: String, key: String) async throws -> RawHTTPClient.Answer {
                try await service.client.post(
                    "/v1/threads/\(thread)/commands", body,
                    headers: guest.headers.merging(["Idempotency-Key": key]) { $1 })
            }
            let body = #"{"name":"answer","run_id":"r_1","data":{"approval_id":"a_1","decision":"approved"}}"#
            let answer = try await ask(Guest.thread, body, key: "k_1")
            let need = Need.either(.approve, .command)
            let expected = Self.expected(need, guest, of: Guest.thread)
            #expect(Self.outcome(try answer.errorCode) == expected)
            let unknown = try await ask("bbb-1", body, key: "k_1")
            #expect(Self.outcome(try unknown.errorCode) == Self.expected(need, guest, of: "bbb-1"))
            if expected != .allowed {
                #expect(answer.body == unknown.body.replacing("bbb-1", with: "aaa-1"))
                #expect(try await service.loggedEvents(in: Guest.thread).count == count)
                return
            }
            #expect(answer.status == 200)
            // Once: another decision does not undo it.
            let other = #"{"name":"answer","run_id":"r_1","data":{"approval_id":"a_1","decision":"denied"}}"#
            #expect(try await ask(Guest.thread, other, key: "k_2").errorCode == "approval.resolved")
            let stop = try await ask(Guest.thread, #"{"name":"stop","run_id":"r_1"}"#, key: "k_3")
            #expect(Self.outcome(try stop.errorCode) == Self.expected(.use(.command), guest, of: Guest.thread))
            let isEnded = try await service.loggedEvents(in: Guest.thread).last?.type == .agentCancelled
            #expect(isEnded == guest.rights.contains(.command))
        }
    }

    // MARK: The stream

    /// What is sent about a thread, in order, for each op and each command.
    private static func script(_ op: OperationName, _ thread: ThreadID) -> [(need: Need, messages: [String])] {
        func message(_ members: String) -> String { #"{"op":"\#(op)","req":1,"thread_id":"\#(thread)"\#(members)}"# }
        let subscribe = #"{"op":"subscribe","req":0,"thread_id":"\#(thread)","after":"start"}"#
        switch op {
        // About no thread; see below.
        case .auth, .refresh, .watch, .unwatch, .serve, .take, .decline, .renew, .ping, .pong: return []
        case .subscribe:
            let starts = [
                "", #","after":"start""#, #","after":"1-1""#, #","after":"1-9""#, #","after":"9-1""#,
                #","after":"snapshot""#, #","snapshot":true,"after":"9-1""#, #","consumer":"c""#,
            ]
            return starts.map { (.use(.read), [message($0)]) }
        case .unsubscribe: return [(.nothing, [subscribe, message("")])]
        case .ack: return [(.use(.read), [subscribe, message(#","cursor":"1-1""#)])]
        case .emit:
            return [(.use(.emit), [message(#","user_id":"owner","key":"a-key","events":[\#(event)]"#)])]
        case .command:
            return CommandWord.allCases.map { word in
                let data =
                    switch word {
                    case .stop, .pause, .resume, .start: ""
                    case .answer: #","data":{"approval_id":"a_1","decision":"approved"}"#
                    case .message: #","data":{"text":"x"}"#
                    case .revoke: #","data":{"tool":"deploy"}"#
                    case .set: #","data":{"key":"k","value":1}"#
                    case .remove: #","data":{"key":"k"}"#
                    }
                return (
                    word == .answer || word == .revoke ? .either(.approve, .command) : .use(.command),
                    [message(#","key":"k_1","name":"\#(word)"\#(data)"#)]
                )
            } + [(.use(.command), [message(#","key":"k_1","name":"a.b""#)])]
        }
    }

    /// Everything that a guest is told about a thread, and then about their own: SEC-34, the connection lives.
    private static func transcript(
        _ guest: Guest, _ messages: [String], _ service: RunningService
    ) async throws -> [String] {
        try await service.withWebSocket(headers: guest.headers) { socket in
            var texts: [String] = []
            for message in messages { try await socket.send(message) }
            // What comes about a thread is answered in its order.
            let thread = messages.first?.contains("aaa-1") == true ? "aaa-1" : "bbb-1"
            try await socket.send(#"{"op":"unsubscribe","req":8,"thread_id":"\#(thread)"}"#)
            while texts.last?.contains(#""req":8"#) != true {
                switch try await socket.next() {
                case .text(let text):
                    let isAside = text.contains(#""op":"welcome""#) || text.contains(#""op":"ping""#)
                    if !isAside { texts.append(text) }
                case .ping, .pong: break
                case let other:
                    Issue.record("no message but \(String(describing: other))")
                    throw CancellationError()
                }
            }
            try await socket.send(#"{"op":"ping","req":9}"#)
            _ = try await socket.messages(until: "pong")
            return texts
        }
    }

    /// Whoever may read anything at all watches a list, and it has what they may read.
    @Test(arguments: Guest.allCases)
    func aListIsWatchedByThoseWhoMayRead(_ guest: Guest) async throws {
        guard let principal = guest.principal else { return }
        try await Self.with { (service: RunningService) async throws in
            try await service.withWebSocket(headers: guest.headers) { socket in
                try await socket.send(together: [
                    #"{"op":"watch","req":1}"#, #"{"op":"unwatch","req":2}"#, #"{"op":"watch","req":3}"#,
                ])
                guard principal.mayAnywhere(.read) else {
                    for request in [1, 2, 3] {
                        let refusal = try await socket.messages(until: "error").message
                        #expect(refusal["req"]?.integerValue == Int64(request))
                        let code = request == 2 ? "subscription.unknown" : "auth.scope_missing"
                        #expect(refusal["code"]?.stringValue == code, "\(guest)")
                    }
                    return
                }
                let news = try await socket.messages(until: "threads").message
                let threads = (news["threads"]?.arrayValue ?? []).compactMap { $0["thread_id"]?.stringValue }
                let mayRead = Self.expected(.use(.read), guest, of: Guest.thread) == .allowed
                #expect(threads.contains("aaa-1") == mayRead, "\(guest): \(news)")
            }
        }
    }

    @Test(arguments: OperationName.allCases, Guest.allCases)
    func anOpIsForThoseWhoMay(_ op: OperationName, _ guest: Guest) async throws {
        guard let principal = guest.principal else { return }
        let scripts = Self.script(op, Guest.thread)
        guard !scripts.isEmpty else { return }
        try await Self.with { (service: RunningService) async throws in
            for (index, script) in scripts.enumerated() {
                let unknown = try await Self.transcript(guest, Self.script(op, "bbb-1")[index].messages, service)
                let texts = try await Self.transcript(guest, script.messages, service)
                let expected = Self.expected(script.need, guest, of: Guest.thread)
                if expected == .allowed {
                    if script.need.scopes == [.read] {
                        #expect(texts.contains { $0.contains(#""head":"1-3""#) }, "\(guest): \(script) \(texts)")
                    } else {
                        #expect(!texts.contains { $0.contains("thread.unknown") }, "\(guest): \(script) \(texts)")
                    }
                } else {
                    #expect(texts == unknown.map { $0.replacing("bbb-1", with: "aaa-1") }, "\(guest): \(script)")
                    let isSilent = script.need.scopes == [.read] && principal.scopes.contains(.read)
                    if case .refused(let code) = expected, !isSilent {
                        #expect(texts.contains { $0.contains(code) }, "\(guest): \(script) \(texts)")
                    }
                    #expect(try await service.loggedEvents(in: Guest.thread).count == 3)
                }
                if !guest.isBackend { #expect(try await service.loggedEvents(in: "bbb-1").isEmpty) }
            }
        }
    }
}
