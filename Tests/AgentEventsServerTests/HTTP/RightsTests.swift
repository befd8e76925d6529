import AgentEvents
import AgentEventsHub
import AgentEventsTestSupport
import Testing

/// SEC-33, 38: each route asks the authorizer, what is forbidden is unknown, and no answer is a no.
struct RightsTests {
    private static let event = #"{"type":"custom","data":{"name":"n","value":1}}"#

    /// Each route, as it is asked for a thread.
    private static func requests(_ thread: String) -> [(method: String, path: String, body: String?)] {
        let path = "/v1/threads/\(thread)"
        return [
            ("GET", "\(path)/events", nil), ("GET", "\(path)/events?after=1-1", nil), ("GET", "\(path)/state", nil),
            ("GET", "\(path)/subscribers", nil), ("POST", "\(path)/events", event),
            ("POST", "\(path)/events?user_id=u_2", event), ("POST", "\(path)/messages", #"{"text":"x"}"#),
            ("POST", "\(path)/commands", #"{"name":"stop"}"#),
        ]
    }

    private static func ask(
        _ request: (method: String, path: String, body: String?),
        _ service: RunningService
    ) async throws -> RawHTTPClient.Answer {
        guard let body = request.body else { return try await service.client.get(request.path) }
        return try await service.client.post(request.path, body, headers: ["Idempotency-Key": #""a-key""#])
    }

    @Test func whatIsForbiddenIsUnknownOnEveryRoute() async throws {
        try await withRunningService(agents: [EchoAgent()], authorizer: ScriptedAuthorizer { _ in [] }) { service in
            let context = try await service.runtime.context(user: "u_2", thread: "t_1")
            // With the key of the requests: they are refused before it is looked at.
            _ = try await context.emit([EventDraft(.custom(CustomEvent(name: "n", value: 1)))], key: "a-key")
            try await context.flush()
            for (forbidden, unknown) in zip(Self.requests("t_1"), Self.requests("t_9")) {
                let one = try await Self.ask(forbidden, service)
                let other = try await Self.ask(unknown, service)
                #expect(one.status == 404 && other.status == 404, "\(forbidden)")
                #expect(try one.errorCode == "thread.unknown")
                #expect(one.body == other.body.replacing("t_9", with: "t_1"), "\(forbidden)")
                #expect(Set(one.headers.keys) == Set(other.headers.keys))
            }
            #expect(try await service.loggedEvents(in: "t_9").isEmpty)
            #expect(try await service.loggedEvents(in: "t_1").count == 1)
        }
    }

    /// A thread that is about to be somebody else's, but has no event in the log yet.
    @Test func aThreadThatIsBeingOpenedIsUnknownToOthers() async throws {
        try await withRunningService(agents: [EchoAgent()], authorizer: ScriptedAuthorizer { _ in [] }) { service in
            let context = try await service.runtime.context(user: "u_2", thread: "t_1")
            for request in Self.requests("t_1") where request.method == "POST" {
                let answer = try await Self.ask(request, service)
                #expect(answer.status == 404, "\(request)")
                #expect(try answer.errorCode == "thread.unknown")
            }
            // The context stays in memory until here.
            #expect(context.user == "u_2")
        }
    }

    @Test func withoutAnAnswerARequestMayBeTriedAgain() async throws {
        let authorizer = ScriptedAuthorizer { _ in throw ScriptedAuthorizer.Broken() }
        try await withRunningService(agents: [EchoAgent()], authorizer: authorizer) { service in
            for request in Self.requests("t_1") {
                let answer = try await Self.ask(request, service)
                #expect(answer.status == 503, "\(request)")
                #expect(try answer.errorCode == "auth.unavailable")
                #expect(answer.headers["retry-after"] == "1")
            }
            authorizer.set { _ in [.read, .emit, .command, .open] }
            #expect(try await service.client.post("/v1/threads/t_1/messages", #"{"text":"x"}"#).status == 202)
            #expect(try await service.client.get("/v1/threads/t_1/state").status == 200)
        }
    }

    /// SEC-38: what hangs has not said yes, on no route.
    @Test(.timeLimit(.minutes(10))) func whatHangsIsDenied() async throws {
        let authorizer = ScriptedAuthorizer { _ in [.read, .emit, .command, .open] }
        authorizer.hold("t_1")
        try await withRunningService(agents: [EchoAgent()], authorizer: authorizer) { service in
            defer { authorizer.release() }
            try await withThrowingTaskGroup(of: (Int, String?).self) { group in
                for request in Self.requests("t_1") {
                    group.addTask {
                        let answer = try await Self.ask(request, service)
                        return (answer.status, try answer.errorCode)
                    }
                }
                for try await answer in group { #expect(answer == (503, "auth.unavailable")) }
            }
            #expect(try await service.loggedEvents(in: "t_1").isEmpty)
            #expect(try await service.client.post("/v1/threads/t_2/messages", #"{"text":"x"}"#).status == 202)
        }
    }

    /// A thread of somebody else, with rights in it.
    @Test func whoMayUsesTheThreadOfSomebodyElse() async throws {
        let authorizer = ScriptedAuthorizer { request in
            request.principal.user == "local" && request.owner == "u_2" ? [.read, .command, .emit] : []
        }
        try await withRunningService(agents: [EchoAgent()], authorizer: authorizer) { service in
            let context = try await service.runtime.context(user: "u_2", thread: "t_1")
            try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: 1))))
            try await context.flush()
            #expect(try await service.client.get("/v1/threads/t_1/events").status == 200)
            #expect(try await service.client.post("/v1/threads/t_1/events?user_id=u_2", Self.event).status == 201)
            // It is the thread of another user than the one who is named, and that may be said.
            let named = try await service.client.post("/v1/threads/t_1/events", Self.event)
            #expect(try named.status == 403 && named.errorCode == "thread.forbidden")
            #expect(try await service.client.post("/v1/threads/t_1/messages", #"{"text":"x"}"#).status == 202)
            // It has not the right to open one.
            #expect(try await service.client.post("/v1/threads/t_9/messages", #"{"text":"x"}"#).status == 404)
        }
    }
}
