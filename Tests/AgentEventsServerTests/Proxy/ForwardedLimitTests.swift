import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Testing

/// Limits of addresses where proxies are in front: a client counts by its own address, and the proxy does not count (SEC-08, SEC-70).
@Suite(.timeLimit(.minutes(10))) struct ForwardedLimitTests {
    /// A service behind a proxy on this machine, which would count as well if it counted at all.
    private static func withService(
        requiresProxyHeader: Bool = false,
        authenticator: any Authenticator = NoAuthentication(),
        _ change: (inout LimitConfiguration) -> Void,
        _ body: (RunningService) async throws -> Void
    ) async throws {
        var limits = LimitConfiguration.none
        limits.includesLoopback = true
        change(&limits)
        let proxies = try ForwardingTests.trust(["127.0.0.1"])
        try await withRunningService(
            authenticator: authenticator,
            configure: {
                $0.limits = limits
                $0.listener.trustedProxies = proxies
                $0.listener.requiresProxyHeader = requiresProxyHeader
            }, body)
    }

    private static func header(_ number: Int) -> String { "PROXY TCP4 198.51.100.\(number) 192.0.2.1 4711 443\r\n" }

    private static let health = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    /// Whatever comes until the service closes.
    private static func answer(to number: Int, _ service: RunningService) async throws -> String {
        try await RawExchange.run(port: service.client.port, header(number) + health)
    }

    private static let upgrade = [
        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ]

    @Test func sec70AClientOfTheProxyProtocolCountsByItsOwnAddress() async throws {
        try await Self.withService(requiresProxyHeader: true) {
            $0.connectionsPerAddress = 1
        } _: { service in
            try await service.withWebSocket(beginning: Self.header(7)) { first in
                _ = try await first.message()
                // One too many of its address: closed without an answer.
                let refused = try await Self.answer(to: 7, service)
                #expect(refused.isEmpty)
                // Of the same proxy, and each has a place of its own.
                try await service.withWebSocket(beginning: Self.header(8)) { second in
                    _ = try await second.message()
                    let third = try await service.client.exchange(Self.header(9) + Self.health)
                    #expect(third.status == 200)
                    // The proxy's own connections, such as checks of health, do not count.
                    for _ in 0..<3 {
                        let own = try await service.client.exchange("PROXY UNKNOWN\r\n" + Self.health)
                        #expect(own.status == 200)
                    }
                }
                try await first.send(#"{"op":"ping","req":1}"#)
                #expect(try await first.message()["op"] == "pong")
            }
            // The place of one that has gone is free; its end may take a moment to come.
            while try await Self.answer(to: 7, service).isEmpty {}
        }
    }

    @Test func sec70AClientOfTheProxyProtocolConnectsOnlySoOften() async throws {
        let rate = RateLimit(2, per: .seconds(86_400))
        try await Self.withService(requiresProxyHeader: true) {
            $0.connectsPerAddress = [rate]
        } _: { service in
            for number in [7, 8] {
                for _ in 0..<2 {
                    #expect(try await service.client.exchange(Self.header(number) + Self.health).status == 200)
                }
                let refused = try await Self.answer(to: number, service)
                #expect(refused.isEmpty)
            }
        }
    }

    @Test func sec70AForwardedClientCountsAtTheUpgrade() async throws {
        try await Self.withService {
            $0.connectionsPerAddress = 1
        } _: { service in
            let client = ["X-Forwarded-For": "198.51.100.7"]
            try await service.withWebSocket(headers: client) { first in
                _ = try await first.message()
                let refused = try await service.client.get("/v1/stream", headers: Self.upgrade.merging(client) { $1 })
                #expect(refused.status == 429)
                #expect(try refused.errorCode == "limits.connections")
                #expect(refused.headers["retry-after"] == "5")
                // Requests of many clients come over the connections of a proxy: these are not the client's.
                #expect(try await service.client.get("/health", headers: client).status == 200)
                // What the client itself has written before does not count.
                let forged = try await service.client.get(
                    "/v1/stream",
                    headers: Self.upgrade.merging(["X-Forwarded-For": "198.51.100.9, 198.51.100.7"]) { $1 })
                #expect(forged.status == 429)
                try await service.withWebSocket(headers: ["X-Forwarded-For": "198.51.100.8"]) { second in
                    let welcome = try await second.message()
                    #expect(welcome["op"] == "welcome")
                }
                // A proxy that tells nobody: nobody counts.
                for _ in 0..<2 {
                    try await service.withWebSocket { other in
                        let welcome = try await other.message()
                        #expect(welcome["op"] == "welcome")
                    }
                }
                try await first.send(#"{"op":"ping","req":1}"#)
                #expect(try await first.message()["op"] == "pong")
            }
            var isWelcome = false
            while !isWelcome {
                let answer = try await service.client.get("/v1/stream", headers: Self.upgrade.merging(client) { $1 })
                isWelcome = answer.status == 101
            }
        }
    }

    /// A stream has its connection for itself: it is its client's, whoever asked over it before.
    @Test(arguments: [[], [7], [7, 9], [9, 7]])
    func sec70AForwardedClientCountsAtAStream(_ earlier: [Int]) async throws {
        func client(_ number: Int) -> String { "198.51.100.\(number)" }
        let before = earlier.map {
            "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: \(client($0))\r\n\r\n"
        }
        let headers = ["X-Forwarded-For": client(7)]
        let path = EventStreamTests.path
        try await Self.withService {
            $0.connectionsPerAddress = 1
        } _: { service in
            try await EventStreamTests.emit(1, service)
            try await service.withEventStream(path, headers: headers, before: before) { first in
                #expect(first.status == 200)
                _ = try await first.messages(until: "live")
                try await service.withEventStream(path, headers: headers, before: before) { second in
                    #expect(second.status == 429)
                    guard second.status == 429 else { return }
                    #expect(second.headers["retry-after"] == "5")
                    let body = try await second.body()
                    #expect(body.contains(#""code":"limits.connections""#))
                }
                let upgrade = try await service.client.get(
                    "/v1/stream", headers: Self.upgrade.merging(headers) { $1 })
                #expect(upgrade.status == 429)
                // Requests of many clients come over the connections of a proxy: these are not the client's.
                #expect(try await service.client.get(path, headers: headers).status == 200)
                let other = ["X-Forwarded-For": client(8)]
                try await service.withEventStream(path, headers: other, before: before) { #expect($0.status == 200) }
            }
            // The place of one that has gone is free; its end may take a moment to come.
            var status = 0
            while status != 200 {
                status = try await service.withEventStream(path, headers: headers, before: before) { $0.status }
            }
        }
    }

    /// An address that the PROXY protocol tells is not a proxy's, and what it says of others is not believed.
    @Test func sec70AClientOfTheProxyProtocolSpeaksForItself() async throws {
        try await Self.withService(requiresProxyHeader: true) {
            $0.connectionsPerAddress = 1
        } _: { service in
            try await service.withWebSocket(
                beginning: Self.header(7), headers: ["X-Forwarded-For": "198.51.100.8"]
            ) { first in
                _ = try await first.message()
                let refused = try await Self.answer(to: 7, service)
                #expect(refused.isEmpty)
                let served = try await service.client.exchange(Self.header(8) + Self.health)
                #expect(served.status == 200)
            }
        }
    }

    @Test func sec70CredentialsThatDoNotCountAreTheClients() async throws {
        let rate = RateLimit(2, per: .seconds(86_400))
        try await Self.withService(authenticator: NamingAuthenticator()) {
            $0.authenticationFailuresPerAddress = rate
        } _: { service in
            var statuses: [Int] = []
            for (number, token) in [(7, "///"), (7, "///"), (7, "///"), (7, "u_1"), (8, "u_1"), (8, "///")] {
                let fields = ["X-Forwarded-For": "198.51.100.\(number)", "Authorization": "Bearer \(token)"]
                statuses.append(try await service.client.get("/v1/threads/t/events", headers: fields).status)
            }
            #expect(statuses == [401, 401, 429, 429, 404, 401])
            let upgrade = Self.upgrade.merging(
                ["X-Forwarded-For": "198.51.100.7", "Authorization": "Bearer u_1"]) { $1 }
            let refused = try await service.client.get("/v1/stream", headers: upgrade)
            #expect(refused.status == 429)
        }
    }
}
