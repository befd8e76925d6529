import AgentEvents
import Testing

/// Clients that take nothing, over real sockets.
@Suite(.timeLimit(.minutes(2)))
struct SlowReaderTests {
    /// About 1 MB.
    private static func fill(_ thread: ThreadID, of service: RunningService) async throws {
        let context = try await service.runtime.context(user: "local", thread: thread)
        let text = String(repeating: "x", count: 1000)
        for index in 0..<10 {
            let drafts = (0..<100).map { EventDraft(.custom(CustomEvent(name: "n", value: .string("\(index) \($0) \(text)")))) }
            _ = try await context.emit(drafts)
        }
        try await service.runtime.flush()
    }

    @Test func aReaderThatTakesNothingIsClosedAndComesBackWithItsCursor() async throws {
        try await withRunningService {
            $0.stallSeconds = 0.5
            $0.outboundWatermarkByteCount = 16 * 1024
        } _: { service in
            var cursor = ""
            // More than the kernel keeps for a connection.
            for _ in 0..<12 { try await Self.fill("t_1", of: service) }
            try await service.withWebSocket(receiveBufferByteCount: 4096) { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_1","after":"start"}"#)
                _ = try await socket.messages(until: "subscribed")
                cursor = try #require(try await socket.message()["id"]?.stringValue)
                // The other end gives up while this one reads nothing; then it reads what is left.
                let connections = service.connections
                try await connections.waitUntilNone()
                while case .text(let text)? = try await socket.nextOrReset() {
                    let event = try JSONValue(parsing: Array(text.utf8))
                    cursor = event["id"]?.stringValue ?? cursor
                }
            }
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_1","after":"\#(cursor)"}"#)
                let (messages, live) = try await socket.messages(until: "live")
                let sequences = messages.compactMap { $0["seq"]?.integerValue }
                let first = try #require(EventID(cursor)).sequence
                #expect(sequences == (Int64(first) + 1...12_000).map { $0 })
                #expect(live["cursor"] == "1-12000")
            }
        }
    }
}
