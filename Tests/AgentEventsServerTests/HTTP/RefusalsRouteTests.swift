import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

/// `GET /v1/threads/{t}/refusals`: for those who may read the thread, of events that came over HTTP and over the stream.
@Suite(.timeLimit(.minutes(10))) struct RefusalsRouteTests {
    private static let path = "/v1/threads/t_1"
    private static let start = #"{"type":"agent_started","run_id":"r_1","agent":"guide","data":{}}"#

    private static func completed(_ call: String) -> String {
        #"{"type":"tool_completed","run_id":"r_1","data":{"call_id":"\#(call)","tool":"t","status":"succeeded","duration_ms":3}}"#
    }

    private static func headers(_ user: String) -> [String: String] {
        ["Authorization": "Bearer \(user)/read/command/open/emit/share"]
    }

    private static func with(_ body: (RunningService) async throws -> Void) async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) { (service: RunningService) async throws in
            let started = try await service.client.send(
                "POST", path + "/events", headers: headers("u_1"), body: start)
            #expect(started.status == 201)
            try await body(service)
        }
    }

    private static func read(_ service: RunningService, _ user: String = "u_1") async throws -> RawHTTPClient.Answer {
        try await service.client.get(path + "/refusals", headers: headers(user))
    }

    @Test func theyAreThereWithTheirRuleTheStateAndWhatWasLegal() async throws {
        try await Self.with { service in
            #expect(try await Self.read(service).json == ["refusals": [], "forgotten": 0])
            for _ in 0..<2 {
                let answer = try await service.client.send(
                    "POST", Self.path + "/events", headers: Self.headers("u_1"), body: Self.completed("c_1"))
                #expect(try answer.status == 409 && answer.errorCode == "order.call_not_open")
            }
            try await service.withWebSocket(headers: Self.headers("u_1")) { socket in
                _ = try await socket.messages(until: "welcome")
                try await socket.send(
                    #"{"op":"emit","req":1,"thread_id":"t_1","events":[{"type":"agent_thinking","run_id":"r_1","data":{"thought_id":"th","text":"a"}},\#(Self.completed("c_2"))]}"#
                )
                _ = try await socket.messages(until: "error")
            }
            let json = try await Self.read(service).json
            #expect(json["forgotten"] == 0)
            let refusals = try #require(json["refusals"]?.arrayValue)
            try #require(refusals.count == 2)
            let first = refusals[0]
            #expect(first["code"] == "order.call_not_open" && first["head"] == "1-1" && first["times"] == 2)
            #expect(first["message"] == "call c_1 is not open" && first["state"] == "running")
            #expect(first["type"] == "tool_completed" && first["run_id"] == "r_1" && first["by"] == "u_1")
            #expect(first["event"]?["data"]?["call_id"] == "c_1" && first["index"] == 0 && first["count"] == 1)
            #expect(first["legal"]?.arrayValue?.contains("tool_executing") == true)
            #expect(refusals[1]["index"] == 1 && refusals[1]["count"] == 2 && refusals[1]["times"] == 1)
            // I4.
            #expect(try await service.loggedEvents(in: "t_1").count == 1)
        }
    }

    @Test func othersAndTheThreadThatIsDeletedHaveNone() async throws {
        try await Self.with { service in
            _ = try await service.client.send(
                "POST", Self.path + "/events", headers: Self.headers("u_1"), body: Self.completed("c_1"))
            let foreign = try await Self.read(service, "u_2")
            #expect(try foreign.status == 404 && foreign.errorCode == "thread.unknown")
            // What somebody was refused in a thread that was not there is not shown to the one who opens it.
            let early = try await service.client.send(
                "POST", "/v1/threads/t_2/events", headers: Self.headers("u_2"), body: Self.completed("c_1"))
            #expect(early.status == 409)
            _ = try await service.client.send(
                "POST", "/v1/threads/t_2/events", headers: Self.headers("u_1"), body: Self.start)
            let opened = try await service.client.get("/v1/threads/t_2/refusals", headers: Self.headers("u_1"))
            #expect(try opened.status == 404 || opened.json["refusals"] == [])
            let deleted = try await service.client.send("DELETE", Self.path, headers: Self.headers("u_1"))
            // Its bytes may be gone from the log already.
            #expect([200, 202].contains(deleted.status))
            let gone = try await Self.read(service)
            #expect(try gone.status == 410 && gone.errorCode == "thread.deleted")
            #expect(service.runtime.refusals(of: "t_1", user: "u_1").refusals.isEmpty)
        }
    }

    /// Who sees a thread from an event on sees what was refused after it.
    @Test func whatWasRefusedBeforeAMemberCameIsHidden() async throws {
        try await Self.with { service in
            func emit(_ body: String) async throws -> Int {
                try await service.client.send(
                    "POST", Self.path + "/events", headers: Self.headers("u_1"), body: body
                ).status
            }
            #expect(try await emit(Self.completed("c_1")) == 409)
            let put = try await service.client.send(
                "PUT", Self.path + "/members/u_2", headers: Self.headers("u_1"),
                body: #"{"role":"viewer","from":"now"}"#)
            #expect(put.status == 200)
            #expect(try await emit(Self.completed("c_2")) == 409)
            #expect(try await Self.read(service, "u_2").json["refusals"] == [])
            #expect(try await emit(#"{"type":"custom","data":{"name":"n","value":1}}"#) == 201)
            #expect(try await emit(Self.completed("c_3")) == 409)
            let seen = try await Self.read(service, "u_2").json["refusals"]?.arrayValue
            #expect(seen?.compactMap { $0["message"]?.stringValue } == ["call c_3 is not open"])
            #expect(try await Self.read(service).json["refusals"]?.arrayValue?.count == 3)
        }
    }
}
