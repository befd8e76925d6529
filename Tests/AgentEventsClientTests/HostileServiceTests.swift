import AgentEvents
import AgentEventsProtocol
import NIOCore
import NIOEmbedded
import NIOPosix
import NIOWebSocket
import Testing

@testable import AgentEventsClient

/// A service that means no good (SEC-66): the client keeps to its own limits of memory and time.
@Suite(.timeLimit(.minutes(10)))
struct HostileServiceTests {
    private static func refusal(retryAfter: String) throws -> AgentEventsClientError {
        let text =
            #"{"op":"error","code":"limits.rate","message":"m","retryable":true,"retry_after_ms":"# + retryAfter + "}"
        guard case .error(let error) = try ServerMessage(received: Array(text.utf8)) else { throw CancellationError() }
        return AgentEventsClientError(error)
    }

    @Test(arguments: [("1000000000000000000", 3600), ("9223372036854775807", 3600), ("-5", 0), ("2000", 2)])
    func aPauseIsNoLongerThanAnHour(_ asked: String, _ seconds: Int) throws {
        #expect(try Self.refusal(retryAfter: asked).retryAfter == .seconds(seconds))
    }

    @Test func aClientThatWasClosedBecauseOfALimitStaysAwayForAWhile() throws {
        var payload = ByteBuffer()
        payload.writeInteger(StreamCloseCode.limits.rawValue)
        let channel = EmbeddedChannel(handler: StreamMessageHandler())
        let error = try #require(throws: AgentEventsClientError.self) {
            try channel.writeInbound(WebSocketFrame(fin: true, opcode: .connectionClose, data: payload))
        }
        #expect(error.closeCode == 4429)
        #expect(error.isRetryable)
        #expect(error.retryAfter == .seconds(5))
    }

    /// The beginning of a frame that would take all memory.
    @Test(arguments: [UInt64(1) << 40, 1 << 62, 1 << 63, .max])
    func aFrameWithoutEndIsNotWaitedFor(_ length: UInt64) async throws {
        let head: [UInt8] = [0x81, 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
        try await Self.expectViolation { sender in
            try await sender.send(bytes: head + Array(repeating: UInt8(ascii: "x"), count: 1000))
        }
    }

    @Test func fragmentsWithoutEndAreNotKept() async throws {
        try await Self.expectViolation { sender in
            try await sender.send(bytes: [0x01, 0x00])
            while true { try await sender.send(bytes: Array(repeating: 0, count: 20_000)) }
        }
    }

    private static func expectViolation(
        _ attack: @escaping @Sendable (ScriptedService.Sender) async throws -> Void
    ) async throws {
        try await ScriptedService.run { _, connection in
            try await attack(connection.sender)
            try await connection.hold()
        } _: { url in
            try await expectEnd(url, .protocolViolation)
        }
    }

    private static let endlessAnswer = Array("HTTP/1.1 400 No\r\nContent-Length: 1000000000000\r\n\r\n".utf8)

    @Test func aRefusalWithoutEndIsReadNoFurtherThanItSaysSomething() async throws {
        try await RawService.run(Self.endlessAnswer, repeating: Array(repeating: UInt8(ascii: "["), count: 60_000)) {
            url in
            try await Self.expectEnd(url, .declined)
        }
    }

    @Test func aRefusalThatComesByteByByteIsNotWaitedFor() async throws {
        try await RawService.run(Self.endlessAnswer, repeating: [UInt8(ascii: "[")], pause: .milliseconds(20)) { url in
            try await Self.expectEnd(url, .declined, connectTimeout: .seconds(5))
        }
    }

    private static func expectEnd(
        _ url: StreamURL,
        _ code: AgentEventsClientError.Code,
        connectTimeout: Duration = .seconds(300)
    ) async throws {
        var configuration = ClientConfiguration()
        configuration.connectTimeout = connectTimeout
        let connector = WebSocketConnector(url: url, token: nil, configuration: configuration)
        let error = await #expect(throws: AgentEventsClientError.self) {
            try await connector.withConnection { connection in
                for try await _ in connection.messages {}
            }
        }
        #expect(error?.code == code, "\(String(describing: error))")
    }
}

extension ScriptedService.Sender {
    /// Sends bytes that no encoder has made.
    fileprivate func send(bytes: [UInt8]) async throws {
        try await channel.eventLoop.flatSubmit {
            do {
                let encoder = try channel.pipeline.syncOperations.context(handlerType: WebSocketFrameEncoder.self)
                let promise = channel.eventLoop.makePromise(of: Void.self)
                encoder.writeAndFlush(NIOAny(ByteBuffer(bytes: bytes)), promise: promise)
                return promise.futureResult
            } catch {
                return channel.eventLoop.makeFailedFuture(error)
            }
        }.get()
    }
}
