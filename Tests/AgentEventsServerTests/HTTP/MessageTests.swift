import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTesting
import Testing

struct MessageTests {
    private static let path = "/v1/threads/t_7/messages"

    /// A thread's events up to the end of a run.
    private func events(of service: RunningService, until run: RunID) async throws -> [AgentEvent] {
        var events: [AgentEvent] = []
        for try await event in try await service.runtime.events(user: "local", thread: "t_7") {
            events.append(event)
            if event.runID == run, event.type?.endsRun == true { break }
        }
        return events
    }

    private func run(_ answer: RawHTTPClient.Answer) throws -> RunID {
        try RunID(try #require(answer.json["run_id"]?.stringValue))
    }

    @Test func aMessageStartsTheAgent() async throws {
        try await withRunningService(agents: [EchoAgent(), SilentAgent()]) { service in
            let answer = try await service.client.post(Self.path, #"{"text":"Hello"}"#)
            #expect(answer.status == 202)
            #expect(try answer.json["thread_id"] == "t_7")
            let message = try MessageID(try #require(answer.json["message_id"]?.stringValue))
            expectEvents(in: try await events(of: service, until: try run(answer))) {
                .userMessage(containing: "Hello", .equals(\.messageID, message), .equals(\.userID, "local"))
                    .agentStarted(agent: "echo", input: "Hello")
                    .agentThinking()
                    .messageDelta(containing: "Hello")
                    .messageCompleted(containing: "Hello")
                    .agentCompleted(result: ["length": 5])
            }
        }
    }

    @Test func theDataOfAMessageReachesTheEventAndTheAgent() async throws {
        try await withRunningService(agents: [DataAgent()]) { service in
            let data = #"{"files":[{"name":"a.pdf","bytes":12345678901234567890}],"half":"\ud83d","n":1.50}"#
            let answer = try await service.client.post(Self.path, #"{"text":"See","data":\#(data)}"#)
            #expect(answer.status == 202)
            let events = try await events(of: service, until: try run(answer))
            guard case .userMessage(let message) = try #require(events.first).payload,
                case .agentCompleted(let completed) = try #require(events.last).payload
            else {
                Issue.record("no message or no end: \(events)")
                return
            }
            let expected = try JSONValue(parsing: Array(data.utf8))
            #expect(message.data == expected)
            #expect(completed.result == expected)
            let page = try await service.client.get("/v1/threads/t_7/events?limit=1")
            #expect(page.body.contains(#""data":\#(data)}"#))
        }
    }

    @Test(arguments: [
        ("content", "event.unknown_field", "text is probably meant"),
        ("attachments", "event.unknown_field", "data is probably meant"),
        ("colour", "event.unknown_field", "text, agent, data, policy"),
        ("user_id", "event.field_not_allowed", "credentials"),
        ("idempotency_key", "event.field_not_allowed", "Idempotency-Key"),
    ])
    func aMemberThatAMessageDoesNotHaveIsRefused(_ name: String, _ code: String, _ word: String) async throws {
        try await withRunningService(agents: [EchoAgent()]) { service in
            let answer = try await service.client.post(Self.path, #"{"text":"Hello","\#(name)":"x"}"#)
            #expect(answer.status == 400)
            #expect(try answer.errorCode == code)
            let error = try answer.json["error"]
            #expect(error?["path"]?.stringValue == "$.\(name)")
            #expect(error?["message"]?.stringValue?.contains(word) == true)
            #expect(try await service.client.get("/v1/threads/t_7/events").status == 404)
        }
    }

    @Test func theMessageIsCommittedBeforeTheAnswer() async throws {
        try await withRunningService(agents: [EchoAgent()]) { service in
            let answer = try await service.client.post(Self.path, #"{"text":"Hello"}"#)
            #expect(answer.status == 202)
            let page = try await service.client.get("/v1/threads/t_7/events?limit=1")
            #expect(try page.json["events"]?.arrayValue?.first?["type"] == "user_message")
        }
    }

    @Test func anAgentWithoutAResultHasNone() async throws {
        try await withRunningService(agents: [EchoAgent(), SilentAgent()]) { service in
            let answer = try await service.client.post(Self.path, #"{"text":"Hello","agent":"silent"}"#)
            expectEvents(in: try await events(of: service, until: try run(answer))) {
                .userMessage()
                    .agentStarted(agent: "silent")
                    .agentCompleted(.equals(\.result, nil), .equals(\.usage, nil))
            }
        }
    }

    @Test func withoutAgentsTheMessageIsLoggedAndNoRunStarts() async throws {
        try await withRunningService { service in
            let answer = try await service.client.post(Self.path, #"{"text":"Hello"}"#)
            #expect(answer.status == 202)
            #expect(try answer.json.objectValue?.keys == ["thread_id", "message_id"])
        }
    }

    @Test func anUnknownAgentIsAnsweredWithTheKnownOnes() async throws {
        try await withRunningService(agents: [EchoAgent(), SilentAgent()]) { service in
            let answer = try await service.client.post(Self.path, #"{"text":"Hello","agent":"oracle"}"#)
            #expect(answer.status == 404)
            #expect(try answer.errorCode == "agent.unknown")
            let message = try answer.json["error"]?["message"]?.stringValue ?? ""
            #expect(message.contains("echo") && message.contains("silent"))
            #expect(try await service.client.get("/v1/threads/t_7/events").status == 404)
        }
    }

    @Test(arguments: [
        ("", "json.syntax"), ("[]", "message.invalid"), ("{}", "message.invalid"), (#"{"text":7}"#, "message.invalid"),
        (#"{"text":""}"#, "message.invalid"), (#"{"text":null}"#, "message.invalid"),
        (#"{"text":"x","agent":""}"#, "message.invalid"), (#"{"text":"x","agent":1}"#, "message.invalid"),
    ])
    func malformedMessagesAreRefused(_ body: String, _ code: String) async throws {
        try await withRunningService(agents: [EchoAgent()]) { service in
            let answer = try await service.client.post(Self.path, body)
            #expect(answer.status == 400)
            #expect(try answer.errorCode == code)
            #expect(try await service.client.get("/v1/threads/t_7/events").status == 404)
        }
    }

    @Test func halfACharacterIsReplacedAndNullIsNoAgent() async throws {
        try await withRunningService { service in
            let answer = try await service.client.post(Self.path, #"{"text":"cut \ud83d","agent":null}"#)
            #expect(answer.status == 202)
            expectEvents(in: try await service.loggedEvents(in: "t_7")) { .userMessage(containing: "cut \u{FFFD}") }
        }
    }

    @Test func moreRunsThanMayAreRefusedAndLogNothing() async throws {
        try await withRunningService(agents: [WaitingAgent()]) {
            ($0.maximumConcurrentRuns, $0.maximumQueuedRuns) = (1, 0)
            $0.shutdownGrace = .milliseconds(200)
        } _: { service in
            #expect(try await service.client.post(Self.path, #"{"text":"one"}"#).status == 202)
            let answer = try await service.client.post("/v1/threads/t_8/messages", #"{"text":"two"}"#)
            #expect(answer.status == 503)
            #expect(try answer.errorCode == "agents.busy")
            #expect(try answer.json["error"]?["retryable"] == true)
            #expect(answer.headers["retry-after"] == "1")
            #expect(try await service.client.get("/v1/threads/t_8/events").status == 404)
        }
    }

    @Test func aShutdownCancelsTheAgentsThatDoNotEndInTime() async throws {
        let log = InMemoryEventLog()
        try await withRunningService(log: log, agents: [WaitingAgent()]) {
            // Little for the agent, and for its end as much as a busy machine may need.
            ($0.shutdownGrace, $0.agentGrace) = (.seconds(300), .milliseconds(200))
        } _: { service in
            let answer = try await service.client.post(Self.path, #"{"text":"one"}"#)
            #expect(answer.status == 202)
        }
        let events = try await log.read(LogRead(.thread("t_7", after: 0))).events
        expectEvents(in: try events.map { try EventDecoder.decode($0.bytes) }) {
            .userMessage(containing: "one")
                .agentStarted(agent: "waiting")
                .agentCancelled(reason: "shutdown")
        }
    }

    @Test func aForeignThreadIsUnknown() async throws {
        try await withRunningService(agents: [EchoAgent()], authenticator: NamingAuthenticator()) { service in
            let own = ["Authorization": "Bearer u_1"]
            #expect(try await service.client.post(Self.path, #"{"text":"x"}"#, headers: own).status == 202)
            let foreign = try await service.client.post(
                Self.path, #"{"text":"x"}"#, headers: ["Authorization": "Bearer u_2"])
            #expect(foreign.status == 404)
            #expect(try foreign.errorCode == "thread.unknown")
            let reader = try await service.client.post(
                Self.path, #"{"text":"x"}"#, headers: ["Authorization": "Bearer u_1/read"])
            #expect(reader.status == 403)
            #expect(try reader.errorCode == "auth.scope_missing")
        }
    }

    // MARK: Keys

    private static let key = ["Idempotency-Key": #""a-key""#]

    private func types(of service: RunningService, until run: RunID) async throws -> [String] {
        try await events(of: service, until: run).map(\.typeName)
    }

    @Test func aMessageWithAKeyIsTakenOnce() async throws {
        try await withRunningService(agents: [EchoAgent()]) { service in
            let first = try await service.client.post(Self.path, #"{"text":"Hello"}"#, headers: Self.key)
            #expect(first.status == 202)
            let run = try run(first)
            _ = try await types(of: service, until: run)
            let again = try await service.client.post(Self.path, #"{"text":"Hello"}"#, headers: Self.key)
            #expect(again.status == 202)
            #expect(try again.json == (try first.json))
            // Another key, another message.
            let other = try await service.client.post(
                Self.path, #"{"text":"Hello"}"#, headers: ["Idempotency-Key": "other"])
            #expect(try other.json["message_id"] != (try first.json["message_id"]))
            let types = try await self.types(of: service, until: try self.run(other))
            #expect(types.filter { $0 == "user_message" }.count == 2)
            #expect(types.filter { $0 == "agent_started" }.count == 2)
        }
    }

    @Test func manyAtOnceWithOneKeyAreOneMessageAndOneRun() async throws {
        try await withRunningService(agents: [EchoAgent()]) { service in
            let answers = try await withThrowingTaskGroup(of: RawHTTPClient.Answer.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await service.client.post(Self.path, #"{"text":"Hello"}"#, headers: Self.key)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(answers.map(\.body)).count == 1)
            let last = try await service.client.post(Self.path, #"{"text":"the last"}"#)
            let types = try await self.types(of: service, until: try run(last))
            #expect(types.filter { $0 == "user_message" }.count == 2)
            #expect(types.filter { $0 == "agent_started" }.count == 2)
        }
    }

    /// The process ended behind the message and before its run: whoever sends it again gets the run.
    @Test func aMessageThatWasLoggedAndNotAnsweredIsAnsweredWhenItComesAgain() async throws {
        let log = InMemoryEventLog()
        let first = try await withRunningService(log: log) { service in
            try await service.client.post(Self.path, #"{"text":"Hello"}"#, headers: Self.key)
        }
        log.close()
        try await withRunningService(log: log, agents: [EchoAgent()]) { service in
            let again = try await service.client.post(Self.path, #"{"text":"Hello"}"#, headers: Self.key)
            #expect(try again.json["message_id"] == (try first.json["message_id"]))
            let types = try await self.types(of: service, until: try run(again))
            #expect(types.filter { $0 == "user_message" }.count == 1)
            #expect(types.last == "agent_completed")
        }
    }

    @Test func aKeyThatIsNoneIsRefused() async throws {
        try await withRunningService(agents: [EchoAgent()]) { service in
            let answer = try await service.client.post(
                Self.path, #"{"text":"Hello"}"#, headers: ["Idempotency-Key": "a b"])
            #expect(answer.status == 400)
            #expect(try answer.errorCode == "request.invalid")
        }
    }
}
