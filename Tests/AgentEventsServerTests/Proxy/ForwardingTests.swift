import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Testing

/// The word of a proxy, seen by requests to the real service: without authentication it answers on loopback names only.
@Suite("SEC-70: forwarded requests", .timeLimit(.minutes(10))) struct ForwardingTests {
    static func trust(_ networks: [String], _ header: TrustedProxies.Header = .xForwardedFor) throws
        -> TrustedProxies
    {
        TrustedProxies(try networks.map { try AddressRange($0) }, header: header)
    }

    @Test func theHostThatATrustedProxyTellsIsTheHost() async throws {
        let proxies = try Self.trust(["127.0.0.0/8"])
        try await withRunningService(configure: { $0.listener.trustedProxies = proxies }) { service in
            let told = try await service.client.get(
                "/health", headers: ["X-Forwarded-For": "198.51.100.7", "X-Forwarded-Host": "events.example.com"])
            #expect(told.status == 403)
            #expect(try told.errorCode == "origin.host_forbidden")
            // By the other header nothing is told.
            let other = try await service.client.get(
                "/health", headers: ["Forwarded": "for=198.51.100.7;host=events.example.com"])
            #expect(other.status == 200)
        }
        let forwarded = try Self.trust(["127.0.0.1"], .forwarded)
        try await withRunningService(configure: { $0.listener.trustedProxies = forwarded }) { service in
            let told = try await service.client.get(
                "/health", headers: ["Forwarded": "for=198.51.100.7;host=events.example.com"])
            #expect(try told.errorCode == "origin.host_forbidden")
        }
    }

    @Test(arguments: ["", "10.0.0.0/8"])
    func nobodyElseIsBelieved(_ network: String) async throws {
        let proxies = try Self.trust(network.isEmpty ? [] : [network])
        try await withRunningService(configure: { $0.listener.trustedProxies = proxies }) { service in
            let fields = ["X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "events.example.com"]
            let told = try await service.client.get("/health", headers: fields)
            #expect(told.status == 200)
            // The name under which it is reached decides, not the one that is forged.
            let forged = try await service.client.get(
                "/health", headers: ["Host": "events.example.com", "X-Forwarded-Host": "localhost"])
            #expect(try forged.errorCode == "origin.host_forbidden")
        }
    }

    @Test func aWebSocketIsOpenedUnderTheHostThatTheProxyTells() async throws {
        let proxies = try Self.trust(["127.0.0.1"])
        let page = ["Origin": "https://events.example.com", "X-Forwarded-For": "198.51.100.7"]
        try await withRunningService(
            authenticator: NamingAuthenticator(), configure: { $0.listener.trustedProxies = proxies }
        ) { service in
            // The service's own page, reached through the proxy.
            try await service.withWebSocket(
                headers: page.merging(["X-Forwarded-Host": "events.example.com", "Authorization": "Bearer u_1"]) { $1 }
            ) { socket in
                let message = try await socket.message()
                #expect(message["op"] == "welcome")
            }
            let refused = try await service.client.get("/v1/threads/t_1/state", headers: page)
            #expect(try refused.errorCode == "origin.forbidden")
        }
    }

    @Test func theProxyProtocolIsRequiredWhereItIsSwitchedOn() async throws {
        let proxies = try Self.trust(["127.0.0.1"])
        try await withRunningService(configure: {
            $0.listener.trustedProxies = proxies
            $0.listener.requiresProxyHeader = true
        }) { service in
            let request = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            let header = "PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n"
            let served = try await service.client.exchange(header + request)
            #expect(served.status == 200)
            // Closed without an answer.
            let closed = try await RawExchange.run(port: service.client.port, request)
            #expect(closed.isEmpty)
        }
    }

    @Test func settingsThatExcludeEachOtherAreRefused() async throws {
        let error = await #expect(throws: ServiceError.self) {
            try await withRunningService(configure: { $0.listener.requiresProxyHeader = true }) { _ in }
        }
        #expect(error?.code == .listenerInvalid)
    }
}
