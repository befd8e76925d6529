import AgentEventsServer
import Testing

@Suite("SEC-70: forwarded addresses") struct TrustedProxiesTests {
    private static func proxies(_ header: TrustedProxies.Header) throws -> TrustedProxies {
        TrustedProxies(try ["10.0.0.0/8", "2001:db8:1::/48"].map { try AddressRange($0) }, header: header)
    }

    private static func client(
        _ peer: String,
        _ header: TrustedProxies.Header,
        _ fields: [String: [String]]
    ) throws -> TrustedProxies.Client {
        try proxies(header).client(of: try #require(ClientAddress(peer))) { fields[$0] ?? [] }
    }

    /// Each blank is looked at once: with a look at all of them for each this would take minutes.
    @Test(.timeLimit(.minutes(1)), arguments: TrustedProxies.Header.allCases)
    func aLineMayBeginAndEndWithManyBlanks(_ header: TrustedProxies.Header) throws {
        let blanks = String(repeating: " \t", count: 40_000)
        let (name, address) =
            switch header {
            case .forwarded: ("forwarded", "for=198.51.100.7")
            case .xForwardedFor: ("x-forwarded-for", "198.51.100.7")
            }
        let client = try Self.client("10.0.0.1", header, [name: [blanks + address + blanks]])
        #expect(client.address == ClientAddress("198.51.100.7"))
    }

    /// The peer, the lines of `X-Forwarded-For`, and the client.
    @Test(arguments: [
        // Nobody is asked.
        ("192.0.2.1", [], "192.0.2.1"), ("10.0.0.1", [], "10.0.0.1"),
        // A client that is not a proxy says nothing, whatever it says.
        ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"), ("192.0.2.1", ["10.0.0.9"], "192.0.2.1"),
        ("192.0.2.1", ["127.0.0.1", "::1"], "192.0.2.1"),
        // One proxy.
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"), ("10.0.0.1", ["  198.51.100.7\t"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"), ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ["[2001:db8::7]"], "2001:db8::7"), ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("2001:db8:1::9", ["198.51.100.7"], "198.51.100.7"),
        // What the client has forged stands to the left of what the proxy has seen.
        ("10.0.0.1", ["127.0.0.1, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.5, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.1", "198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["\"], x=\"", "198.51.100.7"], "198.51.100.7"),
        // Several proxies, in one line or in more.
        ("10.0.0.1", ["198.51.100.7, 10.0.0.3, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["203.0.113.1, 198.51.100.7", "10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, 192.0.2.9, 10.0.0.2"], "192.0.2.9"),
        // All are proxies: the furthest is the client, a check of health for example.
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        // What is no address ends what is known.
        ("10.0.0.1", [""], "10.0.0.1"), ("10.0.0.1", [","], "10.0.0.1"), ("10.0.0.1", ["unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, unknown, 10.0.0.2"], "10.0.0.2"), ("10.0.0.1", ["_hidden"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, "], "10.0.0.1"), ("10.0.0.1", ["198.51.100.7:"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7:1:2"], "10.0.0.1"), ("10.0.0.1", ["[198.51.100.7]"], "10.0.0.1"),
        ("10.0.0.1", ["[2001:db8::7"], "10.0.0.1"), ("10.0.0.1", ["[2001:db8::7]x"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.007"], "10.0.0.1"), ("10.0.0.1", ["198.51.100.7.example.com"], "10.0.0.1"),
        ("10.0.0.1", ["fe80::1%eth0"], "10.0.0.1"),
        // The other header is not looked at.
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
    ])
    func theClientIsTheLastAddressThatIsNoTrustedProxy(peer: String, lines: [String], client: String) throws {
        let found = try Self.client(
            peer, .xForwardedFor, ["x-forwarded-for": lines, "forwarded": ["for=203.0.113.99"]])
        #expect(found.address.description == client)
    }

    @Test(
        arguments: [
            ("192.0.2.1", ["for=198.51.100.7;proto=https;host=a.example"], "192.0.2.1", nil, nil),
            ("10.0.0.1", ["for=198.51.100.7"], "198.51.100.7", nil, nil),
            (
                "10.0.0.1", ["For=198.51.100.7;PROTO=https;host=a.example:8443"], "198.51.100.7", "https",
                "a.example:8443"
            ),
            ("10.0.0.1", ["for=\"[2001:db8::7]:4711\""], "2001:db8::7", nil, nil),
            ("10.0.0.1", ["for=\"198.51.100.7:4711\" ; by=10.0.0.1"], "198.51.100.7", nil, nil),
            ("10.0.0.1", ["for=\"198.51.100.\\7\""], "198.51.100.7", nil, nil),
            (
                "10.0.0.1", ["for=1.1.1.1;host=evil.example, for=198.51.100.7;host=a.example"], "198.51.100.7", nil,
                "a.example"
            ),
            ("10.0.0.1", ["for=198.51.100.7;proto=https", "for=10.0.0.2;proto=http"], "198.51.100.7", "https", nil),
            // A comma or a semicolon in quotes is no separator.
            ("10.0.0.1", ["for=198.51.100.7;host=\"a,b;c\""], "198.51.100.7", nil, nil),
            ("10.0.0.1", ["for=1.1.1.1, for=\"198.51.100.7, for=10.0.0.9\""], "10.0.0.1", nil, nil),
            // Malformed, hidden or twice: nothing is known.
            ("10.0.0.1", ["for=unknown"], "10.0.0.1", nil, nil),
            ("10.0.0.1", ["for=_secret;proto=https"], "10.0.0.1", nil, nil),
            ("10.0.0.1", ["198.51.100.7"], "10.0.0.1", nil, nil), ("10.0.0.1", ["proto=https"], "10.0.0.1", nil, nil),
            ("10.0.0.1", ["for=198.51.100.7;for=1.1.1.1"], "10.0.0.1", nil, nil),
            ("10.0.0.1", ["for=\"198.51.100.7"], "10.0.0.1", nil, nil),
            ("10.0.0.1", ["for=198.51\".100.7\""], "10.0.0.1", nil, nil),
            ("10.0.0.1", ["for=198.51.100.7;"], "10.0.0.1", nil, nil), ("10.0.0.1", [""], "10.0.0.1", nil, nil),
            // A host or a scheme that is none is not passed on.
            ("10.0.0.1", ["for=198.51.100.7;proto=javascript;host=\"a b\""], "198.51.100.7", nil, nil),
            ("10.0.0.1", ["for=198.51.100.7;host=\"a\r\nX: y\""], "198.51.100.7", nil, nil),
        ] as [(String, [String], String, String?, String?)])
    func forwardedIsRead(peer: String, lines: [String], client: String, scheme: String?, host: String?) throws {
        let found = try Self.client(
            peer, .forwarded,
            ["forwarded": lines, "x-forwarded-for": ["203.0.113.99"], "x-forwarded-host": ["evil.example"]])
        #expect(found.address.description == client)
        #expect(found.scheme == scheme)
        #expect(found.host == host)
    }

    @Test func theHostAndTheSchemeAreTheLastThatAreTold() throws {
        let fields = [
            "x-forwarded-for": ["198.51.100.7"], "x-forwarded-proto": ["javascript, HTTPS"],
            "x-forwarded-host": ["evil.example", "a.example"],
        ]
        let found = try Self.client("10.0.0.1", .xForwardedFor, fields)
        #expect(found == TrustedProxies.Client(.ipv4(0xC633_6407), scheme: "https", host: "a.example"))
        let forged = try Self.client("192.0.2.1", .xForwardedFor, fields)
        #expect(forged == TrustedProxies.Client(.ipv4(0xC000_0201), isIgnored: true))
    }

    @Test func whoIsNotBelievedIsCounted() throws {
        for name in ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"] {
            #expect(try Self.client("192.0.2.1", .xForwardedFor, [name: ["x"]]).isIgnored)
        }
        #expect(try !Self.client("192.0.2.1", .xForwardedFor, [:]).isIgnored)
        #expect(try !Self.client("10.0.0.1", .xForwardedFor, ["forwarded": ["for=1.1.1.1"]]).isIgnored)
    }

    @Test func notMoreThan32AddressesAreLookedAt() throws {
        let hops = (1...40).map { "10.0.1.\($0)" }
        let found = try Self.client(
            "10.0.0.1", .xForwardedFor, ["x-forwarded-for": ["1.1.1.1, " + hops.joined(separator: ", ")]])
        #expect(found.address.description == "10.0.1.9")
        #expect(TrustedProxies.maximumHopCount == 32)
    }

    @Test func withoutTrustedProxiesNobodyIsBelieved() {
        let found = TrustedProxies().client(of: .ipv4(0x7F00_0001)) { $0 == "x-forwarded-for" ? ["1.1.1.1"] : [] }
        #expect(found == TrustedProxies.Client(.ipv4(0x7F00_0001), isIgnored: true))
    }

    /// Whatever stands in the headers: the result is the peer itself, or an address that they name and that only trusted
    /// proxies follow.
    @Test func anyBytesAreReadWithoutHarm() throws {
        var random = TestRandom(seed: 7)
        let pieces = [
            "for=", "10.0.0.2", "198.51.100.7", ",", ";", "\"", "\\", "[", "]", "::1", ":80", " ", "proto=https",
            "host=a", "=",
            "é", "\u{0}", "unknown", "_x",
        ]
        for _ in 0..<20_000 {
            let line = (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces.randomElement(using: &random)! }
                .joined()
            for header in TrustedProxies.Header.allCases {
                let found = try Self.client("10.0.0.1", header, ["forwarded": [line], "x-forwarded-for": [line]])
                switch found.address {
                case .ipv4(let address): #expect([0x0A00_0001, 0x0A00_0002, 0xC633_6407].contains(address), "\(line)")
                // The pieces of one make others too.
                case .ipv6(let network, _): #expect(network == 0, "\(line)")
                case .unix, .unknown: Issue.record("\(line)")
                }
            }
        }
    }
}

/// Numbers of a seed (SplitMix64).
struct TestRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
