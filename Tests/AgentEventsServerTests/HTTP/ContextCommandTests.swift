import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

/// Values of contexts over HTTP and WebSocket: who sets and reads them, and what is refused.
@Suite(.timeLimit(.minutes(10)))
struct ContextCommandTests {
    private static func command(
        _ service: RunningService, _ body: String, key: String, by token: String = "u_1", thread: String = "t_7"
    ) async throws -> RawHTTPClient.Answer {
        try await service.client.post(
            "/v1/threads/\(thread)/commands", body,
            headers: ["Authorization": "Bearer \(token)", "Idempotency-Key": key])
    }

    private static func with(_ body: @Sendable (RunningService) async throws -> Void) async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            let context = try await service.runtime.context(user: "u_1", thread: "t_7")
            try await context.emit(EventDraft(.custom(CustomEvent(name: "begin", value: nil))))
            try await service.runtime.flush()
            try await body(service)
        }
    }

    @Test func aValueIsSetReadAndRemoved() async throws {
        try await Self.with { service in
            let set = try await Self.command(
                service, #"{"name":"set","data":{"key":"city","value":"Berlin","ttl_ms":3600000}}"#, key: "k_1")
            #expect(try set.json["outcome"] == "done" && set.json["details"]?["version"] == 1)
            // The same again is the same.
            let again = try await Self.command(
                service, #"{"name":"set","data":{"key":"city","value":"Berlin","ttl_ms":3600000}}"#, key: "k_1")
            #expect(try again.json["outcome"] == "repeated" && again.json["cursors"] == set.json["cursors"])
            #expect(try again.json["details"] == set.json["details"])
            let conflict = try await Self.command(
                service, #"{"name":"set","data":{"key":"city","value":"Bonn","if_version":7}}"#, key: "k_2")
            #expect(try conflict.status == 409 && conflict.errorCode == "state.conflict")
            let met = try conflict.json["error"]?["details"]
            #expect(met?["version"] == 1 && met?["value"] == "Berlin" && met?["by"] == "u_1")
            #expect(met?["time"]?.stringValue?.hasSuffix("Z") == true)
            let headers = ["Authorization": "Bearer u_1/read"]
            let read = try await service.client.get("/v1/threads/t_7/context/city", headers: headers)
            #expect(try read.json["value"] == "Berlin" && read.json["expires_at"] != nil && read.json["by"] == "u_1")
            let all = try await service.client.get("/v1/threads/t_7/context", headers: headers)
            #expect(try all.json["values"]?.arrayValue?.count == 1)
            let removed = try await Self.command(
                service, #"{"name":"remove","data":{"key":"city","if_version":1}}"#, key: "k_3")
            #expect(try removed.json["outcome"] == "done" && removed.json["details"]?["version"] == 2)
            let gone = try await service.client.get("/v1/threads/t_7/context/city", headers: headers)
            #expect(try gone.json == ["key": "city", "version": 0])
            let unchanged = try await Self.command(service, #"{"name":"remove","data":{"key":"city"}}"#, key: "k_4")
            #expect(try unchanged.json["outcome"] == "unchanged")
        }
    }

    @Test(
        arguments: [
            (#"{"name":"set","data":{"value":1}}"#, "command.invalid", "$.data.key"),
            (#"{"name":"set","data":{"key":"","value":1}}"#, "command.invalid", "$.data.key"),
            (#"{"name":"set","data":{"key":"k"}}"#, "command.invalid", "$.data.value"),
            (#"{"name":"set","data":{"key":"k","value":1,"ttl_ms":0}}"#, "command.invalid", "$.data.ttl_ms"),
            (#"{"name":"set","data":{"key":"k","value":1,"ttl":5}}"#, "command.invalid", "$.data.ttl"),
            (#"{"name":"set","data":{"key":"k","value":1,"if_version":-1}}"#, "command.invalid", "$.data.if_version"),
            (#"{"name":"set","run_id":"r_1","data":{"key":"k","value":1}}"#, "command.invalid", "$.run_id"),
            (#"{"name":"remove","data":{"key":"k","value":1}}"#, "command.invalid", "$.data.value"),
            (#"{"name":"set","data":{"key":"~access","value":{}}}"#, "state.forbidden", nil),
            (#"{"name":"set","data":{"key":"grant/deploy","value":{}}}"#, "state.forbidden", nil),
        ] as [(String, String, String?)])
    func whatIsWrongIsSaid(_ body: String, _ code: String, _ path: String?) async throws {
        try await Self.with { service in
            let answer = try await Self.command(service, body, key: "k_1")
            #expect(try answer.errorCode == code)
            #expect(try answer.json["error"]?["path"]?.stringValue == path)
            #expect(try await service.loggedEvents(in: "t_7").count == 1)
        }
    }

    /// The rights of a command; nobody else is told that there is such a thread.
    @Test func onlyThoseWhoMayCommandChangeValues() async throws {
        try await Self.with { service in
            let set = #"{"name":"set","data":{"key":"k","value":1}}"#
            for (token, code) in [
                ("u_1/read", "auth.scope_missing"), ("u_1/emit", "auth.scope_missing"),
                ("u_2/command", "thread.unknown"),
            ] {
                #expect(try await Self.command(service, set, key: "k_1", by: token).errorCode == code)
            }
            // A thread is not opened by it, but the context of a user is.
            #expect(try await Self.command(service, set, key: "k_2", thread: "u_1~new").errorCode == "thread.unknown")
            #expect(try await Self.command(service, set, key: "k_3", thread: "context~u_1").status == 200)
            let list = try await service.client.get("/v1/threads", headers: ["Authorization": "Bearer u_1/read"])
            let listed = try list.json["threads"]?.arrayValue?.compactMap { $0["thread_id"]?.stringValue }
            #expect(listed == ["t_7"])
            // No agent works in it.
            for body in [#"{"name":"message","data":{"text":"x"}}"#, #"{"name":"start"}"#] {
                #expect(
                    try await Self.command(service, body, key: "k_5", thread: "context~u_1").errorCode
                        == "state.forbidden")
            }
            for thread in ["context~u_1", "context~u_1~x", "context~u_3", "context~"] {
                let answer = try await Self.command(service, set, key: "k_4", by: "u_2/command", thread: thread)
                #expect(try answer.status == 404 && answer.errorCode == "state.unknown_space", "\(thread)")
                let state = try await service.client.get(
                    "/v1/threads/\(thread)/state", headers: ["Authorization": "Bearer u_2/read"])
                #expect(try state.status == 404 && state.errorCode == "state.unknown_space", "\(thread)")
            }
        }
    }

    /// 75: over a stream nobody is given a value of somebody else's space, whether it is there or comes later; who becomes a
    /// member sees it.
    @Test func aPrivateSpaceIsInNobodysStream() async throws {
        try await Self.with { service in
            let secret = #"{"name":"set","data":{"key":"k","value":"secret"}}"#
            let access = #"{"name":"set","data":{"key":"~access","value":{"agents":{"guide":"read"}}}}"#
            for (thread, exists) in [("context~u_1", false), ("context~u_1~health", true)] {
                if exists { #expect(try await Self.command(service, secret, key: "k_0", thread: thread).status == 200) }
                let subscribe = #"{"op":"subscribe","req":1,"thread_id":"\#(thread)","after":"start"}"#
                // As to one that is not there; with and without the state.
                for request in [subscribe, subscribe.replacing("start", with: "snapshot")] {
                    try await service.withWebSocket(headers: ["Authorization": "Bearer u_2"]) { socket in
                        _ = try await socket.messages(until: "welcome")
                        try await socket.send(request)
                        var told = try await socket.messages(until: "live").events
                        #expect(told.first?["op"] == "subscribed" && told.first?["head"] == .null, "\(thread)")
                        for body in [secret, access] {
                            let key = "k_\(request.count)_\(body.count)"
                            #expect(try await Self.command(service, body, key: key, thread: thread).status == 200)
                        }
                        try await socket.send(#"{"op":"ping","req":2}"#)
                        told += try await socket.messages(until: "pong").events
                        let text = told.map { String(decoding: $0.encoded(), as: UTF8.self) }.joined()
                        #expect(!text.contains("secret") && !text.contains("state_updated"), "\(thread): \(text)")
                    }
                }
                // The user's own is like any thread.
                try await service.withWebSocket(headers: ["Authorization": "Bearer u_1"]) { socket in
                    _ = try await socket.messages(until: "welcome")
                    try await socket.send(subscribe)
                    let events = try await socket.messages(until: "live").events.filter { $0["type"] != nil }
                    #expect(events.first?["data"]?["value"] == "secret", "\(thread)")
                }
            }
        }
    }

    @Test func valuesByTheirPaths() async throws {
        try await Self.with { service in
            let token = ["Authorization": "Bearer u_1/command"]
            let put = try await service.client.send(
                "PUT", "/v1/threads/t_7/context/a%2Fb", headers: token, body: #"{"value":[1],"if_version":0}"#)
            #expect(put.status == 200)
            #expect(try put.json["name"] == "set" && put.json["details"]?["version"] == 1)
            let wrong = try await service.client.send(
                "PUT", "/v1/threads/t_7/context/k", headers: token, body: #"{"value":1,"ttl_ms":0}"#)
            #expect(wrong.status == 400)
            #expect(try wrong.json["error"]?["path"] == "$.ttl_ms")
            let late = try await service.client.send(
                "DELETE", "/v1/threads/t_7/context/a%2Fb?if_version=9", headers: token)
            #expect(late.status == 409)
            let removed = try await service.client.send(
                "DELETE", "/v1/threads/t_7/context/a%2Fb?if_version=1", headers: token)
            #expect(try removed.json["outcome"] == "done")
            #expect(
                try await service.loggedEvents(in: "t_7").dropFirst().map(\.type) == [.stateUpdated, .stateUpdated])
        }
    }

    /// By `emit` nobody says who has changed a value, and nobody writes what is the service's.
    @Test func emittedValuesAreTheEmitters() async throws {
        try await Self.with { (service: RunningService) async throws in
            func emit(_ data: String) async throws -> RawHTTPClient.Answer {
                try await service.client.post(
                    "/v1/threads/t_7/events", #"{"type":"state_updated","data":{"version":1,\#(data)}}"#,
                    headers: ["Authorization": "Bearer u_1/emit"])
            }
            #expect(try await emit(#""key":"k","value":1,"by":"u_2""#).errorCode == "event.field_not_allowed")
            #expect(try await emit(#""key":"~access","value":1"#).errorCode == "state.forbidden")
            let large = String(repeating: "x", count: 64 * 1024)
            #expect(try await emit(#""key":"k","value":"\#(large)""#).errorCode == "state.value_too_large")
            #expect(try await emit(#""key":"k","value":1,"by":"u_1""#).status == 201)
        }
    }
}
