import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTesting
import Testing

/// The same idempotency key with another request, in the three places that take keys.
@Suite(.timeLimit(.minutes(10)))
struct RepeatedKeyTests {
    private static let event = #"{"type":"custom","data":{"name":"n","value":{"a":1,"b":"é"}}}"#
    /// The same event, written otherwise.
    private static let same =
        "{\"data\": {\"value\":{\"b\":\"\\u00e9\", \"a\":1},\"name\":\"n\"},\n \"type\":\"custom\"}"
    private static let other = #"{"type":"custom","data":{"name":"n","value":{"a":2,"b":"é"}}}"#

    private static func count(_ service: RunningService, _ thread: ThreadID = "t_7") async throws -> Int {
        try await service.runtime.log.read(LogRead(.thread(thread, after: 0))).events.count
    }

    @Test func overHTTPItIsAConflict() async throws {
        try await withRunningService { service in
            let path = "/v1/threads/t_7/events"
            let headers = ["Idempotency-Key": "k_1", "Content-Type": "application/json"]
            let first = try await service.client.post(path, Self.event, headers: headers)
            #expect(first.status == 201)
            let again = try await service.client.post(path, Self.same, headers: headers)
            #expect(again.status == 201 && again.body == first.body)
            let refused = try await service.client.post(path, Self.other, headers: headers)
            #expect(refused.status == 409)
            #expect(try refused.errorCode == "key.conflict")
            let error = try #require(refused.json["error"])
            #expect(error["retryable"] == false && error["thread_id"] == "t_7")
            #expect(error["message"]?.stringValue?.contains("k_1") == true)
            #expect(error["message"]?.stringValue?.contains("1-1") == true)
            #expect(try await Self.count(service) == 1)
        }
    }

    /// Over whatever transport, it is the same request.
    @Test func overAWebSocketItIsTheSameConflict() async throws {
        try await withRunningService { service in
            let path = "/v1/threads/t_7/events"
            #expect(try await service.client.post(path, Self.event, headers: ["Idempotency-Key": "k_1"]).status == 201)
            try await service.withWebSocket { socket in
                for (request, event) in [Self.same, Self.other, Self.event].enumerated() {
                    try await socket.send(
                        #"{"op":"emit","req":\#(request),"thread_id":"t_7","key":"k_1","events":[\#(event)]}"#)
                    let answer = try await socket.messages(until: request == 1 ? "error" : "emitted").message
                    #expect(answer["req"] == .integer(request))
                    if request == 1 {
                        #expect(answer["code"] == "key.conflict" && answer["retryable"] == false)
                    } else {
                        #expect(answer["cursors"] == ["1-1"])
                    }
                }
                // At once, before the first is committed.
                for (request, event) in [Self.event, Self.other, Self.same].enumerated() {
                    try await socket.send(
                        #"{"op":"emit","req":\#(request),"thread_id":"t_8","key":"k_1","events":[\#(event)]}"#)
                }
                #expect(try await socket.messages(until: "emitted").message["req"] == 0)
                #expect(try await socket.messages(until: "error").message["code"] == "key.conflict")
                #expect(try await socket.messages(until: "emitted").message["req"] == 2)
            }
            #expect(try await Self.count(service) == 1)
            #expect(try await Self.count(service, "t_8") == 1)
        }
    }

    @Test func ofMessagesTheTextAndTheAgentCount() async throws {
        let agents: [any ServedAgent] = [SilentAgent(name: "guide"), SilentAgent(name: "helper")]
        try await withRunningService(agents: agents) { service in
            let path = "/v1/threads/t_7/messages"
            let headers = ["Idempotency-Key": "k_1"]
            let first = try await service.client.post(path, #"{"text":"Hello","agent":"guide"}"#, headers: headers)
            #expect(first.status == 202)
            let again = try await service.client.post(
                path, #"{ "agent":"guide", "text":"H\u0065llo"}"#, headers: headers)
            #expect(again.status == 202 && again.body == first.body)
            for body in [
                #"{"text":"Hello!","agent":"guide"}"#, #"{"text":"Hello","agent":"helper"}"#, #"{"text":"Hello"}"#,
            ] {
                let refused = try await service.client.post(path, body, headers: headers)
                #expect(refused.status == 409, "\(body)")
                #expect(try refused.errorCode == "key.conflict")
                let message = try #require(refused.json["error"]?["message"]?.stringValue)
                let id = try #require(first.json["message_id"]?.stringValue)
                #expect(message.contains("k_1,") || message.contains("k_1 ") && message.contains(id))
                #expect(!message.contains("message~"))
            }
            // A key of a message is not one of events.
            #expect(
                try await service.client.post("/v1/threads/t_7/events", Self.event, headers: headers).status == 201)
            let messages = try await service.loggedEvents(in: "t_7").filter { $0.type == .userMessage }
            #expect(messages.count == 1)
        }
    }
}
