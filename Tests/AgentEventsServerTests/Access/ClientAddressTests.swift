import AgentEventsServer
import NIOCore
import NIOEmbedded
import Testing

@Suite struct ClientAddressTests {
    @Test(arguments: [
        ("192.0.2.1", ClientAddress.ipv4(0xC000_0201), "192.0.2.1"),
        ("0.0.0.0", .ipv4(0), "0.0.0.0"),
        ("255.255.255.255", .ipv4(.max), "255.255.255.255"),
        ("::ffff:192.0.2.1", .ipv4(0xC000_0201), "192.0.2.1"),
        ("::1", .ipv6(network: 0, interface: 1), "::1"),
        (
            "2001:DB8:0:0:1:0:0:2", .ipv6(network: 0x2001_0DB8_0000_0000, interface: 0x0001_0000_0000_0002),
            "2001:db8::1:0:0:2"
        ),
    ])
    func anAddressIsRead(text: String, address: ClientAddress, written: String) {
        #expect(ClientAddress(text) == address)
        #expect(address.description == written)
    }

    @Test(arguments: [
        "", " ", "localhost", "unix", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.4:80", "[::1]", "::1%eth0",
        "fe80::1%eth0", "fe80::1%1", "::g",
        "1.2.3.4 ", "127.0.0.1\u{0}", "127.0.0.1\u{0}.evil.test", "::1\u{0}",
        "2001:db8::1::2", "/run/x.sock", String(repeating: "1", count: 100_000),
    ])
    func whatIsNoAddressIsNotRead(text: String) { #expect(ClientAddress(text) == nil) }

    @Test func clientsOfOneIPv6NetworkCountTogether() throws {
        let one = try #require(ClientAddress("2001:db8:0:1::1"))
        let two = try #require(ClientAddress("2001:db8:0:1:ffff::2"))
        let other = try #require(ClientAddress("2001:db8:0:2::1"))
        #expect(one.network == two.network)
        #expect(one.network != other.network)
        #expect(one.network.description == "2001:db8:0:1::")
        for address in [ClientAddress.ipv4(1), .unix, .unknown] { #expect(address.network == address) }
    }

    @Test func aSocketAddressIsTaken() throws {
        #expect(ClientAddress(try SocketAddress(ipAddress: "192.0.2.1", port: 80)) == ClientAddress("192.0.2.1"))
        #expect(ClientAddress(try SocketAddress(ipAddress: "2001:db8::7", port: 80)) == ClientAddress("2001:db8::7"))
        #expect(ClientAddress(try SocketAddress(unixDomainSocketPath: "/run/x.sock")) == .unix)
    }

    @Test func theClientOfAChannelIsItsPeerUnlessAProxyTellsItsOwn() throws {
        let channel = EmbeddedChannel()
        #expect(channel.clientAddress == .unknown)
        channel.remoteAddress = try SocketAddress(ipAddress: "192.0.2.1", port: 80)
        let handler = ClientAddressHandler()
        try channel.pipeline.syncOperations.addHandler(handler)
        #expect(channel.clientAddress == ClientAddress("192.0.2.1"))
        handler.connection = ClientAddress("198.51.100.1")
        #expect(channel.clientAddress == ClientAddress("198.51.100.1"))
        handler.request = ClientAddress("203.0.113.9")
        #expect(channel.clientAddress == ClientAddress("203.0.113.9"))
        #expect(channel.peerAddress == ClientAddress("192.0.2.1"))
    }

    @Test func thePeerOfAUnixSocketIsAProcessOfThisMachine() throws {
        let channel = EmbeddedChannel()
        channel.localAddress = try SocketAddress(unixDomainSocketPath: "/run/x.sock")
        #expect(channel.clientAddress == .unix)
    }
}
