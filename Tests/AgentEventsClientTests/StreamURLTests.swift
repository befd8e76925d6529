import AgentEventsClient
import Testing

@Suite struct StreamURLTests {
    @Test(arguments: [
        ("ws://127.0.0.1:8080/v1/stream", "127.0.0.1", 8080, "/v1/stream"),
        ("ws://localhost", "localhost", 80, "/v1/stream"),
        ("ws://localhost/", "localhost", 80, "/v1/stream"),
        ("WS://example.com:9000/events?tab=1", "example.com", 9000, "/events?tab=1"),
        ("ws://[::1]:8080/v1/stream", "::1", 8080, "/v1/stream"),
        ("ws://[::1]", "::1", 80, "/v1/stream"),
        ("http://127.0.0.1:8080", "127.0.0.1", 8080, "/v1/stream"),
        ("http://127.0.0.1:8080/", "127.0.0.1", 8080, "/v1/stream"),
        ("HTTP://localhost:8080/v1/stream", "localhost", 8080, "/v1/stream"),
        ("http://localhost:8080/v1/stream/", "localhost", 8080, "/v1/stream"),
        ("ws://localhost:8080/v1", "localhost", 8080, "/v1/stream"),
        ("http://localhost:8080/agents/v1//", "localhost", 8080, "/agents/v1/stream"),
        ("http://[::1]:8080/", "::1", 8080, "/v1/stream"),
        ("ws://host/v1/stream/?tab=1", "host", 80, "/v1/stream?tab=1"),
    ])
    func anAddressIsTakenApart(text: String, host: String, port: Int, path: String) throws {
        let url = try StreamURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.path == path)
        let again = try StreamURL(url.description)
        #expect(again == url)
    }

    @Test(arguments: [
        ("wss://localhost", "localhost", 443, "/v1/stream"),
        ("https://localhost:8443", "localhost", 8443, "/v1/stream"),
        ("HTTPS://[::1]/v1", "::1", 443, "/v1/stream"),
    ])
    func anAddressWithTLSIsTakenApart(text: String, host: String, port: Int, path: String) throws {
        let url = try StreamURL(text)
        #expect(url == StreamURL(host: host, port: port, path: path, isSecure: true))
        #expect(url.isSecure)
        #expect(url.description.hasPrefix("wss://"))
        #expect(try StreamURL(url.description) == url)
        #expect(url != StreamURL(host: host, port: port, path: path))
    }

    @Test(arguments: [
        ("unix:/run/a.sock", "/run/a.sock"), ("unix:a.sock", "a.sock"), ("unix:///run/a.sock", "/run/a.sock"),
        ("unix:/run/a b:c?d#e", "/run/a b:c?d#e"),
    ])
    func theAddressOfAUnixSocketIsItsPath(text: String, path: String) throws {
        let url = try StreamURL(text)
        #expect(url.unixSocketPath == path)
        #expect(url.path == "/v1/stream")
        #expect(!url.isSecure)
        #expect(url.description == "unix:\(path)")
        #expect(try StreamURL(url.description) == url)
    }

    @Test(arguments: [
        "", "localhost:8080", "unix:", "unix://", "wss://", "https://localhost:0", "ftp://localhost", "http:/localhost",
        "ws://",
        "ws://:8080", "ws://host:", "ws://host:0",
        "ws://host:65536", "ws://host:-1", "ws://host:8o", "ws://user:secret@host", "ws://[::1", "ws://[::1]8080",
        "ws://ho st", "ws://host?x=1", "ws://host/a b", "ws://host/v1/stream#x", "ws://host#x",
        "ws://host/\r\nX: y",
    ])
    func whatIsNoAddressIsRefused(text: String) {
        do {
            let url = try StreamURL(text)
            Issue.record("\(text) was read as \(url)")
        } catch {
            #expect(error.code == .badURL)
            #expect(error.message.contains("\"\(text)\""))
        }
    }

    @Test(arguments: [
        ("localhost:8080", "http://host:port"), ("localhost:8080", "https://host:port"), ("unix:", "unix:/run/"),
    ])
    func whatWouldBeRightIsSaid(text: String, form: String) {
        let error = #expect(throws: AgentEventsClientError.self) { try StreamURL(text) }
        #expect(error?.message.contains(form) == true, "\(String(describing: error))")
    }
}
