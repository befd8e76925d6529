import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import HTTPTypes
import Hummingbird
import MetricsTestKit
import Synchronization
import Testing

@testable import AgentEventsServer

/// The listener for operators.
@Suite(.timeLimit(.minutes(10))) struct InternalListenerTests {
    private static let port: @Sendable (inout ServiceConfiguration) -> Void = { configuration in
        configuration.internalAddress = InternalAddress(port: 0)
    }

    @Test func healthAndReadinessAreToldOnBoth() async throws {
        try await withRunningService(configure: Self.port) { service in
            let operators = try #require(service.operators)
            for client in [service.client, operators] {
                #expect(try await client.get("/health").body == #"{"status":"healthy"}"#)
                #expect(try await client.get("/ready").body == #"{"status":"ready"}"#)
            }
            #expect(try await operators.get("/v1/threads/t/events").status == 404)
            #expect(try await operators.send("POST", "/health").status == 405)
        }
    }

    @Test func metricsAreWhatThePageSays() async throws {
        let page = MetricsPage(contentType: "text/plain; version=0.0.4") { "up 1\n" }
        try await withRunningService(metrics: page, configure: Self.port) { service in
            let answer = try await #require(service.operators).get("/metrics")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "text/plain; version=0.0.4")
            #expect(answer.body == "up 1\n")
            #expect(try await service.client.get("/metrics").status == 404)
        }
    }

    /// A start that fails is not told as one that has succeeded: systemd and scripts go by it.
    @Test(arguments: [false, true])
    func aServiceWhoseOtherListenerCannotListenDoesNotSayThatItListens(isForMetrics: Bool) async throws {
        try await withRunningService { other in
            let taken = InternalAddress(port: other.client.port)
            let error = await #expect(throws: ServiceError.self) {
                try await withRunningService(configure: { configuration in
                    if isForMetrics {
                        configuration.metricsAddress = taken
                    } else {
                        configuration.internalAddress = taken
                    }
                }) { _ in
                    Issue.record("it has said that it listens")
                }
            }
            #expect(error?.code == .portInUse)
        }
    }

    /// SEC-71: others than this machine may reach it, so there is nothing else on it, whatever the name in the request is.
    @Test func sec71AListenerForMetricsHasNothingElse() async throws {
        let page = MetricsPage(contentType: "text/plain; version=0.0.4") { "up 1\n" }
        try await withRunningService(
            authenticator: NamingAuthenticator(), metrics: page,
            configure: { configuration in
                configuration.internalAddress = InternalAddress(port: 0)
                configuration.metricsAddress = InternalAddress(host: "0.0.0.0", port: 0)
            }
        ) { service in
            let metrics = try #require(service.metrics)
            let operators = try #require(service.operators)
            let admin = ["Authorization": "Bearer u_1/admin"]
            let asPod = ["Host": "10.1.2.3:9464"]
            let answer = try await metrics.get("/metrics", headers: asPod)
            #expect(answer.status == 200 && answer.body == "up 1\n", "\(answer)")
            // The other listener takes its own name only.
            #expect(try await operators.get("/metrics", headers: asPod).status == 403)
            let page = asPod.merging(["Origin": "https://page.example"]) { $1 }
            #expect(try await metrics.get("/metrics", headers: page).status == 403)
            for path in ["/v1/admin/status", "/health", "/ready", "/v1/threads/t/events", "/v1/stream", "/"] {
                #expect(try await metrics.get(path, headers: admin).status == 404, "\(path)")
            }
            #expect(try await metrics.post("/v1/admin/backups", "", headers: admin).status == 404)
            #expect(try await operators.get("/v1/admin/status", headers: admin).status == 200)
        }
    }

    /// SEC-71: what operators may do is nowhere but on their listener, and takes the scope `admin`.
    @Test func sec71AdminTakesTheScopeAndItsListener() async throws {
        try await withRunningService(authenticator: NamingAuthenticator(), configure: Self.port) { service in
            let operators = try #require(service.operators)
            func status(_ client: RawHTTPClient, _ token: String?) async throws -> Int {
                let headers = token.map { ["Authorization": "Bearer \($0)"] } ?? [:]
                return try await client.get("/v1/admin/status", headers: headers).status
            }
            #expect(try await status(operators, nil) == 401)
            #expect(try await status(operators, "u_1") == 403)
            #expect(try await status(operators, "u_1/read/emit/command/open/share/approve") == 403)
            #expect(try await status(operators, "u_1/admin") == 200)
            #expect(try await status(service.client, "u_1/admin") == 404)
        }
        try await withRunningService(configure: Self.port) { service in
            let answer = try await #require(service.operators).get("/v1/admin/status")
            #expect(answer.body == #"{"status":"ready","streams":0,"working_agents":0}"#)
            #expect(try await service.client.get("/v1/admin/status").status == 404)
        }
    }

    @Test(arguments: [
        (#"{"token_id":"j_1"}"#, Revocation.token(id: "j_1")), (#"{"user":"u_1"}"#, .user("u_1", issuedBefore: nil)),
        (
            #"{"user":"u_1","issued_before":"1970-01-01T00:00:01.000Z"}"#,
            .user("u_1", issuedBefore: Timestamp(milliseconds: 1000))
        ),
        (#"{"key":"k"}"#, .key(issuer: nil, id: "k")), (#"{"issuer":"i","key":"k"}"#, .key(issuer: "i", id: "k")),
    ])
    func revocationsAreRead(_ body: String, _ revocation: Revocation) throws {
        #expect(try AdminRoutes<BasicRequestContext>.revocation(in: Array(body.utf8)) == revocation)
    }

    @Test(arguments: [
        "", "[]", "{}", #"{"user":""}"#, #"{"user":1}"#, #"{"user":"no id"}"#, #"{"user":"u","issued_before":"now"}"#,
        #"{"user":"u","key":"k"}"#, #"{"token_id":"j","user":"u"}"#, #"{"tokens":"j"}"#,
    ])
    func otherRevocationsAreRefused(_ body: String) {
        #expect(throws: ProtocolError.self) {
            try AdminRoutes<BasicRequestContext>.revocation(in: Array(body.utf8))
        }
    }

    @Test func operatorsRevokeAndClose() async throws {
        let audit = EntryRecord()
        try await withRunningService(
            authenticator: NamingAuthenticator(),
            configure: { configuration in
                Self.port(&configuration)
                configuration.audit = audit
            }
        ) { service in
            let operators = try #require(service.operators)
            let admin = ["Authorization": "Bearer u_1/admin"]
            let revoked = try await operators.post("/v1/admin/revocations", #"{"token_id":"j_1"}"#, headers: admin)
            #expect(revoked.status == 200, "\(revoked)")
            #expect(try await operators.post("/v1/admin/revocations", "{}", headers: admin).status == 400)
            let closed = try await operators.send(
                "DELETE", "/v1/admin/users/u_9/connections?reconnect=true", headers: admin)
            #expect(closed.body == #"{"closed":0}"#)
            #expect(try await operators.post("/v1/admin/revocations", #"{"token_id":"j_1"}"#).status == 401)
            let other = ["Authorization": "Bearer u_2"]
            #expect(try await operators.post("/v1/admin/revocations", "{}", headers: other).status == 403)
        }
        let entries = audit.entries.withLock { $0 }
        #expect(entries.filter { $0.what == "access.revoked" }.map(\.who) == ["u_1"])
        #expect(entries.filter { $0.what == "admin.refused" }.map(\.who) == ["u_2"])
        #expect(entries.contains { $0.what == "connections.closed" } && entries.contains { $0.what == "auth.refused" })
    }

    /// SEC-71: a web page whose name points at this machine reaches nothing.
    @Test(arguments: [["Host": "evil.test:8081"], ["Origin": "https://evil.test"], ["Host": "127.0.0.1.evil.test"]])
    func sec71PagesReachNothing(_ headers: [String: String]) async throws {
        try await withRunningService(authenticator: NamingAuthenticator(), configure: Self.port) { service in
            let operators = try #require(service.operators)
            for path in ["/metrics", "/ready", "/v1/admin/status"] {
                let answer = try await operators.get(
                    path, headers: headers.merging(["Authorization": "Bearer u/admin"]) { $1 })
                #expect(answer.status == 403, "\(path) \(answer)")
            }
        }
    }

    /// SEC-71
    @Test(arguments: ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
    func sec71AnotherAddressIsRefused(_ host: String) {
        let error = #expect(throws: ServiceError.self) { try AccessPolicy.validate(internalHost: host) }
        // Mostly it is meant for a Prometheus on another machine.
        #expect(error?.message.contains("--metrics-listen") == true)
    }

    @Test(arguments: ["127.0.0.1", "127.8.8.8", "::1", "localhost", "[::1]"])
    func sec71LoopbackIsTaken(_ host: String) throws { try AccessPolicy.validate(internalHost: host) }

    @Test func requestsAreCountedByTheirRoute() throws {
        let factory = TestMetrics()
        let table = RequestMetricsTable(factory: factory)
        for _ in 0..<2 {
            table.record(
                route: "/v1/threads/:thread/state", method: .get, status: .ok, duration: .milliseconds(2))
        }
        table.record(route: nil, method: try #require(HTTPRequest.Method("BREW")), status: .notFound, duration: .zero)
        func count(_ route: String, _ method: String, _ status: String) throws -> Int64 {
            let dimensions = [("route", route), ("method", method), ("status", status)]
            return try factory.expectCounter("agent_events_http_requests_total", dimensions).totalValue
        }
        #expect(try count("/v1/threads/:thread/state", "GET", "200") == 2)
        #expect(try count("none", "other", "404") == 1)
        let timer = try factory.expectTimer(
            "agent_events_http_request_duration_seconds", [("route", "/v1/threads/:thread/state")])
        #expect(timer.values == [2_000_000, 2_000_000])
    }
}

private final class EntryRecord: AuditTrail {
    let entries = Mutex<[AuditEntry]>([])

    func record(_ entry: AuditEntry) { entries.withLock { $0.append(entry) } }
}
