import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTesting
import Testing

/// A cursor of one history is never continued in another: not over WebSocket, not over HTTP, not by a consumer.
@Suite(.timeLimit(.minutes(10)))
struct HistoriesTests {
    @discardableResult
    private static func emit(_ count: Int, _ word: String, in service: RunningService) async throws -> [EventID] {
        let context = try await service.runtime.context(user: "local", thread: "t_7")
        let drafts = (0..<count).map { EventDraft(.custom(CustomEvent(name: word, value: .integer($0)))) }
        let ids = try await context.emit(drafts).ids
        try await service.runtime.flush()
        return ids
    }

    /// Ten events of a history that is gone.
    private static func goneIDs() async throws -> [EventID] {
        try await withRunningService(log: InMemoryEventLog()) { try await Self.emit(10, "old", in: $0) }
    }

    private static func names(_ events: [JSONValue]) -> Set<String> {
        Set(events.compactMap { $0["data"]?["name"]?.stringValue })
    }

    @Test(arguments: [5, 10])
    func aSubscriberOfAnotherHistoryIsReset(_ number: Int) async throws {
        let cursor = try await Self.goneIDs()[number - 1]
        try await withRunningService(log: InMemoryEventLog()) { service in
            for count in [0, 3, 7] {
                if count > 0 { try await Self.emit(count, "new", in: service) }
                try await service.withWebSocket { socket in
                    try await socket.send(#"{"op":"subscribe","thread_id":"t_7","after":"\#(cursor)"}"#)
                    let (_, subscribed) = try await socket.messages(until: "subscribed")
                    #expect(subscribed["after"] == .null)
                    #expect(try await socket.message()["reason"] == "diverged")
                    let (events, _) = try await socket.messages(until: "live")
                    // From the first one on.
                    let last: Int64 = count == 7 ? 10 : Int64(count)
                    #expect(events.compactMap { $0["seq"]?.integerValue } == Array(1..<last + 1))
                    #expect(Self.names(events).isSubset(of: ["new"]))
                }
                let answer = try await service.client.get("/v1/threads/t_7/events?after=\(cursor)")
                #expect(answer.status == (count == 0 ? 404 : 409))
                #expect(try answer.errorCode == (count == 0 ? "thread.unknown" : "cursor.diverged"))
            }
        }
    }

    /// It is told so when nothing is there yet, and gets everything that comes.
    @Test func aSubscriberOfAThreadWithoutEventsIsResetAtOnce() async throws {
        let cursor = try await Self.goneIDs()[4]
        try await withRunningService(log: InMemoryEventLog()) { service in
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_7","after":"\#(cursor)"}"#)
                let (_, reset) = try await socket.messages(until: "reset")
                #expect(reset["reason"] == "diverged" && reset["oldest"] == .null)
                _ = try await socket.messages(until: "live")
                try await Self.emit(7, "new", in: service)
                for number in 1...7 { #expect(try await socket.message()["seq"] == .integer(number)) }
            }
        }
    }

    /// A consumer's place that comes from another history (the store was restored) is not its place.
    @Test(arguments: ["", #","after":"start""#, #","after":"now""#, #","after":"snapshot""#])
    func whatAConsumerAcknowledgedOfAnotherHistoryDoesNotCount(_ after: String) async throws {
        let gone = try await Self.goneIDs()[4]
        // Higher, as after a clock that went backwards, and lower.
        for generation in [gone.generation, gone.generation + 1 << 40] {
            let log = InMemoryEventLog()
            _ = try await log.open()
            let cursor = Cursor(generation: generation, sequence: 5)
            let place = StoredValue(
                .consumer, thread: "t_7", name: "local/phone", bytes: Array(cursor.description.utf8))
            try await log.save([place])
            log.close()
            let acknowledged = try await withRunningService(log: log) { service in
                let ids = try await Self.emit(10, "new", in: service)
                try await service.withWebSocket { socket in
                    try await socket.send(#"{"op":"subscribe","thread_id":"t_7","consumer":"phone"\#(after)}"#)
                    let (_, live) = try await socket.messages(until: "live")
                    if after.isEmpty { #expect(live["cursor"]?.stringValue == ids[9].description) }
                    if after.contains("now") || after.contains("snapshot") {
                        try await Self.emit(1, "new", in: service)
                    }
                    try await socket.send(#"{"op":"ack","thread_id":"t_7","cursor":"\#(ids[9])"}"#)
                    try await socket.send(#"{"op":"ping"}"#)
                    _ = try await socket.messages(until: "pong")
                }
                try await service.withWebSocket { socket in
                    try await socket.send(#"{"op":"subscribe","thread_id":"t_7","consumer":"phone"}"#)
                    let (_, subscribed) = try await socket.messages(until: "subscribed")
                    #expect(subscribed["after"]?.stringValue == ids[9].description)
                }
                return ids[9]
            }
            let saved = try await log.load(.consumer, thread: "t_7", name: "local/phone")
            #expect(saved.map { String(decoding: $0, as: UTF8.self) } == acknowledged.description)
        }
    }

    @Test func anEventOfAnotherHistoryWasNotSent() async throws {
        let gone = try await Self.goneIDs()
        try await withRunningService(log: InMemoryEventLog()) { service in
            let ids = try await Self.emit(10, "new", in: service)
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_7","consumer":"phone"}"#)
                _ = try await socket.messages(until: "live")
                for cursor in [gone[0], gone[4], gone[9]] {
                    try await socket.send(#"{"op":"ack","req":1,"thread_id":"t_7","cursor":"\#(cursor)"}"#)
                    #expect(try await socket.messages(until: "error").message["code"] == "ack.not_sent")
                }
                try await socket.send(#"{"op":"ack","req":1,"thread_id":"t_7","cursor":"\#(ids[4])"}"#)
                try await socket.send(#"{"op":"ping","req":2}"#)
                #expect(try await socket.message()["op"] == "pong")
            }
        }
    }

    /// The generations of a thread whose log was opened several times, in one page and live.
    @Test func eachEventIsAcknowledgedUnderItsOwnID() async throws {
        let log = InMemoryEventLog()
        var ids: [EventID] = []
        for _ in 1...3 {
            ids += try await withRunningService(log: log) { try await Self.emit(3, "x", in: $0) }
            log.close()
        }
        try await withRunningService(log: log) { service in
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_7","after":"start"}"#)
                _ = try await socket.messages(until: "live")
                ids += try await Self.emit(3, "x", in: service)
                for _ in 1...3 { _ = try await socket.message() }
                for (index, id) in ids.enumerated() {
                    for other in Set(ids.map(\.generation)).sorted() where other != id.generation {
                        let wrong = Cursor(generation: other, sequence: id.sequence)
                        try await socket.send(#"{"op":"ack","req":1,"thread_id":"t_7","cursor":"\#(wrong)"}"#)
                        #expect(try await socket.messages(until: "error").message["code"] == "ack.not_sent")
                    }
                    try await socket.send(#"{"op":"ack","req":1,"thread_id":"t_7","cursor":"\#(id)"}"#)
                    try await socket.send(#"{"op":"ping","req":\#(index)}"#)
                    #expect(try await socket.message()["op"] == "pong", "\(id)")
                }
            }
        }
    }
}
