import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTesting
import Testing

/// `GET /v1/threads/{t}/messages`: what was said, page by page, from the end.
@Suite(.timeLimit(.minutes(10)))
struct MessagePageTests {
    private static let path = "/v1/threads/t_7/messages"

    /// A question, and an answer of some fragments.
    private static func exchange(_ number: Int, fragments: Int = 3, interrupted: Bool = false) -> [EventDraft] {
        let run = RunID(stringLiteral: "r_\(number)")
        let (question, answer) = (
            MessageID(stringLiteral: "q_\(number)"), MessageID(stringLiteral: "a_\(number)")
        )
        let deltas = (0..<fragments).map { _ in
            EventDraft(runID: run, .messageDelta(MessageDelta(messageID: answer, text: ".")))
        }
        let text = String(repeating: ".", count: fragments)
        return [
            EventDraft(
                .userMessage(UserMessage(messageID: question, userID: "u_1", text: "\(number)", data: ["n": 1]))),
            EventDraft(runID: run, agent: "guide", .agentStarted(AgentStarted())),
        ] + deltas + [
            EventDraft(
                runID: run,
                .messageCompleted(MessageCompleted(messageID: answer, text: text, isInterrupted: interrupted))),
            EventDraft(runID: run, .agentCompleted(AgentCompleted(durationMilliseconds: 1))),
        ]
    }

    private static func emit(_ drafts: [EventDraft], _ service: RunningService) async throws {
        let context = try await service.runtime.context(user: "u_1", thread: "t_7")
        try await service.runtime.waitForCommit(of: try await context.emit(drafts))
    }

    private static func ids(_ page: JSONValue) -> [String] {
        (page["messages"]?.arrayValue ?? []).compactMap { $0["message_id"]?.stringValue }
    }

    @Test func pagesFollowEachOtherBackToTheStart() async throws {
        try await withRunningService { service in
            for number in 1...10 { try await Self.emit(Self.exchange(number), service) }
            var found: [String] = []
            var query = "?limit=4"
            var pages = 0
            while true {
                let page = try await service.client.get(Self.path + query).json
                #expect(page["thread_id"] == "t_7" && page["head"] == "1-70")
                found = Self.ids(page) + found
                pages += 1
                guard let previous = page["previous"]?.stringValue else { break }
                query = "?limit=4&before=\(previous)"
            }
            #expect(found == (1...10).flatMap { ["q_\($0)", "a_\($0)"] })
            #expect(pages == 5 || pages == 6)
        }
    }

    /// Each is what the state has of it, with its event.
    @Test func aMessageIsAsTheStateHasIt() async throws {
        try await withRunningService { service in
            try await Self.emit(Self.exchange(1) + Self.exchange(2, interrupted: true), service)
            let page = try await service.client.get(Self.path).json
            let state = try await service.client.get("/v1/threads/t_7/state").json
            let messages = try #require(page["messages"]?.arrayValue)
            let kept = try #require(state["state"]?["messages"]?.arrayValue)
            #expect(messages.count == 4 && kept.count == 4)
            for (message, known) in zip(messages, kept) {
                var members = try #require(message.objectValue)
                members["cursor"] = nil
                members["interrupted"] = nil
                #expect(JSONValue.object(members) == known)
            }
            #expect(messages.map { $0["cursor"] } == ["1-1", "1-6", "1-8", "1-13"])
            #expect(messages.map { $0["interrupted"] } == [nil, nil, nil, true])
            #expect(page["previous"] == .null)
        }
    }

    /// A request looks at a part of a thread in which little is said, and says where to continue.
    @Test func aLongThreadIsReadInParts() async throws {
        try await withRunningService { service in
            try await Self.emit(Self.exchange(1), service)
            let note = EventDraft(.custom(CustomEvent(name: "n", value: 1)))
            for _ in 0..<22 { try await Self.emit(Array(repeating: note, count: 1000), service) }
            let page = try await service.client.get(Self.path).json
            #expect(Self.ids(page) == [])
            let previous = try #require(page["previous"]?.stringValue)
            let before = try await service.client.get(Self.path + "?before=\(previous)").json
            #expect(Self.ids(before) == ["q_1", "a_1"])
            #expect(before["previous"] == .null)
        }
    }

    @Test(
        arguments: [
            ("", 200, nil), ("?limit=1", 200, nil), ("?limit=200", 200, nil), ("?before=now", 200, nil),
            ("?before=start", 200, nil), ("?before=1-4", 200, nil), ("?limit=0", 400, "request.invalid"),
            ("?limit=201", 400, "request.invalid"), ("?limit=05", 400, "request.invalid"),
            ("?after=1-1", 400, "request.invalid"), ("?before=7-3", 409, "cursor.diverged"),
            ("?before=1-99", 409, "cursor.unknown"), ("?before=1-2", 409, "cursor.trimmed"),
            ("?before=x", 400, "cursor.invalid"),
        ] as [(String, Int, String?)])
    func theQueryIsChecked(_ query: String, _ status: Int, _ code: String?) async throws {
        let log = InMemoryEventLog(generations: .counting)
        try await withRunningService(log: log) { service in
            try await Self.emit(Self.exchange(1), service)
            try await log.trim([ThreadTrim(thread: "t_7", firstKept: 3)])
            let answer = try await service.client.get(Self.path + query)
            #expect(answer.status == status)
            #expect(try answer.errorCode == code)
        }
    }

    /// A thread that is not there and one of somebody else are answered alike.
    @Test func aThreadThatMayNotBeReadIsUnknown() async throws {
        try await withRunningService { service in
            let answer = try await service.client.get(Self.path)
            #expect(answer.status == 404)
            #expect(try answer.errorCode == "thread.unknown")
        }
    }
}
