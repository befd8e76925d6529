import AgentEventsServer
import Testing

struct OriginPolicyTests {
    private struct Case: Sendable, CustomTestStringConvertible {
        var allowed: Set<String> = []
        var needsCredentials = false
        var origin: String?
        var host: String?
        var code: String?
        var testDescription: String { "\(origin ?? "-") to \(host ?? "-")" }
    }

    @Test(arguments: [
        Case(), Case(host: "localhost:8080"), Case(host: "[::1]:8080"), Case(host: "127.8.8.8"),
        Case(host: "example.com", code: "origin.host_forbidden"),
        Case(host: "127.0.0.1.example.com", code: "origin.host_forbidden"),
        Case(needsCredentials: true, host: "example.com"),
        Case(needsCredentials: true, origin: "https://example.com", host: "example.com"),
        Case(needsCredentials: true, origin: "https://example.com:444", host: "example.com", code: "origin.forbidden"),
        Case(allowed: ["https://a.example"], origin: "https://a.example", host: "service.example"),
        Case(allowed: ["*"], origin: "https://a.example", host: "service.example"),
        Case(origin: "http://localhost:3000", host: "localhost:8080", code: "origin.forbidden"),
        Case(origin: "http://localhost:8080", host: "localhost:8080"),
        Case(origin: "https://evil.example", code: "origin.forbidden"),
    ])
    private func pagesAreLetInByTheirOrigin(_ example: Case) {
        let policy = OriginPolicy(allowedOrigins: example.allowed, needsCredentials: example.needsCredentials)
        #expect(policy.refusal(origin: example.origin, host: example.host)?.code.rawValue == example.code)
    }
}
