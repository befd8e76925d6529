import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTesting
import Testing

/// `GET /v1/threads/{t}/state?at=`: the state as it was after an event.
@Suite(.timeLimit(.minutes(10)))
struct StateAtTests {
    private static let path = "/v1/threads/t_7/state"

    private static func drafts() -> [EventDraft] {
        let run: RunID = "r_1"
        return [
            EventDraft(.userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "Where is it?"))),
            EventDraft(runID: run, agent: "guide", .agentStarted(AgentStarted())),
            EventDraft(runID: run, .messageDelta(MessageDelta(messageID: "m_2", text: "In "))),
            EventDraft(runID: run, .messageDelta(MessageDelta(messageID: "m_2", text: "Sources"))),
            EventDraft(
                runID: run, .messageCompleted(MessageCompleted(messageID: "m_2", role: .assistant, text: "In Sources"))),
            EventDraft(runID: run, .agentCompleted(AgentCompleted(durationMilliseconds: 1))),
        ]
    }

    private static func emit(_ drafts: [EventDraft], _ service: RunningService) async throws {
        let context = try await service.runtime.context(user: "u_1", thread: "t_7")
        try await service.runtime.waitForCommit(of: try await context.emit(drafts))
    }

    @Test func itIsTheFoldOfTheEventsUpToThere() async throws {
        try await withRunningService { service in
            try await Self.emit(Self.drafts(), service)
            let events = try await service.loggedEvents(in: "t_7")
            for count in 1...events.count {
                var state = ThreadState()
                for event in events.prefix(count) { state.apply(event) }
                let answer = try await service.client.get(Self.path + "?at=1-\(count)")
                #expect(answer.status == 200)
                #expect(try answer.json == ["thread_id": "t_7", "cursor": .string("1-\(count)"), "state": state.json])
            }
            // The last one is the state of now.
            let now = try await service.client.get(Self.path)
            #expect(try await service.client.get(Self.path + "?at=1-\(events.count)").body == now.body)
        }
    }

    /// A stored state of a later event is not where it begins; one of an earlier event is.
    @Test func storedStatesLeadToTheSameStates() async throws {
        try await withRunningService { service in
            let context = try await service.runtime.context(user: "u_1", thread: "t_7")
            let note = EventDraft(.custom(CustomEvent(name: "n", value: 1)))
            for _ in 0..<3 {
                try await service.runtime.waitForCommit(of: try await context.emit(Array(repeating: note, count: 700)))
            }
            #expect(try await service.client.get(Self.path).json["cursor"] == "1-2100")
            try await Self.emit(Self.drafts(), service)
            for (at, messages) in [(3, 0), (2100, 0), (2101, 1), (2105, 2)] {
                let answer = try await service.client.get(Self.path + "?at=1-\(at)").json
                #expect(answer["cursor"] == .string("1-\(at)"))
                #expect(answer["state"]?["messages"]?.arrayValue?.count == messages, "\(at)")
            }
        }
    }

    @Test(arguments: [
        ("7-3", 409, "cursor.diverged"), ("1-99", 409, "cursor.unknown"), ("1-1", 409, "cursor.trimmed"),
        ("now", 400, "cursor.invalid"), ("start", 400, "cursor.invalid"), ("3", 400, "cursor.invalid"),
        ("", 400, "cursor.invalid"),
    ])
    func anotherCursorIsRefused(_ cursor: String, _ status: Int, _ code: String) async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await withRunningService(log: log) { service in
            try await Self.emit(Self.drafts(), service)
            try await log.trim([ThreadTrim(thread: "t_7", firstKept: 3)])
            let answer = try await service.client.get(Self.path + "?at=\(cursor)")
            #expect(answer.status == status)
            #expect(try answer.errorCode == code)
        }
    }
}
