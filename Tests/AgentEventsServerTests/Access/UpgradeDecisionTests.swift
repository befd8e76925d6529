import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import Testing

struct UpgradeDecisionTests {
    private static let origins = OriginPolicy(allowedOrigins: ["https://chat.example"], needsCredentials: false)

    private static func request(
        method: String = "GET",
        path: String = "/v1/stream",
        query: String? = nil,
        version: String? = "13",
        key: String? = "dGhlIHNhbXBsZSBub25jZQ==",
        subprotocols: [String] = [],
        origin: String? = nil,
        host: String? = "127.0.0.1:8080"
    ) -> UpgradeRequest {
        UpgradeRequest(
            method: method, path: path, query: query, version: version, key: key, subprotocols: subprotocols,
            origin: origin, host: host)
    }

    @Test(arguments: [
        (request(), nil as String?),
        (request(subprotocols: ["agent-events.v1"]), "agent-events.v1"),
        (request(subprotocols: ["chat", "agent-events.v1", "bearer.abc"]), "agent-events.v1"),
        (request(query: ""), nil),
        (request(origin: "https://chat.example"), nil),
        (request(origin: "http://127.0.0.1:8080"), nil),
    ])
    func requestsAreAccepted(_ request: UpgradeRequest, _ subprotocol: String?) {
        #expect(UpgradeDecision.decide(request, origins: Self.origins) == .accept(subprotocol: subprotocol))
    }

    @Test(arguments: [
        (request(path: "/v1/streams"), 404, "path.unknown"),
        (request(path: "/"), 404, "path.unknown"),
        (request(method: "POST"), 405, "path.method_not_allowed"),
        (request(query: "token=abc"), 400, "auth.in_url"), (request(query: "x=abc"), 400, "request.invalid"),
        (request(query: "thread_id=t_7&after=start"), 400, "request.invalid"),
        (request(version: nil), 426, "upgrade.version"),
        (request(version: "8"), 426, "upgrade.version"),
        (request(key: "short"), 400, "upgrade.key"),
        (request(key: "dGhlIHNhbXBsZSBub25jZQ==dGhl"), 400, "upgrade.key"),
        (request(key: "dGhlIHNhbXBsZSBub25jZ!=="), 400, "upgrade.key"),
        (request(subprotocols: ["graphql-ws"]), 400, "upgrade.subprotocol"),
        (request(subprotocols: ["bearer.abc"]), 400, "upgrade.subprotocol"),
        (request(subprotocols: ["agent-events.v2", "AGENT-EVENTS.V1"]), 400, "upgrade.subprotocol"),
        (request(origin: "https://evil.example"), 403, "origin.forbidden"),
        (request(origin: "null"), 403, "origin.forbidden"),
        (request(origin: "http://evil.example", host: "evil.example"), 403, "origin.host_forbidden"),
    ])
    func requestsAreDeclined(_ request: UpgradeRequest, _ status: Int, _ code: String) {
        guard case .decline(let refusal) = UpgradeDecision.decide(request, origins: Self.origins) else {
            Issue.record("accepted \(request)")
            return
        }
        #expect(refusal.status == status)
        #expect(refusal.error.code.rawValue == code)
        #expect(refusal.headers["sec-websocket-version"] == (status == 426 ? "13" : nil))
        // The body of a refusal never repeats a token.
        #expect(!refusal.error.message.contains("abc"))
    }

    @Test(
        arguments: [
            ([], []), ([""], []), ([" , "], []), (["a"], ["a"]), (["a, b ,\tc"], ["a", "b", "c"]),
            (["a", "b,c"], ["a", "b", "c"]),
        ] as [([String], [String])])
    func listsInHeadersAreSplit(_ values: [String], _ names: [String]) {
        #expect(UpgradeRequest.names(in: values) == names)
    }
}
