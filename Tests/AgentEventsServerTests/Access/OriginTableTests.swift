import AgentEventsHub
import AgentEventsProtocol
import AgentEventsServer
import Testing

/// Origins and hosts as browsers, and others, send them (SEC-50, SEC-51, SEC-52).
struct OriginTableTests {
    private static let policy = OriginPolicy(
        allowedOrigins: [
            "https://chat.example.com", "https://*.example.org", "https://*.a.example.net:8443",
            "http://localhost:3000", "null",
        ], needsCredentials: true)

    @Test(arguments: [
        "https://chat.example.com", "http://localhost:3000", "https://a.example.org", "https://a.b.example.org",
        "https://a-b_c.example.org", "https://xn--bcher-kva.example.org", "https://0.example.org",
        "https://x.a.example.net:8443", "https://y.x.a.example.net:8443", "https://service.example",
        "http://service.example",
    ])
    func allowed(_ origin: String) {
        #expect(Self.policy.refusal(origin: origin, host: "service.example") == nil)
    }

    @Test(arguments: [
        // Of another scheme or port.
        "http://chat.example.com", "https://chat.example.com:443", "https://chat.example.com:8443",
        "http://a.example.org", "https://a.example.org:8443", "https://a.example.org:443", "wss://a.example.org",
        "https://x.a.example.net", "https://x.a.example.net:8444", "https://x.a.example.net:84430",
        "http://localhost", "http://localhost:30001", "https://localhost:3000", "http://127.0.0.1:3000",
        // No label before the name.
        "https://example.org", "https://.example.org", "https://..example.org", "https://a..example.org",
        "https://a.example.net:8443", "https://.a.example.net:8443",
        // Another name that looks like it.
        "https://evil-example.org", "https://evilexample.org", "https://a.example.org.evil.test",
        "https://example.org.evil.test", "https://a.example.orgx", "https://a.example.org.", "https://a.example.com",
        "https://evil.test/a.example.org", "https://evil.test#.example.org", "https://evil.test?.example.org",
        "https://evil.test@a.example.org", "https://a.example.org@evil.test", "https://evil.test\\.example.org",
        "https://evil.test:80.example.org", "https://evil.test .example.org", "https://evil.test\t.example.org",
        "https://a.example.org/", "https://a.example.org/x", "https://[::1].example.org",
        "https://a%2eexample.org", "https://evil.test%00.example.org", "https://chat.example.com.evil.test",
        "https://xchat.example.com", "https://chat.example.comx",
        // In another form than browsers have.
        "HTTPS://a.example.org", "https://A.example.org", "https://a.EXAMPLE.org", "https://ä.example.org",
        "https://CHAT.example.com", " https://a.example.org", "https://a.example.org ", "https:/a.example.org",
        "https:a.example.org", "a.example.org", "//a.example.org", "*", "https://*.example.org", "https://*",
        "null", "NULL", "", "https://", "undefined", "file://", "data:", "https://a.example.org,https://b.example.org",
        "https://evil.test https://a.example.org", "https://service.example:8080", "https://service.example.evil.test",
    ])
    func refused(_ origin: String) {
        #expect(Self.policy.refusal(origin: origin, host: "service.example")?.code.rawValue == "origin.forbidden")
        let names = Self.policy.answerHeaders(to: origin).map(\.name)
        #expect(names == ["Vary"])
    }

    @Test(arguments: [
        "localhost", "localhost:8080", "LOCALHOST:8080", "LocalHost", "127.0.0.1", "127.0.0.1:8080", "127.1.2.3:1",
        "[::1]", "[::1]:8080",
    ])
    func thisMachine(_ host: String) {
        let open = OriginPolicy(allowedOrigins: ["https://a.example"], needsCredentials: false)
        #expect(open.refusal(origin: nil, host: host) == nil)
        #expect(open.refusal(origin: "https://a.example", host: host) == nil)
    }

    /// Without credentials the name counts, also for pages of allowed origins: a name of theirs could point here.
    @Test(arguments: [
        "evil.test", "evil.test:8080", "127.0.0.1.evil.test", "127.0.0.1.evil.test:8080", "localhost.",
        "localhost.:8080",
        "localhost.evil.test", "[::1].evil.test", "[::1]evil.test:8080", "[::1", "::1", "::1:8080", "localhost:",
        "localhost:80x", "localhost:80:80", "localhost@evil.test", "evil.test@localhost", "localhost:80@evil.test",
        "localhost evil.test", "0.0.0.0", "0.0.0.0:8080", "2130706433", "0x7f000001", "127.1", "[::ffff:127.0.0.1]x",
        "10.0.0.1", "", " localhost", "localhost/", "localhost\u{0}.evil.test", "127.0.0.1\u{0}.evil.test",
        "127.0.0.1\u{0}.evil.test:8080", "[::1\u{0}]:8080", "::1\u{0}",
    ])
    func anotherMachine(_ host: String) {
        let open = OriginPolicy(allowedOrigins: ["https://a.example"], needsCredentials: false)
        for origin in [nil, "https://a.example", "http://\(host)"] {
            #expect(open.refusal(origin: origin, host: host)?.code.rawValue == "origin.host_forbidden", "\(host)")
        }
    }

    @Test(arguments: [
        "https://*.example.org", "https://*.a.example.org:8443", "http://*.b.localhost:3000",
    ])
    func patternsAreTaken(_ text: String) {
        #expect(AllowedOrigin.problem(with: text) == nil)
    }

    @Test(arguments: [
        "*", "https://*", "*.example.org", "https://*.org", "https://*.localhost", "https://a.*.example.org",
        "https://*.*.example.org", "https://*example.org", "https://*.example.org/", "https://*.Example.org",
        "https://*.example.org:443", "https://*.0.0.1", "https://user@*.example.org", "https://*.example.*",
    ])
    func otherPatternsAreNot(_ text: String) {
        #expect(AllowedOrigin.problem(with: text) != nil)
    }
}
