import AgentEvents
import AgentEventsHub
import AgentEventsServer
import NIOCore
import Testing

/// Clients that take nothing, over real sockets.
@Suite(.timeLimit(.minutes(10)))
struct SlowReaderTests {
    private static let eventCount: Int64 = 800

    /// About 8 MB: more than the kernel keeps for a connection.
    private static func fill(_ thread: ThreadID, of service: RunningService) async throws {
        let context = try await service.runtime.context(user: "local", thread: thread)
        let text = JSONValue.string(String(repeating: "x", count: 10_000))
        let drafts = (0..<100).map { _ in EventDraft(.custom(CustomEvent(name: "n", value: text))) }
        for _ in 0..<eventCount / 100 { _ = try await context.emit(drafts) }
        try await service.runtime.flush()
    }

    @Test func aReaderThatTakesNothingIsClosedAndComesBackWithItsCursor() async throws {
        try await withRunningService {
            $0.slowReaderTimeout = .seconds(2)
            $0.outboundWatermarkByteCount = 16 * 1024
        } _: { service in
            try await Self.fill("t_1", of: service)
            let cursor = try await service.withWebSocket(receiveBufferByteCount: 4096) { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_1","after":"start"}"#)
                _ = try await socket.messages(until: "subscribed")
                var cursor = try #require(try await socket.message()["id"]?.stringValue)
                // The service gives up while this end reads nothing; what is left in the kernel is still read.
                try await service.waitForSubscribers(of: "t_1") { $0.isEmpty }
                while case .text(let text)? = try await socket.nextUnlessReset() {
                    cursor = try JSONValue(parsing: Array(text.utf8))["id"]?.stringValue ?? cursor
                }
                return cursor
            }
            let first = try #require(EventID(cursor)).sequence
            #expect(first < Self.eventCount)
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_1","after":"\#(cursor)"}"#)
                _ = try await socket.messages(until: "subscribed")
                let (events, live) = try await socket.messages(until: "live")
                #expect(events.compactMap { $0["seq"]?.integerValue } == Array(Int64(first) + 1...Self.eventCount))
                #expect(live["cursor"] == .string("1-\(Self.eventCount)"))
            }
        }
    }

    /// Behind all the time, and alive: one who takes some of what waits for it again and again outlives one who takes
    /// nothing.
    @Test func aReaderThatTakesALittleAgainAndAgainIsNotClosed() async throws {
        try await withRunningService {
            $0.slowReaderTimeout = .seconds(8)
            $0.outboundWatermarkByteCount = 16 * 1024
        } _: { service in
            try await Self.fill("t_1", of: service)
            try await Self.fill("t_2", of: service)
            let context = try await service.runtime.context(user: "local", thread: "t_1")
            let text = JSONValue.string(String(repeating: "x", count: 10_000))
            let drafts = (0..<20).map { _ in EventDraft(.custom(CustomEvent(name: "n", value: text))) }
            try await service.withWebSocket(receiveBufferByteCount: 65_536) { socket in
                try await service.withWebSocket(receiveBufferByteCount: 4096) { dead in
                    try await socket.send(#"{"op":"subscribe","thread_id":"t_1","after":"start"}"#)
                    _ = try await socket.messages(until: "subscribed")
                    try await dead.send(#"{"op":"subscribe","thread_id":"t_2","after":"start"}"#)
                    try await service.waitForSubscribers(of: "t_2") { $0.first?["sent"] != .null && !$0.isEmpty }
                    var next: Int64 = 1
                    var isDeadClosed = false
                    while !isDeadClosed {
                        // As much comes as it takes, so that it never catches up; more than its buffers have.
                        _ = try await context.emit(drafts)
                        for _ in drafts {
                            #expect(try await socket.message()["seq"]?.integerValue == next)
                            next += 1
                        }
                        let others = try await service.client.get("/v1/threads/t_2/subscribers")
                        isDeadClosed = try others.json["subscribers"]?.arrayValue?.isEmpty == true
                    }
                    let subscribers = try await service.client.get("/v1/threads/t_1/subscribers").json["subscribers"]
                    #expect(subscribers?.arrayValue?.first?["state"] == "replaying")
                    #expect(try await socket.message()["seq"]?.integerValue == next)
                }
            }
        }
    }

    /// Answers are bounded as well: a client that asks and never reads is not read any further.
    @Test func aClientThatAsksAndNeverReadsIsNotReadOn() async throws {
        try await withRunningService {
            $0.slowReaderTimeout = .seconds(4)
            $0.outboundWatermarkByteCount = 16 * 1024
        } _: { service in
            try await Self.fill("t_1", of: service)
            // Requests of 60 kB, each as long as its answer.
            let request = #"{"op":"ping","req":"\#(String(repeating: "x", count: 60_000))"}"#
            var sentCount = 0
            try await service.withWebSocket(receiveBufferByteCount: 4096) { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_1","after":"start"}"#)
                try await service.waitForSubscribers(of: "t_1") { $0.first?["sent"] != .null && !$0.isEmpty }
                do {
                    // At last the service drops the connection.
                    while sentCount < 100_000 {
                        try await socket.send(request)
                        try await socket.waitForLoop()
                        sentCount += 1
                    }
                } catch is IOError {
                } catch is ChannelError {
                }
            }
            // What the sockets of both sides take, and nothing beyond.
            #expect(sentCount * request.utf8.count < 20_000_000)
            try await service.waitForSubscribers(of: "t_1") { $0.isEmpty }
        }
    }
}
