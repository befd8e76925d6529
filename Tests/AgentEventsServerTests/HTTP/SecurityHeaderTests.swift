import AgentEventsHub
import AgentEventsServer
import Testing

/// Headers of answers: what browsers are told of each, and nothing of what was asked.
struct SecurityHeaderTests {
    @Test(arguments: [
        ("GET", "/health", 200), ("GET", "/ready", 200), ("HEAD", "/health", 200), ("OPTIONS", "/health", 204),
        ("DELETE", "/health", 405), ("GET", "/nothing", 404), ("GET", "/v1/threads/t/events", 404),
        ("GET", "/v1/threads/t/events?x=1", 400), ("GET", "/v1/stream", 426), ("GET", "bad path", 400),
    ])
    func everyAnswerHasThem(_ method: String, _ path: String, _ status: Int) async throws {
        try await withRunningService { service in
            let answer = try await service.client.send(method, path)
            #expect(answer.status == status)
            #expect(answer.headers["x-content-type-options"] == "nosniff")
            #expect(answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'")
            #expect(answer.headers["cache-control"] == "no-store")
            #expect(answer.headers["referrer-policy"] == "no-referrer")
        }
    }

    /// A byte of a request in the head of an answer could become a line of its own there.
    @Test(arguments: ["/v1/stream", "/v1/threads/t/events", "/health"])
    func nothingOfARequestStandsInAHead(_ path: String) async throws {
        let marker = "zq7marker"
        try await withRunningService(authenticator: NamingAuthenticator()) {
            $0.allowedOrigins = ["https://a.example"]
        } _: { service in
            for name in [
                "Origin", "Authorization", "Sec-WebSocket-Protocol", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
                "Upgrade", "Accept", "Accept-Encoding", "Content-Type", "Content-Encoding", "Expect", "Host",
                "Idempotency-Key", "traceparent", "X-Request-Id", "Access-Control-Request-Method",
                "Access-Control-Request-Headers", "Last-Event-ID",
            ] {
                for method in ["GET", "POST", "OPTIONS"] {
                    let answer = try await service.client.send(
                        method, path + "?\(marker)=\(marker)", headers: [name: marker],
                        body: method == "POST" ? "{" : nil)
                    for (field, value) in answer.headers {
                        #expect(!field.contains(marker) && !value.contains(marker), "\(name): \(field): \(value)")
                    }
                }
            }
        }
    }
}
