import AgentEvents
import AgentEventsHub
import AgentEventsServer
import NIOCore
import NIOPosix
import Testing

/// Limits of connections, addresses and users, against the real service (SEC-08, SEC-64).
@Suite(.timeLimit(.minutes(10)))
struct ConnectionLimitTests {
    private static func limited(_ change: (inout LimitConfiguration) -> Void) -> LimitConfiguration {
        var limits = LimitConfiguration.none
        limits.includesLoopback = true
        change(&limits)
        return limits
    }

    @Test func aConnectionTooManyIsToldSoAndOthersLive() async throws {
        try await withRunningService {
            $0.maximumConnections = 2
        } _: { service in
            try await service.withWebSocket { first in
                _ = try await first.message()
                try await service.withWebSocket { second in
                    _ = try await second.message()
                    for _ in 0..<3 {
                        let answer = try await service.client.get("/health")
                        #expect(answer.status == 503)
                        #expect(try answer.errorCode == "limits.connections")
                        #expect(answer.headers["retry-after"] == "1")
                        #expect(answer.headers["x-content-type-options"] == "nosniff")
                    }
                    try await first.send(#"{"op":"ping","req":1}"#)
                    #expect(try await first.message()["op"] == "pong")
                }
            }
            // The place of one that has gone is free; its end may take a moment to come.
            while try await service.client.get("/health").status != 200 {}
        }
    }

    @Test func anAddressHasALimitOfConnections() async throws {
        try await withRunningService {
            $0.limits = Self.limited { $0.connectionsPerAddress = 1 }
        } _: { service in
            try await service.withWebSocket { socket in
                _ = try await socket.message()
                let answer = try await service.client.get("/health")
                #expect(answer.status == 429)
                #expect(try answer.errorCode == "limits.connections")
                #expect(answer.headers["retry-after"] == "5")
            }
        }
    }

    @Test func anAddressConnectsOnlySoOften() async throws {
        let rate = RateLimit(2, per: .seconds(86_400))
        try await withRunningService {
            $0.limits = Self.limited { $0.connectsPerAddress = [rate] }
        } _: { service in
            for _ in 0..<2 { #expect(try await service.client.get("/health").status == 200) }
            let answer = try await service.client.get("/health")
            #expect(answer.status == 429)
            #expect(try answer.errorCode == "limits.connects")
            #expect(Int(answer.headers["retry-after"] ?? "") ?? 0 > 40_000)
        }
    }

    @Test func credentialsThatDoNotCountAreNotLookedAtForEver() async throws {
        let bad = ["Authorization": "Bearer ///"]
        let rate = RateLimit(3, per: .seconds(86_400))
        try await withRunningService(authenticator: NamingAuthenticator()) {
            $0.limits = Self.limited { $0.authenticationFailuresPerAddress = rate }
        } _: { service in
            for path in ["/v1/threads/t/events", "/v1/stream", "/v1/threads/t/state"] {
                let upgrade = [
                    "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                ]
                let fields = path.hasSuffix("stream") ? bad.merging(upgrade) { $1 } : bad
                // Without any nothing is checked, and nothing counts.
                #expect(try await service.client.get("/v1/threads/t/events").status == 401)
                let answer = try await service.client.get(path, headers: fields)
                #expect(answer.status == 401)
                #expect(answer.headers["www-authenticate"] == #"Bearer error="invalid_token""#)
            }
            for token in ["///", "u_1"] {
                let answer = try await service.client.get(
                    "/v1/threads/t/events", headers: ["Authorization": "Bearer \(token)"])
                #expect(answer.status == 429)
                #expect(try answer.errorCode == "limits.auth_failures")
                #expect(answer.headers["retry-after"] != nil)
            }
        }
    }

    @Test func theOldestConnectionWithoutCredentialsMakesRoom() async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) {
            $0.limits = Self.limited { $0.unauthenticatedConnectionsPerAddress = 2 }
        } _: { service in
            let known = ["Authorization": "Bearer u_1"]
            try await service.withWebSocket(headers: known) { socket in
                _ = try await socket.message()
                // Each is accepted on the loop that it was given, so which of them is the oldest is known to the service.
                let (gone, continuation) = AsyncStream.makeStream(of: ObjectIdentifier.self)
                for _ in 0..<3 {
                    let silent = try await Self.silentConnection(to: service)
                    silent.closeFuture.whenComplete { _ in continuation.yield(ObjectIdentifier(silent)) }
                }
                var iterator = gone.makeAsyncIterator()
                #expect(await iterator.next() != nil)
                try await socket.send(#"{"op":"ping","req":1}"#)
                #expect(try await socket.message()["op"] == "pong")
            }
        }
    }

    private static func silentConnection(to service: RunningService) async throws -> any Channel {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: service.client.port).get()
    }

    @Test func theNewestConnectionOfAUserIsRefused() async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) {
            $0.limits = Self.limited { $0.connectionsPerUser = 1 }
        } _: { service in
            let user = ["Authorization": "Bearer u_1"]
            try await service.withWebSocket(headers: user) { first in
                #expect(try await first.message()["op"] == "welcome")
                try await service.withWebSocket(headers: user) { second in
                    let error = try await second.message()
                    #expect(error["code"] == "limits.user_connections")
                    #expect(error["retry_after_ms"] == 5000)
                    guard case .close(let code, let reason) = try await second.next() else {
                        Issue.record("no close")
                        return
                    }
                    #expect(code == 4429)
                    #expect(reason.hasPrefix("limits.user_connections"))
                }
                try await service.withWebSocket(headers: ["Authorization": "Bearer u_2"]) { other in
                    let message = try await other.message()
                    #expect(message["op"] == "welcome")
                }
                try await first.send(#"{"op":"ping","req":1}"#)
                #expect(try await first.message()["op"] == "pong")
            }
            var isWelcome = false
            while !isWelcome {
                isWelcome = try await service.withWebSocket(headers: user) { try await $0.message()["op"] == "welcome" }
            }
        }
    }

