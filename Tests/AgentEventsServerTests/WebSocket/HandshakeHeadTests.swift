import AgentEvents
import AgentEventsTesting
import Logging
import MetricsTestKit
import NIOCore
import NIOEmbedded
import NIOHTTP1
import NIOWebSocket
import Testing

@testable import AgentEventsHub
@testable import AgentEventsServer

/// The usual request for a WebSocket is read without HTTP, and means what it means there; anything else is left to HTTP.
@Suite(.timeLimit(.minutes(10)))
struct HandshakeHeadTests {
    private static let fields = [
        "Host: 127.0.0.1:8080", "Upgrade: websocket", "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
    ]

    private static func head(
        _ fields: [String] = fields, adding added: [String] = [], line: String = "GET /v1/stream HTTP/1.1"
    ) -> String {
        ([line] + fields + added).joined(separator: "\r\n") + "\r\n\r\n"
    }

    /// The usual fields with one of them in another form.
    private static func with(_ name: String, _ field: String?) -> String {
        head(fields.compactMap { $0.hasPrefix(name + ":") ? field : $0 })
    }

    private static func read(_ text: String) -> HandshakeHead? {
        HandshakeHead(ByteBuffer(string: text), path: "/v1/stream")
    }

    @Test func aHeadIsReadAsClientsSendIt() throws {
        let browser = Self.head([
            "Host: localhost:8080", "Connection: keep-alive, Upgrade", "Pragma: no-cache", "Cache-Control: no-cache",
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "Upgrade: WebSocket", "Origin: http://localhost:8080",
            "Sec-WebSocket-Version: 13", "Accept-Encoding: gzip, deflate, br", "Accept-Language: en",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "authorization: \t Bearer abc",
            "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
            "Sec-WebSocket-Protocol: agent-events.v1, agent-events.bearer.x", "sec-websocket-protocol: other",
        ])
        let read = try #require(Self.read(browser + "more"))
        #expect(
            read.request
                == UpgradeRequest(
                    method: "GET", path: "/v1/stream", version: "13", key: "dGhlIHNhbXBsZSBub25jZQ==",
                    subprotocols: ["agent-events.v1", "agent-events.bearer.x", "other"],
                    origin: "http://localhost:8080", host: "localhost:8080"))
        #expect(read.authorization == "Bearer abc")
        #expect(read.byteCount == browser.utf8.count)
        #expect(Self.read(Self.head()) != nil)
    }

    private static let doubtful: [(String, String)] = [
        ("another path", head(line: "GET /v1/streams HTTP/1.1")),
        ("a query", head(line: "GET /v1/stream?token=x HTTP/1.1")),
        ("an absolute target", head(line: "GET http://a/v1/stream HTTP/1.1")),
        ("another method", head(line: "PUT /v1/stream HTTP/1.1")),
        ("a method in small letters", head(line: "get /v1/stream HTTP/1.1")),
        ("an older version", head(line: "GET /v1/stream HTTP/1.0")),
        ("two spaces", head(line: "GET  /v1/stream HTTP/1.1")),
        ("a space at the end of the line", head(line: "GET /v1/stream HTTP/1.1 ")),
        ("no host", with("Host", nil)),
        ("two hosts", head(adding: ["Host: b"])),
        ("no key", with("Sec-WebSocket-Key", nil)),
        ("two keys", head(adding: ["sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="])),
        ("no version", with("Sec-WebSocket-Version", nil)),
        ("two versions", head(adding: ["Sec-WebSocket-Version: 13"])),
        ("no upgrade", with("Upgrade", nil)),
        ("two upgrades", head(adding: ["Upgrade: websocket"])),
        ("another upgrade", with("Upgrade", "Upgrade: h2c")),
        ("a list of upgrades", with("Upgrade", "Upgrade: websocket, h2c")),
        ("no connection", with("Connection", nil)),
        ("another connection", with("Connection", "Connection: keep-alive")),
        ("two connections", head(adding: ["Connection: close"])),
        ("two origins", head(adding: ["Origin: http://a", "Origin: http://b"])),
        ("two credentials", head(adding: ["Authorization: Bearer a", "Authorization: Bearer b"])),
        ("a length", head(adding: ["Content-Length: 0"])),
        ("a body in chunks", head(adding: ["Transfer-Encoding: chunked"])),
        ("a word that is waited for", head(adding: ["Expect: 100-continue"])),
        ("a name with a space", head(adding: ["X : 1"])),
        ("a space after a value", head(adding: ["X: 1 "])),
        ("an empty value", head(adding: ["X: "])),
        ("a name that is none", head(adding: [": 1"])),
        ("a line without a name", head(adding: ["x"])),
        ("a folded line", head(adding: ["X: 1", " 2"])),
        ("a zero byte", head(adding: ["X: \u{0}"])),
        ("what is not ASCII", head(adding: ["X: é"])),
        ("a line end without a return", head().replacing("\r\nHost", with: "\nHost")),
        ("a return without a line end", head().replacing("\r\nHost", with: "\rHost")),
        ("a part of a head", String(head().dropLast(1))),
        ("nothing", ""),
        ("too many fields", head(adding: (0..<60).map { "X-\($0): 1" })),
        ("a long value", head(adding: ["X: " + String(repeating: "x", count: 17_000)])),
        ("a long head", head(adding: (0..<5).map { "X-\($0): " + String(repeating: "x", count: 8000) })),
    ]

    @Test(arguments: doubtful)
    func whatIsToBeDoubtedIsLeftToHTTP(_ name: String, _ text: String) {
        #expect(Self.read(text) == nil, "\(name)")
    }

    /// The request as HTTP reads it; `nil` when HTTP has something against it.
    private static func readByHTTP(_ text: [UInt8]) throws -> (UpgradeRequest, String?)? {
        let channel = EmbeddedChannel(
            handler: ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes)))
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        do {
            try channel.writeInbound(ByteBuffer(bytes: text))
        } catch {
            return nil
        }
        guard case .head(let head) = try channel.readInbound(as: HTTPServerRequestPart.self),
            UpgradeFilter.isWebSocketUpgrade(head), head.headers["host"].count == 1,
            head.headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" })
        else { return nil }
        return (UpgradeRequest(head), head.headers.first(name: "authorization"))
    }

    /// Heads with some bytes of them changed: whatever is read here is read by HTTP in the same way.
    @Test func whatIsReadMeansWhatItMeansToHTTP() throws {
        var random = SeededGenerator(seed: 7)
        let insets = Array("\r\n \t:,;=-_?\u{0}é".utf8) + Array("GETHTPwebsocketUpgrade13/.".utf8)
        let original = Array(
            Self.head(adding: [
                "Origin: http://a", "Authorization: Bearer x", "Sec-WebSocket-Protocol: a, b", "Cookie: c=d",
            ]).utf8)
        var readCount = 0
        for _ in 0..<20_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = insets.randomElement(using: &random) ?? 0
                case 1: bytes.remove(at: index)
                default: bytes.insert(insets.randomElement(using: &random) ?? 0, at: index)
                }
            }
            guard let read = HandshakeHead(ByteBuffer(bytes: bytes), path: "/v1/stream") else { continue }
            readCount += 1
            let other = try Self.readByHTTP(bytes)
            #expect(
                other?.0 == read.request && other?.1 == read.authorization,
                "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
        #expect(readCount > 5000)
    }

    /// A new connection of a hub.
    private static func connection() throws -> (channel: EmbeddedChannel, loop: EmbeddedEventLoop) {
        let loop = EmbeddedEventLoop()
        let channel = EmbeddedChannel(loop: loop)
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog()), agents: [], authorizer: OwnershipAuthorizer(),
            authenticator: NoAuthentication(), configuration: HubConfiguration(), limits: StreamLimits(),
            metrics: TestMetrics(), logger: Logger(label: "test"), onUnresponsiveAgents: { _ in })
        try hub.configure(channel) { _ in }
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        return (channel, loop)
    }

    private static func hasHTTP(_ channel: EmbeddedChannel) -> Bool {
        (try? channel.pipeline.syncOperations.handler(type: ParseErrorHandler.self)) != nil
    }

    private static func sent(_ channel: EmbeddedChannel) throws -> String {
        var sent = ""
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) { sent += String(buffer: bytes) }
        return sent
    }

    /// - Returns: what is sent to the client, up to the id in the welcome, which differs; and whether HTTP has had a part in it.
    ///
    /// - Parameter turns: the reads of each turn of the loop.
    private static func answer(_ turns: [[String]]) throws -> (text: String, isByHTTP: Bool) {
        let (channel, loop) = try connection()
        var isByHTTP = false
        for reads in turns {
            for bytes in reads { channel.pipeline.fireChannelRead(ByteBuffer(string: bytes)) }
            channel.pipeline.fireChannelReadComplete()
            isByHTTP = isByHTTP || hasHTTP(channel)
        }
        loop.run()
        let text = try sent(channel)
        _ = try? channel.finish(acceptAlreadyClosed: true)
        return (text.firstRange(of: "\"connection_id\"").map { String(text[..<$0.lowerBound]) } ?? text, isByHTTP)
    }

    /// It is answered here when it comes in one turn, in however many reads, and by HTTP otherwise.
    @Test(arguments: [
        [], ["Sec-WebSocket-Protocol: x, agent-events.v1"], ["Cookie: " + String(repeating: "x", count: 3000)],
    ])
    func theAnswerIsThatOfHTTP(_ added: [String]) throws {
        let head = Self.head(adding: added)
        let (first, rest) = (String(head.prefix(30)), String(head.dropFirst(30)))
        let whole = try Self.answer([[head]])
        #expect(!whole.isByHTTP)
        #expect(whole.text.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
        #expect(whole.text.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
        #expect(whole.text.hasSuffix("{\"op\":\"welcome\","))
        #expect(try Self.answer([[first, rest]]) == whole)
        let other = try Self.answer([[first], [rest]])
        #expect(other.isByHTTP)
        #expect(other.text == whole.text)
    }

    /// No more is kept of a head that does not end than HTTP would read of it.
    @Test func whatIsTooLongIsLeftToHTTP() throws {
        let (channel, loop) = try Self.connection()
        channel.pipeline.fireChannelRead(ByteBuffer(string: "GET /v1/stream HTTP/1.1\r\nX: "))
        for _ in 0..<5 { channel.pipeline.fireChannelRead(ByteBuffer(repeating: 0x78, count: 8000)) }
        #expect(Self.hasHTTP(channel))
        channel.pipeline.fireChannelReadComplete()
        loop.run()
        #expect(try Self.sent(channel).hasPrefix("HTTP/1.1 431 "))
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    /// The client says no more in the middle of a head.
    @Test func aPartOfAHeadBeforeTheEndIsGivenToHTTP() throws {
        let (channel, _) = try Self.connection()
        channel.pipeline.fireChannelRead(ByteBuffer(string: "GET / HT"))
        #expect(!Self.hasHTTP(channel))
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(Self.hasHTTP(channel) || !channel.isActive)
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    /// What comes in the same bytes belongs to the stream.
    @Test func aMessageMayComeWithTheHead() throws {
        let (channel, loop) = try Self.connection()
        var bytes = ByteBuffer(string: Self.head())
        bytes.writeImmutableBuffer(EmbeddedStream.frame(.text, #"{"op":"ping"}"#))
        try channel.writeInbound(bytes)
        loop.run()
        let sent = try Self.sent(channel)
        #expect(sent.contains(#""op":"welcome""#))
        #expect(sent.contains(#"{"op":"pong""#))
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }
}
