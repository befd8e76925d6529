import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTesting
import Testing

struct IngestTests {
    private static let started = #"{"type":"agent_started","run_id":"r_1","agent":"guide","data":{}}"#
    private static let thinking =
        #"{"type":"agent_thinking","run_id":"r_1","data":{"thought_id":"th_1","text":"Hm. 🧭"}}"#
    private static let completed = #"{"type":"agent_completed","run_id":"r_1","data":{"duration_ms":5}}"#
    private static let path = "/v1/threads/t_7/events"

    private func committed(_ service: RunningService, _ thread: String = "t_7") async throws -> [String] {
        let answer = try await service.client.get("/v1/threads/\(thread)/events?limit=1000")
        if answer.status == 404 { return [] }
        return try #require(answer.json["events"]?.arrayValue).compactMap { $0["type"]?.stringValue }
    }

    @Test func oneEventIsLoggedAndReadBackByteForByte() async throws {
        try await withRunningService { service in
            let answer = try await service.client.post(Self.path, Self.started)
            #expect(answer.status == 201)
            #expect(answer.body == #"{"ids":["1-1"]}"#)
            #expect(answer.headers["content-type"] == "application/json")
            let page = try await service.client.get(Self.path)
            let stored = try await service.runtime.log.read(LogRead(.thread("t_7", after: 0))).events
            let bytes = String(decoding: try #require(stored.first).bytes, as: UTF8.self)
            #expect(page.body == #"{"events":[\#(bytes)],"next":null,"head":"1-1"}"#)
        }
    }

    @Test(arguments: ["application/x-ndjson", "application/json", nil])
    func severalEventsAreLoggedTogether(_ type: String?) async throws {
        try await withRunningService { service in
            let headers = type.map { ["Content-Type": $0] } ?? [:]
            let body = [Self.started, Self.thinking, Self.completed].joined(separator: "\n")
            let answer = try await service.client.post(Self.path, body, headers: headers)
            if type == "application/json" {
                #expect(answer.status == 400)
                #expect(try await committed(service) == [])
            } else {
                #expect(answer.body == #"{"ids":["1-1","1-2","1-3"]}"#)
                expectEvents(in: try await service.loggedEvents(in: "t_7")) {
                    .agentStarted(agent: "guide")
                        .agentThinking(containing: "Hm. 🧭")
                        .agentCompleted()
                }
            }
        }
    }

    @Test func oneBadEventAndNothingIsLogged() async throws {
        try await withRunningService { service in
            let body = [Self.started, Self.completed, Self.thinking].joined(separator: "\n")
            let answer = try await service.client.post(Self.path, body)
            #expect(answer.status == 409)
            let error = try #require(answer.json["error"])
            #expect(error["code"] == "order.already_ended")
            #expect(error["index"] == 2)
            #expect(error["state"]?.stringValue?.isEmpty == false)
            #expect(error["legal"]?.arrayValue != nil)
            #expect(error["thread_id"] == "t_7")
            #expect(try await committed(service) == [])
            // The sequence has no gap either.
            #expect(try await service.client.post(Self.path, Self.started).body == #"{"ids":["1-1"]}"#)
        }
    }

    @Test func aBodyThatIsCutInTheMiddleLogsNothing() async throws {
        try await withRunningService { service in
            let body = Self.started + "\n" + Self.thinking.dropLast(10)
            let answer = try await service.client.post(
                Self.path, body, headers: ["Content-Type": "application/x-ndjson"])
            #expect(answer.status == 400)
            #expect(try answer.errorCode == "json.syntax")
            #expect(try answer.json["error"]?["message"]?.stringValue?.hasPrefix("line 2: ") == true)
            #expect(try await committed(service) == [])
        }
    }

    @Test func theSameKeyLogsOnce() async throws {
        try await withRunningService { service in
            let headers = ["Idempotency-Key": "\"k_1\""]
            let first = try await service.client.post(Self.path, Self.started, headers: headers)
            let second = try await service.client.post(Self.path, Self.started, headers: ["Idempotency-Key": "k_1"])
            #expect(first.body == #"{"ids":["1-1"]}"#)
            #expect(second.status == 201)
            #expect(second.body == first.body)
            #expect(try await committed(service) == ["agent_started"])
            let bad = try await service.client.post(Self.path, Self.thinking, headers: ["Idempotency-Key": "a b"])
            #expect(bad.status == 400)
        }
    }

    @Test(arguments: [
        ("", "event.empty_batch", 400), ("[]", "event.wrong_type", 400), ("nonsense", "json.syntax", 400),
        (#"{"type":"agent_started","run_id":"r_1","agent":"g","id":"1-1","data":{}}"#, "event.field_not_allowed", 400),
        (
            #"{"type":"agent_started","run_id":"r_1","agent":"g","thread_id":"t_8","data":{}}"#, "event.invalid_value",
            400
        ),
        (#"{"type":"agent_started","run_id":"r 1","agent":"g","data":{}}"#, "event.invalid_id", 400),
        (#"{"type":"agent_finished","run_id":"r_1","agent":"g","data":{}}"#, "event.unknown_type", 400),
        (
            #"{"type":"agent_thinking","run_id":"r_1","data":{"thought_id":"\ud83d","text":"a"}}"#,
            "json.lone_surrogate", 400
        ),
        (String(repeating: "[", count: 10_000), "json.depth", 400),
        (thinking, "order.not_started", 409),
    ])
    func malformedEventsAreRefused(_ body: String, _ code: String, _ status: Int) async throws {
        try await withRunningService { service in
            let answer = try await service.client.post(Self.path, body)
            #expect(answer.status == status)
            #expect(try answer.errorCode == code)
            #expect(try await committed(service) == [])
        }
    }

    @Test func limitsAreKept() async throws {
        try await withRunningService {
            $0.maximumBodyByteCount = 2000
            $0.maximumBatchEvents = 2
        } _: { service in
            let large = try await service.client.post(Self.path, String(repeating: " ", count: 2001) + Self.started)
            #expect(large.status == 413)
            #expect(try large.errorCode == "limits.body_bytes")
            let many = try await service.client.post(
                Self.path, [Self.started, Self.thinking, Self.completed].joined(separator: "\n"))
            #expect(many.status == 413)
            #expect(try many.errorCode == "limits.batch_events")
            let text = try await service.client.post(Self.path, Self.started, headers: ["Content-Type": "text/plain"])
            #expect(text.status == 415)
            #expect(try await committed(service) == [])
        }
    }

    @Test func anEventBeyondItsLimitIsRefused() async throws {
        try await withRunningService { service in
            let text = String(repeating: "a", count: 1024 * 1024)
            let event = #"{"type":"custom","data":{"name":"n","value":"\#(text)"}}"#
            let answer = try await service.client.post(Self.path, event)
            #expect(answer.status == 413)
            #expect(try answer.errorCode == "event.too_large")
            #expect(try await committed(service) == [])
        }
    }

    @Test func aThreadBelongsToWhoOpenedIt() async throws {
        try await withRunningService { service in
            #expect(try await service.client.post(Self.path + "?user_id=u_1", Self.started).status == 201)
            let other = try await service.client.post(Self.path + "?user_id=u_2", Self.thinking)
            #expect(other.status == 403)
            #expect(try other.errorCode == "thread.forbidden")
            #expect(try await service.client.post(Self.path + "?user_id=u_1", Self.thinking).status == 201)
            #expect(try await service.client.post(Self.path + "?user_id=a%20b", Self.thinking).status == 400)
        }
    }

    @Test func loggingTakesTheScope() async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            let nobody = try await service.client.post(Self.path, Self.started)
            #expect(nobody.status == 401)
            #expect(nobody.headers["www-authenticate"] == "Bearer")
            #expect(try nobody.errorCode == "auth.missing")
            let reader = try await service.client.post(
                Self.path, Self.started, headers: ["Authorization": "Bearer u_1/read"])
            #expect(reader.status == 403)
            #expect(try reader.errorCode == "auth.scope_missing")
            let backend = try await service.client.post(
                Self.path, Self.started, headers: ["Authorization": "Bearer u_1/emit"])
            #expect(backend.status == 201)
        }
    }
}
