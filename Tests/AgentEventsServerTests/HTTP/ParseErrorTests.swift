import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Testing

/// What is no HTTP is answered with JSON as well.
struct ParseErrorTests {
    @Test(arguments: [
        "nonsense\r\n\r\n",
        "GET /health HTTP/9.9\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n",
        "GET /v1/stream HTTP/1.1\r\nUpgrade: websocket\r\nbad header: x\r\n\r\n",
        "POST /v1/threads/t/events HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n",
        "POST /v1/threads/t/events HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ])
    func whatIsNoHTTPGetsAnErrorWithACode(_ request: String) async throws {
        try await withRunningService { service in
            let answer = try await service.client.exchange(request)
            #expect(answer.status == 400)
            #expect(try answer.errorCode == "request.invalid")
            #expect(answer.headers["content-type"] == "application/json")
            #expect(answer.headers["connection"] == "close")
            #expect(try await service.client.get("/health").status == 200)
        }
    }

    @Test(arguments: [
        String(repeating: "x", count: HTTPLimits.fieldByteCount + 1),
        (1...4).map { String(repeating: "x", count: 9000) + "\r\nX-\($0): " }.joined(),
        (1...HTTPLimits.fieldCount).map { "x\r\nX-\($0): " }.joined(),
    ])
    func aHeadThatIsTooLargeIsToldSo(_ value: String) async throws {
        try await withRunningService { service in
            let answer = try await service.client.exchange(
                "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: \(value)\r\n\r\n")
            #expect(answer.status == 431)
            #expect(try answer.errorCode == "request.headers_too_large")
        }
    }

    /// What has come of a body is not taken for all of it.
    @Test func nothingOfABodyThatIsNotWholeIsLogged() async throws {
        let event = #"{"type":"custom","data":{"name":"n","value":1}}"#
        try await withRunningService { service in
            let answer = try await service.client.exchange(
                "POST /v1/threads/t/events HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "\(String(event.utf8.count, radix: 16))\r\n\(event)\r\nzz\r\n")
            #expect(answer.status == 400)
            #expect(try await service.client.get("/v1/threads/t/events").status == 404)
        }
    }

    /// An answer that has begun is not cut by another one.
    @Test func nonsenseBehindARequestDoesNotSpoilItsAnswer() async throws {
        try await withRunningService { service in
            let answer = try await service.client.exchange(
                "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nnonsense\r\n\r\n")
            #expect(answer.status == 200)
        }
    }
}
