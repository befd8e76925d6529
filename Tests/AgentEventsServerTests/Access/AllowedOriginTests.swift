import AgentEventsHub
import AgentEventsServer
import Testing

/// Which values of `--allowed-origin` can match, and what those that cannot would have to be.
struct AllowedOriginTests {
    @Test(arguments: [
        "https://chat.example.com", "http://localhost:3000", "http://127.0.0.1:5173", "http://[::1]:8000",
        "https://a.example:8443", "http://a.example:443", "https://xn--bcher-kva.example", "chrome-extension://abcdef",
        "capacitor://localhost", "https://a_b.example", "https://localhost", "https://*.example.com",
    ])
    func whatBrowsersSendIsTaken(_ text: String) {
        #expect(AllowedOrigin.problem(with: text) == nil)
    }

    @Test(arguments: [
        ("localhost:3000", "http://localhost:3000"), ("127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("chat.example.com", "https://chat.example.com"), ("https://a.example/", "https://a.example"),
        ("https://a.example/app?x#y", "https://a.example"), ("HTTPS://a.example", "https://a.example"),
        ("https://A.Example", "https://a.example"), ("https://a.example:443", "https://a.example"),
        ("http://a.example:80", "http://a.example"), ("https://a.example:", "https://a.example"),
        ("https://a.example:0444", "https://a.example:444"), ("ws://a.example", "http://a.example"),
        ("wss://a.example:443", "https://a.example"), ("http://[0:0:0:0:0:0:0:1]:3000", "http://[::1]:3000"),
        ("http://[::FFFF]", "http://[::ffff]"),
    ])
    func theRightFormIsNamed(_ text: String, _ right: String) throws {
        let problem = try #require(AllowedOrigin.problem(with: text))
        #expect(problem.hasSuffix("it would be \(right)"), "\(problem)")
        #expect(AllowedOrigin.problem(with: right) == nil)
    }

    @Test(arguments: [
        "", "*", "null", "https://*.com", "https://", "://a", "https://user@a.example",
        "https://a.example:99999",
        "https://a.example:0", "https://a.example:x", "https://a b", "https://a.example,https://b.example",
        "https://bücher.example", "http://127.1:3000", "http://1.2.3.4.5", "http://[::1", "http://[x]", "file:///a",
        "file://a/b", "1http://a", "https://a%20b",
        "https:/a.example", "data:", "javascript:", "localhost:", "ftp://a.example", "\u{0}", "https://a\n",
    ])
    func whatIsNoOriginIsRefused(_ text: String) throws {
        let problem = try #require(AllowedOrigin.problem(with: text))
        #expect(!problem.contains("it would be"), "\(problem)")
    }
}
