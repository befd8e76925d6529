import AgentEventsHub
import AgentEventsProtocol
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
        Case(
            allowed: ["https://a.example"], needsCredentials: true, origin: "https://a.example", host: "service.example"
        ),
        Case(
            allowed: ["https://a.example"], origin: "https://a.example", host: "service.example",
            code: "origin.host_forbidden"),
        Case(allowed: ["*"], origin: "https://a.example", code: "origin.forbidden"),
        Case(allowed: ["https://a.example"], origin: "https://A.example", code: "origin.forbidden"),
        Case(origin: "http://localhost:3000", host: "localhost:8080", code: "origin.forbidden"),
        Case(origin: "http://localhost:8080", host: "localhost:8080"),
        Case(origin: "https://evil.example", code: "origin.forbidden"),
    ])
    private func pagesAreLetInByTheirOrigin(_ example: Case) {
        let policy = OriginPolicy(allowedOrigins: example.allowed, needsCredentials: example.needsCredentials)
        #expect(policy.refusal(origin: example.origin, host: example.host)?.code.rawValue == example.code)
    }

    @Test(arguments: ["https://a.example", "https://b.example"])
    func pagesOfAllowedOriginsMayReadAnswers(_ origin: String) {
        let policy = OriginPolicy(
            allowedOrigins: ["https://a.example", "https://b.example"], needsCredentials: false)
        let headers = policy.answerHeaders(to: origin)
        #expect(headers.first { $0.name == "Access-Control-Allow-Origin" }?.value == origin)
        #expect(headers.first { $0.name == "Vary" }?.value == "Origin")
        #expect(!headers.contains { $0.name == "Access-Control-Allow-Credentials" })
    }

    @Test(arguments: [nil, "https://evil.example", "null", ""])
    func otherPagesMayNot(_ origin: String?) {
        let policy = OriginPolicy(allowedOrigins: ["https://a.example"], needsCredentials: false)
        #expect(policy.answerHeaders(to: origin).map(\.name) == ["Vary"])
        let closed = OriginPolicy(allowedOrigins: [], needsCredentials: false)
        #expect(closed.answerHeaders(to: origin).isEmpty)
    }
}