    @Test func requestsOfAUserCountWhateverTheirConnection() async throws {
        let three = RateLimit(3, per: .seconds(86_400))
        try await withRunningService(authenticator: NamingAuthenticator()) {
            $0.limits = Self.limited {
                $0.messages = three
                $0.commandsPerUser = RateLimit(1, per: .seconds(86_400))
            }
        } _: { service in
            let command = #"{"name":"stop"}"#
            var codes: [String?] = []
            for key in ["k_1", "k_2"] {
                let answer = try await service.client.post(
                    "/v1/threads/t/commands", command,
                    headers: ["Authorization": "Bearer u_1", "Idempotency-Key": key])
                codes.append(try answer.errorCode)
            }
            #expect(codes[0] != "limits.commands")
            #expect(codes[1] == "limits.commands")
            let path = "/v1/threads/t/events"
            #expect(try await service.client.get(path, headers: ["Authorization": "Bearer u_1"]).status == 404)
            let answer = try await service.client.get(path, headers: ["Authorization": "Bearer u_1"])
            #expect(answer.status == 429)
            #expect(try answer.errorCode == "limits.rate")
            #expect(try await service.client.get(path, headers: ["Authorization": "Bearer u_2"]).status == 404)
        }
    }

    @Test func messagesAndNewThreadsOfAUserAreLimited() async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) {
            $0.limits = Self.limited {
                $0.userMessages = RateLimit(3, per: .seconds(86_400))
                $0.openedThreads = [RateLimit(2, per: .seconds(86_400))]
                $0.emitterFactor = 1
            }
        } _: { service in
            var codes: [String?] = []
            for thread in ["t_1", "t_2", "t_3", "t_1"] {
                let answer = try await service.client.post(
                    "/v1/threads/\(thread)/messages", #"{"text":"Hello"}"#, headers: ["Authorization": "Bearer u_1"])
                codes.append(try answer.errorCode)
                if answer.status == 429 { #expect(answer.headers["retry-after"] != nil) }
            }
            #expect(codes == [nil, nil, "limits.threads", "limits.messages"])
            codes = []
            let event = #"{"type":"custom","data":{"name":"n","value":1}}"#
            for thread in ["t_4", "t_5", "t_6", "t_4"] {
                let answer = try await service.client.post(
                    "/v1/threads/\(thread)/events", event, headers: ["Authorization": "Bearer u_2/emit"])
                codes.append(try answer.errorCode)
            }
            #expect(codes == [nil, nil, "limits.threads", nil])
        }
    }
}
