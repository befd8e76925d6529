import AgentEvents
import AgentEventsHub
import AgentEventsInterop
import AgentEventsServer
import AgentEventsTesting
import Testing

/// `GET /v1/threads/{t}/frames`: the frames of every protocol, for those who may read the thread.
@Suite(.timeLimit(.minutes(10)))
struct FramesRouteTests {
    private static let path = "/v1/threads/t_7/frames"

    private static func with(
        _ extensions: [ServiceExtension] = [.frames()],
        _ body: (RunningService) async throws -> Void
    ) async throws {
        try await withRunningService(authenticator: NamingAuthenticator(), extensions: extensions) {
            (service: RunningService) async throws in
            let run: RunID = "r_1"
            let context = try await service.runtime.context(user: "u_1", thread: "t_7")
            try await service.runtime.waitForCommit(
                of: try await context.emit([
                    EventDraft(.userMessage(UserMessage(messageID: "m_1", userID: "u_1", text: "Where is it?"))),
                    EventDraft(runID: run, agent: "guide", .agentStarted(AgentStarted())),
                    EventDraft(runID: run, .messageDelta(MessageDelta(messageID: "m_2", text: "In "))),
                    EventDraft(
                        runID: run,
                        .messageCompleted(MessageCompleted(messageID: "m_2", role: .assistant, text: "In Sources"))),
                    EventDraft(runID: run, .agentCompleted(AgentCompleted(durationMilliseconds: 1))),
                ]))
            try await body(service)
        }
    }

    private static func get(_ query: String, _ service: RunningService, _ user: String = "u_1") async throws
        -> RawHTTPClient.Answer
    {
        try await service.client.get(path + query, headers: ["Authorization": "Bearer \(user)/read"])
    }

    @Test func eachProtocolHasItsFramesAndItsVerdict() async throws {
        try await Self.with { service in
            for name in FrameProtocol.allCases {
                let answer = try await Self.get("?protocol=\(name.rawValue)&after=1-2", service)
                #expect(answer.status == 200, "\(answer)")
                let json = try answer.json
                #expect(json["protocol"] == .string(name.rawValue) && json["thread_id"] == "t_7")
                #expect(
                    json["after"] == "1-2" && json["upto"] == "1-5" && json["head"] == "1-5" && json["next"] == .null)
                #expect(json["verdict"]?["holds"] == true && json["verdict"]?["broken"] == .null, "\(json)")
                #expect(json["verdict"]?["rules"]?.arrayValue?.isEmpty == false)
                let frames = json["streams"]?.arrayValue?.first?["frames"]?.arrayValue ?? []
                #expect(frames.first?["joins"] == true && frames.last?["joins"] == false)
                #expect(frames.last?["event"] == "1-5")
            }
            // In the bytes of the log.
            let events = try await service.loggedEvents(in: "t_7")
            let json = try await Self.get("?protocol=events", service).json
            let texts = json["streams"]?.arrayValue?.first?["frames"]?.arrayValue?.dropFirst().map { $0["text"] } ?? []
            #expect(
                try texts == events.map { .string(String(decoding: try EventEncoder.encode($0), as: UTF8.self)) })
        }
    }

    @Test func aRangeIsReadInPages() async throws {
        try await Self.with { service in
            let first = try await Self.get("?protocol=sse&limit=2", service).json
            #expect(first["upto"] == "1-2" && first["next"] == "1-2" && first["after"] == .null)
            let second = try await Self.get("?protocol=sse&after=1-2&upto=1-4&limit=2", service).json
            #expect(second["upto"] == "1-4" && second["next"] == .null && second["head"] == "1-5")
            let none = try await Self.get("?protocol=ag-ui-1.0&after=now", service).json
            #expect(none["after"] == "1-5" && none["upto"] == .null && none["next"] == .null)
            // A client that comes to a thread in which nothing is under way is shown what there is.
            #expect(
                none["streams"]?.arrayValue?.first?["run_id"] == .null
                    && none["streams"]?.arrayValue?.first?["ended"] == true)
            let same = try await Self.get("?protocol=ai-sdk&after=1-3&upto=1-3", service).json
            #expect(same["upto"] == .null && same["streams"]?.arrayValue?.first?["frames"]?.arrayValue?.count == 4)
        }
    }

    @Test(
        arguments: [
            ("", 400, "request.invalid"), ("?protocol=ag-ui", 400, "request.invalid"),
            ("?protocol=sse&from=1-1", 400, "request.invalid"), ("?protocol=sse&limit=1001", 400, "request.invalid"),
            ("?protocol=sse&after=x", 400, "cursor.invalid"), ("?protocol=sse&upto=now", 400, "cursor.invalid"),
            ("?protocol=sse&after=1-9", 409, "cursor.unknown"), ("?protocol=ai-sdk&after=1-9", 409, "cursor.unknown"),
            ("?protocol=sse&upto=1-9", 409, "cursor.unknown"), ("?protocol=sse&after=9-1", 409, "cursor.diverged"),
            ("?protocol=sse&after=1-3&upto=1-2", 400, "request.invalid"),
        ])
    func whatIsWrongIsRefused(query: String, status: Int, code: String) async throws {
        try await Self.with { service in
            let answer = try await Self.get(query, service)
            #expect(try answer.status == status && answer.errorCode == code, "\(query): \(answer)")
            guard query == "?protocol=ag-ui" else { return }
            for name in FrameProtocol.allCases { #expect(answer.body.contains(name.rawValue)) }
        }
    }

    @Test func othersDoNotLearnThatTheThreadIsThere() async throws {
        try await Self.with { service in
            for name in FrameProtocol.allCases {
                for range in ["", "&after=1-2", "&after=now", "&upto=9-9"] {
                    let foreign = try await Self.get("?protocol=\(name.rawValue)\(range)", service, "u_2")
                    #expect(try foreign.status == 404 && foreign.errorCode == "thread.unknown", "\(name) \(foreign)")
                }
            }
        }
    }

    @Test func withoutOtherProtocolsThereIsNoSuchRoute() async throws {
        try await Self.with([]) { service in
            let answer = try await Self.get("?protocol=sse", service)
            #expect(try answer.status == 404 && answer.errorCode == "path.unknown")
        }
    }

    @Test(arguments: FrameProtocol.allCases)
    func whatWasTrimmedIsNotTold(name: FrameProtocol) async throws {
        try await Self.with { service in
            let log = try #require(service.runtime.log as? InMemoryEventLog)
            try await log.trim([ThreadTrim(thread: "t_7", firstKept: 4)])
            for query in ["&after=1-2", "&upto=1-1"] {
                let answer = try await Self.get("?protocol=\(name.rawValue)\(query)", service)
                #expect(try answer.status == 409 && answer.errorCode == "cursor.trimmed", "\(answer)")
            }
            let kept = try await Self.get("?protocol=\(name.rawValue)", service).json
            #expect(kept["upto"] == "1-5" && kept["verdict"]?["holds"] == true, "\(kept)")
        }
    }
}
