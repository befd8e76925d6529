import AgentEvents
import AgentEventsClient
import NIOWebSocket
import Synchronization
import Testing

/// A client without a token, at a service that wants one. It would be told after the time that a client has for its first message;
/// it asks, and is told at once.
@Suite(.timeLimit(.minutes(2))) struct MissingTokenTests {
    private static let missing = #"{"op":"error","code":"auth.missing","message":"a token first","retryable":false}"#
    private static let welcome = #"{"op":"welcome","connection_id":"c","heartbeat_ms":60000,"limits":{}}"#

    /// Does as a service that waits for a token: says nothing before the client does, and takes nothing but a token.
    private static func play(_ connection: ScriptedService.Connection) async throws {
        guard let frame = try await connection.receive() else { return }
        #expect(frame.opcode == .ping, "\(frame)")
        try await connection.send(missing)
        try await connection.close(4401, reason: "auth.missing")
        try await connection.hold()
    }

    @Test func whoeverFollowsIsToldAtOnce() async throws {
        try await ScriptedService.run { _, connection in
            try await Self.play(connection)
        } _: { url in
            let error = await #expect(throws: AgentEventsClientError.self) {
                try await StreamClient(url: url).withEvents(of: "t", from: .start) { events in
                    for try await element in events { Issue.record("\(element)") }
                }
            }
            #expect(error?.code.rawValue == "auth.missing")
        }
    }

    @Test func whoeverEmitsIsToldAtOnce() async throws {
        try await ScriptedService.run { _, connection in
            try await Self.play(connection)
        } _: { url in
            let feed = EventFeed(
                client: StreamClient(url: url), configuration: EmitConfiguration(keyPrefix: "k"))
            await #expect(throws: EmitFailure.self) {
                try await feed.run { feed in
                    try await feed.emit(EmitItem(line: 1, thread: "t", bytes: Array("{}".utf8)))
                } reporting: { _ in
                } noting: { _ in
                }
            }
        }
    }

    /// One that has a token, or gets one, waits for the welcome; a connection of one's own is left alone, for its first message
    /// may be the token.
    @Test(arguments: ["token", "provider", "own"]) func othersDoNotAsk(_ kind: String) async throws {
        let opcodes = Mutex<[WebSocketOpcode]>([])
        try await ScriptedService.run { _, connection in
            try await connection.send(Self.welcome)
            while let frame = try await connection.receive() {
                opcodes.withLock { $0.append(frame.opcode) }
                if frame.opcode == .text { try await connection.close(1000) }
            }
        } _: { url in
            let client =
                kind == "provider"
                ? StreamClient(url: url, tokenProvider: { "t" })
                : StreamClient(url: url, token: kind == "token" ? "t" : nil)
            if kind == "own" {
                try await client.withConnection { connection in
                    try await connection.send(["op": "auth", "token": "t"])
                    // To its end.
                    _ = await #expect(throws: AgentEventsClientError.self) {
                        for try await _ in connection.messages {}
                    }
                }
            } else {
                _ = try? await client.withEvents(of: "t", from: .start) { events in
                    for try await element in events { if case .interrupted = element { return } }
                }
            }
        }
        #expect(opcodes.withLock { $0.first } == .text)
    }
}
