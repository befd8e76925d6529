import AgentEventsServer
import MetricsTestKit
import NIOCore
import NIOEmbedded
import Testing

@Suite("SEC-70: connections from proxies") struct ProxyHeaderHandlerTests {
    private struct Connection {
        let channel = EmbeddedChannel()
        let metrics = TestMetrics()
        let address = ClientAddressHandler()

        init(from peer: String) throws {
            let proxies = TrustedProxies([try AddressRange("10.0.0.0/8")])
            try channel.pipeline.syncOperations.addHandler(address)
            try channel.pipeline.syncOperations.addHandler(
                ProxyHeaderHandler(proxies: proxies, address: address, metrics: EntryMetrics(factory: metrics)))
            let remote = try SocketAddress(ipAddress: peer, port: 4711)
            channel.remoteAddress = remote
            try channel.connect(to: remote).wait()
        }

        func receive(_ bytes: [UInt8]) throws { try channel.writeInbound(ByteBuffer(bytes: bytes)) }

        /// The bytes that reach TLS or HTTP.
        func passed() throws -> [UInt8] {
            var bytes: [UInt8] = []
            while let part = try channel.readInbound(as: ByteBuffer.self) { bytes += part.readableBytesView }
            return bytes
        }

        var refusalCount: Int64 {
            (try? metrics.expectCounter("agent_events_proxy_header_refusals_total").totalValue) ?? 0
        }
    }

    @Test(arguments: [1, 3, 1000])
    func theHeaderIsTakenOffAndTellsTheClient(_ size: Int) throws {
        let connection = try Connection(from: "10.0.0.1")
        let bytes = ProxyHeaderTests.ipv4 + Array("GET / HTTP/1.1\r\n".utf8)
        var rest = bytes[...]
        while !rest.isEmpty {
            if rest.count == bytes.count { #expect(connection.channel.clientAddress.description == "10.0.0.1") }
            try connection.receive(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        #expect(try connection.passed() == Array("GET / HTTP/1.1\r\n".utf8))
        #expect(connection.channel.clientAddress.description == "198.51.100.7")
        // The deadline is that of the header.
        connection.channel.embeddedEventLoop.advanceTime(by: .seconds(60))
        #expect(connection.channel.isActive)
        #expect(connection.refusalCount == 0)
    }

    @Test func aCheckOfHealthIsThePeers() throws {
        let connection = try Connection(from: "10.0.0.1")
        try connection.receive(ProxyHeaderTests.binary(0x20, 0, []) + [1])
        #expect(connection.channel.clientAddress.description == "10.0.0.1")
        #expect(try connection.passed() == [1])
    }

    @Test func whoIsNoTrustedProxyIsNotHeard() throws {
        let connection = try Connection(from: "192.0.2.1")
        #expect(connection.refusalCount == 1)
        _ = try? connection.receive(ProxyHeaderTests.ipv4 + [1])
        #expect(try connection.passed().isEmpty)
        #expect(connection.channel.clientAddress.description == "192.0.2.1")
        #expect(!connection.channel.isActive)
    }

    @Test func aConnectionWithoutAHeaderIsClosed() throws {
        let connection = try Connection(from: "10.0.0.1")
        _ = try? connection.receive(Array("GET / HTTP/1.1\r\n".utf8))
        #expect(connection.refusalCount == 1)
        #expect(!connection.channel.isActive)
        #expect(try connection.passed().isEmpty)
    }

    @Test func aHeaderHasFiveSeconds() throws {
        let connection = try Connection(from: "10.0.0.1")
        try connection.receive(Array(ProxyHeaderTests.ipv4.dropLast()))
        connection.channel.embeddedEventLoop.advanceTime(by: .milliseconds(4999))
        #expect(connection.refusalCount == 0)
        connection.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(connection.refusalCount == 1)
        #expect(!connection.channel.isActive)
    }
}
