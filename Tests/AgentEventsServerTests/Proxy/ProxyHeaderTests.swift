import AgentEventsServer
import Testing

@Suite("SEC-70: the PROXY protocol") struct ProxyHeaderTests {
    private static let signature: [UInt8] = [
        0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,
    ]

    /// A header of version 2.
    static func binary(_ command: UInt8, _ family: UInt8, _ body: [UInt8], length: Int? = nil) -> [UInt8] {
        let length = length ?? body.count
        return signature + [command, family, UInt8(length >> 8), UInt8(length & 0xFF)] + body
    }

    static let ipv4 = binary(0x21, 0x11, [198, 51, 100, 7, 192, 0, 2, 1, 0x12, 0x67, 0x01, 0xBB])
    static let ipv6 = binary(
        0x21, 0x21,
        [0x20, 0x01, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [7] + [UInt8](repeating: 9, count: 20))
    static let unix = binary(0x21, 0x31, [UInt8](repeating: 0x2F, count: 216))

    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(
        arguments: [
            ("PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n", "198.51.100.7"),
            ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"),
            ("PROXY TCP4 198.51.100.7 192.0.2.1 0 443\r\n", "198.51.100.7"),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", "2001:db8::7"),
            ("PROXY TCP6 ::ffff:198.51.100.7 ::1 4711 443\r\n", "198.51.100.7"),
            ("PROXY UNKNOWN\r\n", nil), ("PROXY UNKNOWN \r\n", nil), ("PROXY UNKNOWN whatever 1 2 3\r\n", nil),
        ] as [(String, String?)])
    func aLineOfVersion1IsRead(line: String, client: String?) throws {
        let expected = try client.map { ProxyHeader.client(try #require(ClientAddress($0))) } ?? .local
        let bytes = Self.text(line)
        #expect(ProxyHeader.read(bytes[...]) == .whole(expected, byteCount: bytes.count))
        // What follows is not looked at.
        #expect(ProxyHeader.read((bytes + [0x0A, 0xFF, 0])[...]) == .whole(expected, byteCount: bytes.count))
        for count in 0..<bytes.count { #expect(ProxyHeader.read(bytes[..<count]) == .incomplete) }
    }

    @Test(arguments: [
        (ipv4, ProxyHeader.client(.ipv4(0xC633_6407))),
        (ipv6, .client(.ipv6(network: 0x2001_0DB8_0000_0000, interface: 7))),
        (unix, .client(.unix)),
        // Health checks of the proxy, with or without addresses.
        (binary(0x20, 0x00, []), .local), (binary(0x20, 0x11, [UInt8](repeating: 1, count: 12)), .local),
        (binary(0x20, 0xFF, [1, 2, 3]), .local),
        // A protocol that the proxy does not know.
        (binary(0x21, 0x00, [1, 2, 3]), .local),
        // What else proxies add.
        (
            binary(0x21, 0x11, [198, 51, 100, 7, 192, 0, 2, 1, 0, 1, 0, 2, 0x04, 0x00, 0x01, 0xFF]),
            .client(.ipv4(0xC633_6407))
        ),
        (binary(0x21, 0x11, [198, 51, 100, 7] + [UInt8](repeating: 0, count: 516)), .client(.ipv4(0xC633_6407))),
    ])
    func aHeaderOfVersion2IsRead(bytes: [UInt8], expected: ProxyHeader) {
        #expect(ProxyHeader.read(bytes[...]) == .whole(expected, byteCount: bytes.count))
        #expect(ProxyHeader.read((bytes + bytes)[...]) == .whole(expected, byteCount: bytes.count))
        for count in 0..<bytes.count { #expect(ProxyHeader.read(bytes[..<count]) == .incomplete) }
    }

    @Test(arguments: [
        text("GET / HTTP/1.1\r\n"), text("\u{16}\u{3}\u{1}"), text("proxy TCP4 198.51.100.7 192.0.2.1 4711 443\r\n"),
        text("PROXY\r\n"), text("PROXY \r\n"), text("PROXY  TCP4 198.51.100.7 192.0.2.1 4711 443\r\n"),
        text("PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\n"), text("PROXY TCP4 198.51.100.7 192.0.2.1 4711\r\n"),
        text("PROXY TCP4 198.51.100.7 192.0.2.1 4711 443 \r\n"),
        text("PROXY TCP4 198.51.100.7 192.0.2.1 4711 65536\r\n"),
        text("PROXY TCP4 198.51.100.7 192.0.2.1 04711 443\r\n"), text("PROXY TCP4 198.51.100.7 192.0.2.1 -1 443\r\n"),
        text("PROXY TCP4 2001:db8::7 192.0.2.1 4711 443\r\n"), text("PROXY TCP6 198.51.100.7 192.0.2.1 4711 443\r\n"),
        text("PROXY TCP4 198.51.100.7 evil 4711 443\r\n"), text("PROXY UDP4 198.51.100.7 192.0.2.1 4711 443\r\n"),
        text("PROXY TCP4 198.51.100.7\u{0} 192.0.2.1 4711 443\r\n"), text("PROXY UNKNOWN é\r\n"),
        text("PROXY UNKNOWN " + String(repeating: "x", count: 200)),
        binary(0x11, 0x11, [UInt8](repeating: 1, count: 12)), binary(0x22, 0x11, [UInt8](repeating: 1, count: 12)),
        binary(0x21, 0x12, [UInt8](repeating: 1, count: 12)), binary(0x21, 0x22, [UInt8](repeating: 1, count: 36)),
        binary(0x21, 0x41, [UInt8](repeating: 1, count: 36)), binary(0x21, 0x11, [UInt8](repeating: 1, count: 11)),
        binary(0x21, 0x21, [UInt8](repeating: 1, count: 35)), binary(0x21, 0x31, [UInt8](repeating: 1, count: 215)),
        // Longer than a header may be: refused by its length, before it has come.
        binary(0x21, 0x11, [], length: 521), binary(0x20, 0x00, [], length: 65535),
    ])
    func whatIsNoHeaderIsRefused(bytes: [UInt8]) {
        guard case .invalid = ProxyHeader.read(bytes[...]) else {
            Issue.record("\(bytes) was read as \(ProxyHeader.read(bytes[...]))")
            return
        }
    }

    @Test func theLongestLineIsRead() {
        let line = "PROXY UNKNOWN " + String(repeating: "f", count: 107 - 16) + "\r\n"
        #expect(line.utf8.count == 107)
        #expect(ProxyHeader.read(Self.text(line)[...]) == .whole(.local, byteCount: 107))
        guard case .invalid = ProxyHeader.read(Self.text("PROXY UNKNOWN x" + line.dropFirst(14))[...]) else {
            Issue.record("a line of 108 bytes was read")
            return
        }
    }
}

@Suite("SEC-70: the beginning of a connection from a proxy") struct ProxyHeaderStateMachineTests {
    @Test func theStatesAreTheOnesDrawn() {
        var machine = ProxyHeaderStateMachine()
        #expect(machine.begin(isTrusted: true) == .wait)
        #expect(machine.receive(ProxyHeaderTests.ipv4.prefix(5)) == .wait)
        #expect(
            machine.receive(ProxyHeaderTests.ipv4.dropFirst(5) + [1, 2])
                == .accept(
                    .client(.ipv4(0xC633_6407)), consumed: ProxyHeaderTests.ipv4.count - 5))
        let accepted = machine
        #expect(machine.receive([1]) == .pass)
        #expect(machine.deadlinePassed() == .ignore)
        #expect(machine == accepted)
        machine = ProxyHeaderStateMachine()
        #expect(machine.begin(isTrusted: false) == .refuse("the sender is not a trusted proxy"))
        let refused = machine
        #expect(machine.receive(ProxyHeaderTests.ipv4) == .ignore)
        #expect(machine.deadlinePassed() == .ignore)
        #expect(machine == refused)
        machine = ProxyHeaderStateMachine()
        #expect(machine.begin(isTrusted: true) == .wait)
        #expect(machine.deadlinePassed() == .refuse("the header of the PROXY protocol has not come in time"))
        #expect(machine.receive(ProxyHeaderTests.ipv4) == .ignore)
        machine = ProxyHeaderStateMachine()
        guard case .refuse = machine.receive([0x47]) else {
            Issue.record("what is no header was taken")
            return
        }
        #expect(machine.receive(ProxyHeaderTests.ipv4) == .ignore)
    }

    /// Mutates headers, and cuts them anywhere: however they are cut, the result is the same, nothing beyond the largest
    /// header is consumed, and no client comes of what no reading of the whole gives.
    @Test func mutatedHeadersAreReadAlikeHoweverTheyAreCut() {
        var random = TestRandom(seed: 70)
        let corpus = [
            ProxyHeaderTests.ipv4, ProxyHeaderTests.ipv6, ProxyHeaderTests.unix, ProxyHeaderTests.binary(0x20, 0, []),
            Array("PROXY TCP4 198.51.100.7 192.0.2.1 4711 443\r\n".utf8),
            Array("PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n".utf8), Array("PROXY UNKNOWN\r\n".utf8),
        ]
        var accepted = 0
        for _ in 0..<40_000 {
            var bytes = corpus.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 0...3, using: &random) { Self.mutate(&bytes, &random) }
            bytes += (0..<Int.random(in: 0...4, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            let whole = ProxyHeader.read(bytes.prefix(536))
            var machine = ProxyHeaderStateMachine()
            var action = machine.begin(isTrusted: true)
            var position = 0
            var consumed = 0
            while action == .wait, position < bytes.count {
                let end = min(bytes.count, position + Int.random(in: 1...64, using: &random))
                action = machine.receive(bytes[position..<end])
                if case .accept(_, let count) = action { consumed = position + count }
                position = end
            }
            switch (whole, action) {
            case (.whole(let header, let byteCount), .accept(let other, _)):
                accepted += 1
                #expect(header == other)
                #expect(byteCount == consumed)
                #expect(byteCount <= 536)
            case (.incomplete, .wait): break
            case (.invalid, .refuse): break
            default: Issue.record("\(bytes): \(whole) as a whole, and \(action) in pieces")
            }
        }
        #expect(accepted > 1000)
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout TestRandom) {
        guard !bytes.isEmpty else { return }
        let index = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0...4, using: &random) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &random)
        case 2: bytes.remove(at: index)
        case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: index)
        default: bytes = Array(bytes[..<index])
        }
    }
}
