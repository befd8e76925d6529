import AgentEvents
import Testing

@testable import AgentEventsTracing

/// The documents, addresses and headers of OTLP.
struct OTLPTests {
    @Test func aDocumentIsWhatTheProtocolAsksFor() {
        var span = TraceSpan(
            traceID: "5b8efff798038103d269b633813fc60c", spanID: "eee19b7ec3c1b174", parentSpanID: "eee19b7ec3c1b173",
            name: "execute_tool \"x\"", start: Timestamp(milliseconds: 1_795_226_400_123),
            end: Timestamp(milliseconds: 1_795_226_400_124))
        span.attributes = [
            .init("gen_ai.tool.name", .text("ü\n")), .init("n", .integer(.max)), .init("f", .flag(true)),
        ]
        span.links = [caller, caller?.unsampled].compactMap(\.self)
        span.isError = true
        var root = span
        (root.parentSpanID, root.links, root.attributes, root.isError) = (nil, [], [], false)
        root.start = Timestamp(milliseconds: -5)
        let body = OTLPDocument.body(of: [span, root], service: "a service", version: "1.2")
        let expected = #"""
            {"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a service"}},{"key":"service.version","value":{"stringValue":"1.2"}}]},"scopeSpans":[{"scope":{"name":"swift-agent-events","version":"1.2"},"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","parentSpanId":"eee19b7ec3c1b173","name":"execute_tool \"x\"","kind":1,"startTimeUnixNano":"1795226400123000000","endTimeUnixNano":"1795226400124000000","attributes":[{"key":"gen_ai.tool.name","value":{"stringValue":"ü\n"}},{"key":"n","value":{"intValue":"9223372036854775807"}},{"key":"f","value":{"boolValue":true}}],"links":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","traceState":"a=1","flags":769},{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","traceState":"a=1","flags":768}],"status":{"code":2}},{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"execute_tool \"x\"","kind":1,"startTimeUnixNano":"0","endTimeUnixNano":"1795226400124000000","attributes":[],"status":{}}]}]}]}
            """#
        #expect(String(decoding: body, as: UTF8.self) == expected)
    }

    @Test(arguments: [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces", "127.0.0.1", 4318),
        ("http://collector:4318/", "http://collector:4318/v1/traces", "collector", 4318),
        ("HTTPS://api.example.com/otlp", "https://api.example.com/otlp/v1/traces", "api.example.com", 443),
        ("https://api.example.com/a/b//", "https://api.example.com/a/b/v1/traces", "api.example.com", 443),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces", "::1", 4318),
        ("http://[::1]", "http://[::1]/v1/traces", "::1", 80),
    ])
    func anAddressIsRead(_ text: String, _ url: String, _ host: String, _ port: Int) throws {
        let endpoint = try OTLPEndpoint(text)
        #expect(endpoint.url == url)
        #expect(endpoint.host == host)
        #expect(endpoint.port == port)
    }

    @Test(arguments: [
        ("", "begins with http"), ("collector:4318", "begins with http"), ("grpc://collector:4317", "begins with http"),
        ("http://", "host"), ("http://:4318", "host"), ("http://c:0", "port"), ("http://c:65536", "port"),
        ("http://c:x", "port"), ("http://c:+4318", "port"), ("http://::1:4318", "port"),
        ("http://u:p@c:4318", "authorization"),
        ("http://c/?key=1", "query"), ("http://c/#x", "query"), ("http://c/a b", "spaces"), ("http://é", "ASCII"),
        ("http://c\r\nx: y", "spaces"),
    ])
    func anythingElseIsRefusedAndToldWhatWouldBeRight(_ text: String, _ word: String) {
        let error = #expect(throws: OTLPError.self) { try OTLPEndpoint(text) }
        #expect(error?.code.description == "otlp.url_invalid")
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("u:p") == false)
    }

    @Test func headersAreSentWhereNobodyReadsThem() throws {
        let headers = try OTLPEndpoint.headers(in: "authorization=Bearer%20x")
        #expect(try OTLPEndpoint("https://c", headers: headers).headers == headers)
        for loopback in ["http://127.0.0.1:4318", "http://localhost", "http://[::1]:4318"] {
            #expect(try OTLPEndpoint(loopback, headers: headers).headers == headers)
        }
        for foreign in ["http://collector:4318", "http://127.example.com", "http://127.0.0.1.example.com:4318"] {
            let error = #expect(throws: OTLPError.self) { try OTLPEndpoint(foreign, headers: headers) }
            #expect(error?.code == .headersUnsafe)
            #expect(error?.message.contains("Bearer") == false)
        }
    }

    @Test func noDescriptionShowsTheValueOfAHeader() throws {
        let header = OTLPEndpoint.Header(name: "authorization", value: "Bearer hidden")
        #expect("\(header)" == "authorization: …")
        #expect(String(reflecting: header) == "authorization: …")
        let endpoint = try OTLPEndpoint("https://c", headers: [header])
        #expect(!"\(endpoint)".contains("hidden"))
        #expect(!String(reflecting: endpoint).contains("hidden"))
    }

    @Test(
        arguments: [
            ("", []), ("a=1", ["a: 1"]), ("a=1\n", ["a: 1"]), ("A=1, b=x%2Cy ,", ["a: 1", "b: x,y"]),
            ("a=b=c", ["a: b=c"]),
            ("Authorization: Bearer x=y\nb: 2\n", ["authorization: Bearer x=y", "b: 2"]),
            ("a:1\r\n\r\nb:", ["a: 1", "b: "]),
        ] as [(String, [String])])
    func headersAreRead(_ text: String, _ expected: [String]) throws {
        #expect(try OTLPEndpoint.headers(in: text).map { "\($0.name): \($0.value)" } == expected)
    }

    @Test(arguments: ["a", "=1", "a b=1", "a=%zz", "a=%4z", "a=%z1", "a=%2", "a=%+f", "a=%0A", "a: 1\nb", ": 1"])
    func whatIsNoHeaderIsRefused(_ text: String) {
        let error = #expect(throws: OTLPError.self) { try OTLPEndpoint.headers(in: text) }
        #expect(error?.code == .headersInvalid)
    }

    @Test(arguments: [
        (OTLPAnswer(status: 200), SpanExportResult.taken(rejectedCount: 0)),
        (OTLPAnswer(status: 202, body: Array("{}".utf8)), .taken(rejectedCount: 0)),
        (
            OTLPAnswer(status: 200, body: Array(#"{"partialSuccess":{"rejectedSpans":"3"}}"#.utf8)),
            .taken(rejectedCount: 3)
        ),
        (
            OTLPAnswer(status: 200, body: Array(#"{"partialSuccess":{"rejectedSpans":2}}"#.utf8)),
            .taken(rejectedCount: 2)
        ),
        (OTLPAnswer(status: 200, body: Array("<html>".utf8)), .taken(rejectedCount: 0)),
        (OTLPAnswer(status: 400), .refused("the collector answered with 400")),
        (OTLPAnswer(status: 404), .refused("the collector answered with 404")),
        (OTLPAnswer(status: 500), .refused("the collector answered with 500")),
        (
            OTLPAnswer(status: 429, retryAfter: "7"),
            .unavailable("the collector answered with 429", retryAfter: .seconds(7))
        ),
        (OTLPAnswer(status: 503, retryAfter: "soon"), .unavailable("the collector answered with 503", retryAfter: nil)),
        (OTLPAnswer(status: 502, retryAfter: "7"), .unavailable("the collector answered with 502", retryAfter: nil)),
        (OTLPAnswer(status: 504), .unavailable("the collector answered with 504", retryAfter: nil)),
    ])
    func answersAreTakenAsTheProtocolAsksFor(_ answer: OTLPAnswer, _ result: SpanExportResult) {
        #expect(answer.result == result)
    }
}
