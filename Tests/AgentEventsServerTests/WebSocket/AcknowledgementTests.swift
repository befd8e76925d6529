import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTestSupport
import AgentEventsTesting
import Testing

/// What was sent, and what is acknowledged, over real sockets (I10).
@Suite(.timeLimit(.minutes(10)))
struct AcknowledgementTests {
    private static func emit(_ count: Int, in service: RunningService, user: UserID = "local") async throws {
        let context = try await service.runtime.context(user: user, thread: "t_7")
        let drafts = (0..<count).map { EventDraft(.custom(CustomEvent(name: "n", value: .integer($0)))) }
        _ = try await context.emit(drafts)
        try await service.runtime.flush()
    }

    private static func subscribe(_ socket: RawWebSocket, _ rest: String = "") async throws -> (
        subscribed: JSONValue, events: [JSONValue]
    ) {
        try await socket.send(#"{"op":"subscribe","thread_id":"t_7"\#(rest)}"#)
        let (_, subscribed) = try await socket.messages(until: "subscribed")
        let (events, _) = try await socket.messages(until: "live")
        return (subscribed, events)
    }

    /// What the service answers to a ping has gone through everything sent before.
    private static func settle(_ socket: RawWebSocket) async throws {
        try await socket.send(#"{"op":"ping","req":"settled"}"#)
        _ = try await socket.messages(until: "pong")
    }

    @Test func aConsumerResumesBehindWhatItAcknowledgedAlsoAfterARestart() async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await withRunningService(log: log) { service in
            try await Self.emit(5, in: service)
            try await service.withWebSocket { socket in
                let (subscribed, events) = try await Self.subscribe(socket, #","consumer":"phone""#)
                // New: from the first event on.
                #expect(subscribed["after"] == .null)
                #expect(events.count == 5)
                try await socket.send(#"{"op":"ack","thread_id":"t_7","cursor":"1-3"}"#)
                try await Self.settle(socket)
            }
            // At once, before it can have been saved.
            try await service.withWebSocket { socket in
                let (subscribed, events) = try await Self.subscribe(socket, #","consumer":"phone""#)
                #expect(subscribed["after"] == "1-3")
                #expect(events.compactMap { $0["seq"] } == [4, 5])
                try await socket.send(#"{"op":"ack","thread_id":"t_7","cursor":"1-4"}"#)
                try await Self.settle(socket)
            }
        }
        log.close()
        try await withRunningService(log: log) { service in
            try await service.withWebSocket { socket in
                let (subscribed, _) = try await Self.subscribe(socket, #","consumer":"phone""#)
                #expect(subscribed["after"] == "1-4")
            }
            try await service.withWebSocket { socket in
                let (subscribed, events) = try await Self.subscribe(socket, #","consumer":"phone","after":"1-1""#)
                #expect(subscribed["after"] == "1-1")
                #expect(events.count == 4)
                // Older than what is acknowledged: counts for nothing.
                try await socket.send(#"{"op":"ack","thread_id":"t_7","cursor":"1-2"}"#)
                try await Self.settle(socket)
            }
            try await service.withWebSocket { socket in
                let (subscribed, events) = try await Self.subscribe(socket, #","consumer":"desk""#)
                #expect(subscribed["after"] == .null)
                #expect(events.count == 5)
            }
            try await service.withWebSocket { socket in
                let (subscribed, _) = try await Self.subscribe(socket, #","consumer":"phone""#)
                #expect(subscribed["after"] == "1-4")
            }
        }
    }

    @Test func onlyWhatWasSentCanBeAcknowledged() async throws {
        try await withRunningService { service in
            try await Self.emit(5, in: service)
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"ack","thread_id":"t_7","cursor":"1-1"}"#)
                #expect(try await socket.messages(until: "error").message["code"] == "subscription.unknown")
                _ = try await Self.subscribe(socket, #","after":"start""#)
                for cursor in ["1-6", "2-5", "2-3"] {
                    try await socket.send(#"{"op":"ack","req":7,"thread_id":"t_7","cursor":"\#(cursor)"}"#)
                    let (_, error) = try await socket.messages(until: "error")
                    #expect(error["code"] == "ack.not_sent")
                    #expect(error["req"] == 7)
                }
                try await socket.send(#"{"op":"ack","thread_id":"t_7","cursor":"1-5"}"#)
                try await Self.settle(socket)
            }
        }
    }

    @Test func subscribersTellWhatWasSentAndWhatIsAcknowledged() async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            try await Self.emit(3, in: service, user: "u_1")
            let own = ["Authorization": "Bearer u_1"]
            try await service.withWebSocket(headers: own) { socket in
                let connection = try await socket.message()["connection_id"]
                _ = try await Self.subscribe(socket, #","consumer":"phone""#)
                try await socket.send(#"{"op":"ack","thread_id":"t_7","cursor":"1-2"}"#)
                try await Self.settle(socket)
                let answer = try await service.client.get("/v1/threads/t_7/subscribers", headers: own)
                #expect(answer.status == 200)
                let subscribers = try #require(try answer.json["subscribers"]?.arrayValue)
                #expect(subscribers.count == 1)
                let subscriber = try #require(subscribers.first?.objectValue)
                #expect(
                    subscriber.keys == ["connection_id", "user_id", "consumer", "state", "sent", "acknowledged"])
                #expect(subscriber["connection_id"] == connection)
                #expect(subscriber["user_id"] == "u_1")
                #expect(subscriber["consumer"] == "phone")
                #expect(subscriber["state"] == "live")
                #expect(subscriber["sent"] == "1-3")
                #expect(subscriber["acknowledged"] == "1-2")
                let foreign = try await service.client.get(
                    "/v1/threads/t_7/subscribers", headers: ["Authorization": "Bearer u_2"])
                #expect(foreign.status == 404)
                #expect(try foreign.errorCode == "thread.unknown")
            }
            try await service.waitForSubscribers(of: "t_7", headers: own) { $0.isEmpty }
        }
    }

    @Test func withoutAStoreThereAreNoConsumers() async throws {
        try await withRunningService(log: BareLog()) { service in
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","req":1,"thread_id":"t_7","consumer":"phone"}"#)
                let (_, error) = try await socket.messages(until: "error")
                #expect(error["code"] == "consumer.unsupported")
                #expect(error["path"] == "$.consumer")
                _ = try await Self.subscribe(socket)
            }
        }
    }

    /// What a consumer acknowledged is gone from the log: it begins anew, and its next acknowledgements count.
    @Test func aConsumerWhoseEventsAreGoneBeginsAnew() async throws {
        let log = InMemoryEventLog(generations: .counting)
        _ = try await log.open()
        let lost = StoredValue(.consumer, thread: "t_7", name: "local/phone", bytes: Array("1-900".utf8))
        try await log.save([lost])
        log.close()
        try await withRunningService(log: log) { service in
            try await Self.emit(5, in: service)
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_7","consumer":"phone"}"#)
                let (_, subscribed) = try await socket.messages(until: "subscribed")
                #expect(subscribed["after"] == .null)
                let (_, reset) = try await socket.messages(until: "reset")
                #expect(reset["reason"] == "diverged")
                let (events, _) = try await socket.messages(until: "live")
                #expect(events.count == 5)
                try await socket.send(#"{"op":"ack","thread_id":"t_7","cursor":"2-2"}"#)
                try await Self.settle(socket)
            }
        }
        let saved = try await log.load(.consumer, thread: "t_7", name: "local/phone")
        #expect(saved.map { String(decoding: $0, as: UTF8.self) } == "2-2")
    }
}
