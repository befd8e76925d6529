import AgentEvents
import AgentEventsHub
import AgentEventsServer
import NIOCore
import Testing

/// Heartbeats over real sockets, at a fast pace.
@Suite(.timeLimit(.minutes(10)))
struct HeartbeatTests {
    @Test func aSilentClientIsPingedBothWaysAndClosedWhenItDoesNotAnswer() async throws {
        try await withRunningService {
            $0.heartbeatInterval = .milliseconds(500)
        } _: { service in
            try await service.withWebSocket { socket in
                let welcome = try await socket.message()
                #expect(welcome["heartbeat_ms"] == 500)
                var frames: [RawWebSocket.Frame] = []
                while let frame = try await socket.nextUnlessReset() { frames.append(frame) }
                #expect(
                    frames.last == .close(code: 4408, reason: "heartbeat missed: nothing came since the last ping"))
                #expect(frames.prefix(2) == [.ping, .text(#"{"op":"ping"}"#)])
                #expect(frames.count { $0 == .ping } == 1)
            }
        }
    }

    /// A peer that answers a close neither with a close nor with its end is not waited for.
    @Test func aClosedConnectionIsDroppedAfterAWhile() async throws {
        try await withRunningService { service in
            try await service.withWebSocket { socket in
                _ = try await socket.message()
                try await socket.send("\u{1}")
                for _ in 0..<101 { try await socket.send("not JSON") }
                #expect(
                    try await socket.close() == .close(code: 4400, reason: "more than 100 malformed messages in 10 s"))
                #expect(try await socket.nextUnlessReset() == nil)
            }
        }
    }
}
