import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Testing

/// Pages of an allowed origin may read every answer (SEC-53), and others nothing.
struct CrossOriginTests {
    private static let page = "https://chat.example"

    private func allow(_ configuration: inout ServiceConfiguration) {
        configuration.allowedOrigins = [Self.page, "http://localhost:3000"]
    }

    @Test(arguments: [
        ("GET", "/health", "", 200), ("GET", "/v1/threads/t/events", "", 404), ("GET", "/nothing", "", 404),
        ("DELETE", "/health", "", 405), ("POST", "/v1/threads/t/messages", #"{"text":"Hello"}"#, 202),
        ("POST", "/v1/threads/t/messages", "{", 400), ("GET", "/v1/stream", "", 426),
    ])
    func answersCanBeRead(_ method: String, _ path: String, _ body: String, _ status: Int) async throws {
        try await withRunningService(configure: allow) { service in
            let answer = try await service.client.send(
                method, path, headers: ["Origin": Self.page], body: method == "POST" ? body : nil)
            #expect(answer.status == status)
            #expect(answer.headers["access-control-allow-origin"] == Self.page)
            #expect(answer.headers["vary"] == "Origin")
            #expect(answer.headers["access-control-expose-headers"]?.contains("Retry-After") == true)
            #expect(answer.headers["access-control-allow-credentials"] == nil)
        }
    }

    @Test(arguments: [
        ("/v1/threads/t/messages", "GET, POST, HEAD, OPTIONS"), ("/v1/threads/t/events", "GET, POST, HEAD, OPTIONS"),
        ("/nothing", "GET, HEAD, POST, OPTIONS"),
    ])
    func preflightsAreAnswered(_ path: String, _ methods: String) async throws {
        try await withRunningService(configure: allow) { service in
            let asked = ["Origin": Self.page, "Access-Control-Request-Method": "POST"]
            let answer = try await service.client.send("OPTIONS", path, headers: asked)
            #expect(answer.status == 204)
            #expect(answer.headers["access-control-allow-origin"] == Self.page)
            #expect(answer.headers["access-control-allow-methods"] == methods)
            #expect(answer.headers["access-control-allow-headers"] == OriginPolicy.requestHeaders)
            #expect(answer.headers["access-control-max-age"] == "600")
        }
    }

    @Test(arguments: ["https://evil.example", "null", "https://chat.example:444", "https://CHAT.example"])
    func otherPagesGetNothing(_ origin: String) async throws {
        try await withRunningService(configure: allow) { service in
            for method in ["GET", "OPTIONS"] {
                let answer = try await service.client.send(
                    method, "/health", headers: ["Origin": origin, "Access-Control-Request-Method": "GET"])
                #expect(answer.status == 403)
                #expect(try answer.errorCode == "origin.forbidden")
                #expect(!answer.headers.keys.contains { $0.hasPrefix("access-control") })
            }
        }
    }

    @Test func aParseErrorCanBeReadWhereTheHeadWas() async throws {
        try await withRunningService(configure: allow) { service in
            let answer = try await service.client.exchange(
                "POST /v1/threads/t/events HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: \(Self.page)\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\nzz\r\n")
            #expect(answer.status == 400)
            #expect(answer.headers["access-control-allow-origin"] == Self.page)
        }
    }

    @Test func anOriginThatCannotMatchStopsTheStart() async throws {
        await #expect {
            try await withRunningService {
                $0.allowedOrigins = ["https://chat.example/"]
            } _: { _ in
            }
        } throws: { error in
            ServiceError.Code.originInvalid ~= error
        }
    }
}
