import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Testing

struct RoutingTests {
    @Test func theServiceSaysHowItIs() async throws {
        try await withRunningService { service in
            let health = try await service.client.get("/health")
            #expect(health.status == 200)
            #expect(health.body == #"{"status":"healthy"}"#)
            let ready = try await service.client.get("/ready")
            #expect(ready.status == 200)
            #expect(ready.body == #"{"status":"ready"}"#)
            #expect(try await service.client.send("HEAD", "/health").status == 200)
        }
    }

    @Test(arguments: [
        ("GET", "/page", 404, "path.unknown"), ("GET", "/v1", 404, "path.unknown"),
        ("POST", "/v2/threads/t/events", 404, "path.unknown"), ("GET", "/v1/threads//events", 404, "path.unknown"),
        ("DELETE", "/v1/threads//events", 404, "path.unknown"),
        ("POST", "/health", 405, "path.method_not_allowed"),
        ("DELETE", "/v1/threads/t/events", 405, "path.method_not_allowed"),
        ("GET", "/v1/threads/t/commands", 405, "path.method_not_allowed"),
        ("GET", "/v1/stream", 426, "upgrade.required"), ("POST", "/v1/stream", 405, "path.method_not_allowed"),
    ])
    func everyAnswerIsJSON(_ method: String, _ path: String, _ status: Int, _ code: String) async throws {
        try await withRunningService { service in
            let answer = try await service.client.send(method, path, body: method == "POST" ? "{}" : nil)
            #expect(answer.status == status)
            #expect(try answer.errorCode == code)
            #expect(answer.headers["content-type"] == "application/json")
            #expect((answer.headers["allow"] != nil) == (status == 405))
        }
    }

    @Test(arguments: [
        (["Sec-WebSocket-Version": "8"], 426, "upgrade.version"),
        (["Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "chat, graphql-ws"], 400, "upgrade.subprotocol"),
        (["Sec-WebSocket-Version": "13", "Origin": "https://evil.example"], 403, "origin.forbidden"),
        (["Sec-WebSocket-Version": "13", "Sec-WebSocket-Protocol": "agent-events.v1"], 401, "auth.missing"),
    ])
    func declinedUpgradesSayWhy(_ headers: [String: String], _ status: Int, _ code: String) async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            let upgrade = [
                "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            ]
            let answer = try await service.client.get("/v1/stream", headers: upgrade.merging(headers) { $1 })
            #expect(answer.status == status)
            #expect(try answer.errorCode == code)
            #expect(answer.headers["sec-websocket-version"] == (status == 426 ? "13" : nil))
        }
    }

    @Test(arguments: [
        ("/health", "GET, HEAD, OPTIONS"), ("/v1/threads/t/events", "GET, POST, HEAD, OPTIONS"),
        ("/v1/threads/t/messages", "GET, POST, HEAD, OPTIONS"), ("/v1/threads/t/commands", "POST, OPTIONS"),
        ("/v1/stream", "GET, HEAD, OPTIONS"),
    ])
    func theMethodsOfAPathAreTold(_ path: String, _ methods: String) async throws {
        try await withRunningService { service in
            let options = try await service.client.send("OPTIONS", path)
            #expect(options.status == 204)
            #expect(options.headers["allow"] == methods)
            #expect(options.headers["content-length"] == nil)
            #expect(try await service.client.send("PUT", path).headers["allow"] == methods)
        }
    }

    @Test(arguments: ["/health?x=1", "/ready?x", "/v1/threads/t/state?after=1-1", "/v1/threads/t/subscribers?limit=1"])
    func aParameterThatAPathDoesNotHaveIsRefused(_ path: String) async throws {
        try await withRunningService { service in
            let answer = try await service.client.get(path)
            #expect(answer.status == 400)
            #expect(try answer.errorCode == "request.invalid")
        }
    }

    @Test func pagesOfOtherOriginsAreRefused() async throws {
        try await withRunningService { service in
            let page = try await service.client.post(
                "/v1/threads/t/messages", #"{"text":"x"}"#, headers: ["Origin": "https://evil.example"])
            #expect(page.status == 403)
            #expect(try page.errorCode == "origin.forbidden")
            let rebound = try await service.client.get("/health", headers: ["Host": "evil.example"])
            #expect(rebound.status == 403)
            #expect(try rebound.errorCode == "origin.host_forbidden")
        }
    }

    @Test(arguments: [["Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings"], ["Upgrade": "websocket"]])
    func upgradesToSomethingElseAreAnsweredAsHTTP(_ headers: [String: String]) async throws {
        try await withRunningService { service in
            let answer = try await service.client.get("/health", headers: headers)
            #expect(answer.status == 200)
        }
    }

    @Test(
        arguments: [
            ("chat, agent-events.v1, bearer.u_1", [:], "agent-events.v1"),
            (nil, ["Authorization": "Bearer u_1"], nil),
        ] as [(String?, [String: String], String?)])
    func acceptedUpgradesSwitchProtocols(
        _ offered: String?,
        _ credentials: [String: String],
        _ chosen: String?
    ) async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            var headers = [
                "Connection": "keep-alive, Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            ]
            headers["Sec-WebSocket-Protocol"] = offered
            let answer = try await service.client.get("/v1/stream", headers: headers.merging(credentials) { $1 })
            #expect(answer.status == 101)
            #expect(answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            #expect(answer.headers["sec-websocket-protocol"] == chosen)
        }
    }
}
