import AgentEvents
import AgentEventsHub
import AgentEventsServer
import Testing

/// Snapshots and merged fragments over real sockets.
@Suite(.timeLimit(.minutes(10)))
struct SnapshotSubscriptionTests {
    /// A run that says 300 words, and is still at it.
    private static func talk(_ service: RunningService, user: UserID = "local") async throws -> ExecutionContext {
        let context = try await service.runtime.context(user: user, thread: "t_7")
        _ = try await context.emit(EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())))
        try await say(300, context)
        return context
    }

    private static func say(_ count: Int, _ context: ExecutionContext) async throws {
        for index in 0..<count {
            let delta = MessageDelta(messageID: "m_1", text: "word\(index) ")
            _ = try await context.emit(EventDraft(runID: "r_1", .messageDelta(delta)))
        }
        try await context.flush()
    }

    private static func text(_ events: [JSONValue]) -> String {
        events.compactMap { $0["data"]?["text"]?.stringValue }.joined()
    }

    private static func subscribe(_ socket: RawWebSocket, _ rest: String) async throws -> [JSONValue] {
        try await socket.send(#"{"op":"subscribe","thread_id":"t_7"\#(rest)}"#)
        _ = try await socket.messages(until: "subscribed")
        return try await socket.messages(until: "live").events
    }

    @Test func fragmentsAreMergedForAReaderThatIsBehindUnlessItDeclines() async throws {
        try await withRunningService { service in
            let context = try await Self.talk(service)
            try await service.withWebSocket { merging in
                try await service.withWebSocket { exact in
                    let merged = try await Self.subscribe(merging, #","after":"start""#)
                    let all = try await Self.subscribe(exact, #","after":"start","merge":false"#)
                    #expect(all.compactMap { $0["seq"]?.integerValue } == Array(1...301))
                    #expect(merged.count == 2)
                    #expect(merged.last?["from_seq"] == 2)
                    #expect(merged.last?["seq"] == 301)
                    #expect(merged.last?["id"] == "1-301")
                    #expect(Self.text(merged) == Self.text(all))
                    // Live, both get each.
                    _ = try await context.emit(
                        EventDraft(runID: "r_1", .messageDelta(MessageDelta(messageID: "m_1", text: "more"))))
                    let live = try await merging.message()
                    #expect(live["seq"] == 302)
                    #expect(live["from_seq"] == nil)
                    #expect(try await exact.message() == live)
                }
            }
        }
    }

    @Test func aSnapshotStandsForTheEventsBefore() async throws {
        try await withRunningService { service in
            let context = try await Self.talk(service)
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","req":1,"thread_id":"t_7","after":"snapshot"}"#)
                let (_, subscribed) = try await socket.messages(until: "subscribed")
                #expect(subscribed["after"] == "1-301")
                let (before, snapshot) = try await socket.messages(until: "snapshot")
                #expect(before == [])
                #expect(snapshot["cursor"] == "1-301")
                let state = try ThreadState(json: try #require(snapshot["state"]))
                #expect(state.cursor == Cursor(generation: 1, sequence: 301))
                #expect(state.messages.first?.text.hasSuffix("word299 ") == true)
                #expect(try await socket.message()["op"] == "live")
                try await Self.say(1, context)
                #expect(try await socket.message()["seq"] == 302)
                let answer = try await service.client.get("/v1/threads/t_7/state")
                #expect(answer.status == 200)
                #expect(try answer.json.objectValue?.keys == ["thread_id", "cursor", "state"])
                #expect(try answer.json["cursor"] == "1-302")
            }
        }
    }

    @Test func aThreadWithoutEventsHasAnEmptyState() async throws {
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            _ = try await Self.talk(service, user: "u_1")
            // A foreign thread looks like none.
            for thread in ["t_7", "t_8"] {
                try await service.withWebSocket(headers: ["Authorization": "Bearer u_2"]) { socket in
                    try await socket.send(#"{"op":"subscribe","thread_id":"\#(thread)","after":"snapshot"}"#)
                    let (_, snapshot) = try await socket.messages(until: "snapshot")
                    #expect(snapshot["cursor"] == .null)
                    #expect(try ThreadState(json: try #require(snapshot["state"])) == ThreadState())
                    #expect(try await socket.message()["op"] == "live")
                }
            }
            let foreign = try await service.client.get(
                "/v1/threads/t_7/state", headers: ["Authorization": "Bearer u_2"])
            #expect(foreign.status == 404)
        }
    }

    @Test(arguments: [("7-3", "diverged"), ("1-900", "unknown")])
    func aReaderWithAForeignCursorGetsAResetAndASnapshotIfItAsks(_ cursor: String, reason: String) async throws {
        try await withRunningService { service in
            _ = try await Self.talk(service)
            try await service.withWebSocket { socket in
                try await socket.send(
                    #"{"op":"subscribe","thread_id":"t_7","after":"\#(cursor)","snapshot":true}"#)
                let (_, reset) = try await socket.messages(until: "reset")
                #expect(reset["reason"]?.stringValue == reason)
                #expect(reset["oldest"] == "1-1")
                let (between, snapshot) = try await socket.messages(until: "snapshot")
                #expect(between == [])
                #expect(snapshot["cursor"] == "1-301")
                #expect(try await socket.messages(until: "live").events == [])
            }
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_7","after":"1-300","snapshot":true}"#)
                let (events, _) = try await socket.messages(until: "live")
                #expect(events.compactMap { $0["seq"] } == [301])
            }
        }
    }

    /// Snapshots for many threads at once do not pile up before a client that reads nothing.
    @Test func snapshotsAreMadeOneAtATime() async throws {
        try await withRunningService { service in
            for index in 0..<50 {
                let context = try await service.runtime.context(user: "local", thread: ThreadID("t_\(index)"))
                _ = try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: .integer(index)))))
            }
            try await service.runtime.flush()
            try await service.withWebSocket { socket in
                for index in 0..<50 {
                    try await socket.send(#"{"op":"subscribe","thread_id":"t_\#(index)","after":"snapshot"}"#)
                }
                var threads: [String] = []
                while threads.count < 50 {
                    let (_, snapshot) = try await socket.messages(until: "snapshot")
                    threads.append(snapshot["thread_id"]?.stringValue ?? "")
                }
                #expect(threads == (0..<50).map { "t_\($0)" })
            }
        }
    }

    /// A thread with open calls, each with arguments of so many bytes.
    private static func openCalls(_ count: Int, of byteCount: Int, _ service: RunningService) async throws
        -> ExecutionContext
    {
        let context = try await service.runtime.context(user: "local", thread: "t_7")
        _ = try await context.emit(EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted())))
        for number in 1...count {
            let executing = ToolExecuting(
                callID: try CallID("c_\(number)"), tool: "search",
                arguments: ["q": .string(String(repeating: "x", count: byteCount))])
            _ = try await context.emit(EventDraft(runID: "r_1", .toolExecuting(executing)))
        }
        try await context.flush()
        return context
    }

    /// Reads a snapshot in parts: between them there is nothing of the thread.
    private static func parts(_ socket: RawWebSocket, of thread: String) async throws -> (
        ThreadState, cursor: JSONValue?
    ) {
        var text = ""
        var cursor: JSONValue?
        var part = 0
        while true {
            guard case .text(let message)? = try await socket.next() else { continue }
            #expect(message.utf8.count <= 1_048_576)
            let json = try JSONValue(parsing: Array(message.utf8))
            guard json["thread_id"]?.stringValue == thread else { continue }
            part += 1
            try #require(json["op"] == "snapshot" && json["part"] == .integer(part), "\(message.prefix(200))")
            text += json["state_json"]?.stringValue ?? ""
            cursor = json["cursor"]
            if json["parts"] == .integer(part) { break }
        }
        return (try ThreadState(json: try JSONValue(parsing: Array(text.utf8))), cursor)
    }

    @Test(arguments: [#","after":"snapshot""#, #","after":"7-3","snapshot":true"#])
    func aLargeSnapshotComesInPartsAndEventsFollowIt(_ rest: String) async throws {
        try await withRunningService { service in
            let context = try await Self.openCalls(3, of: 1_000_000, service)
            // One that takes little at a time.
            try await service.withWebSocket(receiveBufferByteCount: 16 * 1024) { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_7"\#(rest)}"#)
                let (_, subscribed) = try await socket.messages(until: "subscribed")
                // While the parts are on their way.
                for number in 1...3 {
                    let completed = ToolCompleted(
                        callID: try CallID("c_\(number)"), tool: "search", status: .succeeded, durationMilliseconds: 1)
                    _ = try await context.emit(EventDraft(runID: "r_1", .toolCompleted(completed)))
                }
                try await context.flush()
                if rest.contains("7-3") { _ = try await socket.messages(until: "reset") }
                let (state, cursor) = try await Self.parts(socket, of: "t_7")
                #expect(cursor == subscribed["after"])
                #expect(state.calls.count == 3)
                let first = try #require(state.cursor?.sequence)
                let (events, _) = try await socket.messages(until: "live")
                #expect(events.compactMap { $0["seq"]?.integerValue } == Array(Int64(first) + 1...7))
            }
        }
    }

    /// Who leaves in the midst of a snapshot is sent nothing further of it, and gets a whole one the next time.
    @Test func anUnsubscribeEndsASnapshot() async throws {
        try await withRunningService { service in
            _ = try await Self.openCalls(3, of: 1_000_000, service)
            try await service.withWebSocket(receiveBufferByteCount: 16 * 1024) { socket in
                try await socket.send(together: [
                    #"{"op":"subscribe","req":1,"thread_id":"t_7","after":"snapshot"}"#,
                    #"{"op":"unsubscribe","req":2,"thread_id":"t_7"}"#,
                    #"{"op":"subscribe","req":3,"thread_id":"t_7","after":"snapshot"}"#,
                ])
                let (_, subscribed) = try await socket.messages(until: "subscribed")
                #expect(subscribed["req"] == 1)
                let (parts, unsubscribed) = try await socket.messages(until: "unsubscribed")
                #expect(unsubscribed["req"] == 2)
                // What the connection had no room for is not sent.
                #expect(parts.count < 3)
                let (between, again) = try await socket.messages(until: "subscribed")
                #expect(again["req"] == 3 && between.isEmpty)
                #expect(try await Self.parts(socket, of: "t_7").0.calls.count == 3)
                #expect(try await socket.messages(until: "live").events.isEmpty)
                // Another thread's has its turn.
                try await socket.send(#"{"op":"subscribe","req":4,"thread_id":"t_8","after":"snapshot"}"#)
                let (_, other) = try await socket.messages(until: "subscribed")
                #expect(other["req"] == 4)
                #expect(try await socket.message()["state"] != nil)
            }
        }
    }

    /// A client that takes its parts slowly holds up nobody.
    @Test func othersGetTheirSnapshotWhileSomebodyTakesOneSlowly() async throws {
        try await withRunningService { service in
            _ = try await Self.openCalls(3, of: 1_000_000, service)
            try await service.withWebSocket(receiveBufferByteCount: 16 * 1024) { slow in
                try await slow.send(#"{"op":"subscribe","thread_id":"t_7","after":"snapshot"}"#)
                _ = try await slow.messages(until: "subscribed")
                try await service.withWebSocket { other in
                    try await other.send(#"{"op":"subscribe","thread_id":"t_7","after":"snapshot"}"#)
                    _ = try await other.messages(until: "subscribed")
                    #expect(try await Self.parts(other, of: "t_7").0.calls.count == 3)
                }
                #expect(try await Self.parts(slow, of: "t_7").0.calls.count == 3)
            }
        }
    }
}
