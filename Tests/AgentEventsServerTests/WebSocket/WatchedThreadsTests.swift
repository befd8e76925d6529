import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTestSupport
import AgentEventsTesting
import Testing

/// A list of threads that a client watches: what it may read, as it is, and nothing in between.
@Suite(.timeLimit(.minutes(10)))
struct WatchedThreadsTests {
    /// What a client has of the list, by what it was told.
    private struct List {
        var threads: [String: JSONValue] = [:]
        var next: String?
        var messageCount = 0

        mutating func take(_ message: JSONValue) {
            #expect(message["op"] == "threads", "\(message)")
            messageCount += 1
            for thread in message["threads"]?.arrayValue ?? [] {
                if let id = thread["thread_id"]?.stringValue { threads[id] = thread }
            }
            for id in message["gone"]?.arrayValue ?? [] { threads[id.stringValue ?? ""] = nil }
            next = message["next"]?.stringValue
        }

        /// Takes what comes until the list is as it should be.
        mutating func take(from socket: RawWebSocket, until isRight: (List) -> Bool) async throws {
            while !isRight(self) { take(try await socket.messages(until: "threads").message) }
        }

        var ids: Set<String> { Set(threads.keys) }
    }

    private static func emit(
        _ drafts: [EventDraft],
        in thread: ThreadID,
        of user: UserID = "u_1",
        _ service: RunningService
    ) async throws {
        let context = try await service.runtime.context(user: user, thread: thread)
        try await service.runtime.waitForCommit(of: try await context.emit(drafts))
    }

    private static func note(_ thread: ThreadID, of user: UserID = "u_1", _ service: RunningService) async throws {
        try await emit([EventDraft(.custom(CustomEvent(name: "n", value: 1)))], in: thread, of: user, service)
    }

    @Test func theListComesFirstAndThenWhatBecomesOfIt() async throws {
        try await withRunningService { service in
            try await Self.note("t_1", service)
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"watch","req":"w"}"#)
                let answer = try await socket.messages(until: "watching")
                #expect(answer.message["req"] == "w")
                var list = List()
                list.take(try await socket.message())
                #expect(list.ids == ["t_1"] && list.next == nil)
                #expect(list.threads["t_1"]?["head"] == "1-1" && list.threads["t_1"]?["user_id"] == "u_1")
                try await Self.emit(
                    [EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted(input: "Go")))], in: "t_2",
                    service)
                try await list.take(from: socket) { $0.threads["t_2"]?["status"] == "running" }
                #expect(list.threads["t_2"]?["title"] == "Go")
                // Fragments are no news; the end is.
                for _ in 0..<20 {
                    try await Self.emit(
                        [EventDraft(runID: "r_1", .messageDelta(MessageDelta(messageID: "m_1", text: "a")))],
                        in: "t_2", service)
                }
                try await Self.emit(
                    [EventDraft(runID: "r_1", .agentCancelled(AgentCancelled(durationMilliseconds: 1)))], in: "t_2",
                    service)
                try await list.take(from: socket) { $0.threads["t_2"]?["last_outcome"] == "cancelled" }
                #expect(list.messageCount <= 4)
                try await socket.send(#"{"op":"unwatch","req":2}"#)
                #expect(try await socket.messages(until: "unwatched").message["req"] == 2)
                try await Self.note("t_3", service)
                try await socket.send(#"{"op":"ping","req":3}"#)
                #expect(try await socket.messages(until: "pong").events == [])
            }
        }
    }

    @Test func aPageIsWatchedAndWhatNoLongerBelongsToItGoes() async throws {
        try await withRunningService { service in
            for number in 1...4 { try await Self.note(ThreadID(stringLiteral: "t_\(number)"), service) }
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"watch","limit":2}"#)
                var list = List()
                try await list.take(from: socket) { $0.threads.count == 2 }
                let next = try #require(list.next)
                let rest = try await service.client.get("/v1/threads?before=\(next)").json["threads"]?.arrayValue ?? []
                let below = Set(rest.compactMap { $0["thread_id"]?.stringValue })
                #expect(below.union(list.ids) == ["t_1", "t_2", "t_3", "t_4"] && below.isDisjoint(with: list.ids))
                let moved = try #require(below.first)
                try await Self.note(try ThreadID(moved), service)
                try await list.take(from: socket) { $0.threads[moved] != nil }
                #expect(list.threads.count == 2)
                #expect(try await service.client.send("DELETE", "/v1/threads/\(moved)?wait").status == 200)
                try await list.take(from: socket) { $0.threads[moved] == nil }
                #expect(list.threads.count == 2)
            }
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"watch","status":"running"}"#)
                var list = List()
                list.take(try await socket.messages(until: "threads").message)
                #expect(list.threads.isEmpty)
                try await Self.emit(
                    [EventDraft(runID: "r_1", agent: "guide", .agentStarted(AgentStarted()))], in: "t_9", service)
                try await list.take(from: socket) { $0.ids == ["t_9"] }
                try await Self.emit(
                    [EventDraft(runID: "r_1", .agentCancelled(AgentCancelled(durationMilliseconds: 1)))], in: "t_9",
                    service)
                try await list.take(from: socket) { $0.threads.isEmpty }
            }
        }
    }

    /// However much happens, there is one message in a while, and the last one is right.
    @Test func whatHappensInBetweenIsNotTold() async throws {
        try await withRunningService { service in
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"watch"}"#)
                var list = List()
                list.take(try await socket.messages(until: "threads").message)
                let started = ContinuousClock.now
                for _ in 0..<200 {
                    for thread in ["t_1", "t_2"] as [ThreadID] { try await Self.note(thread, service) }
                }
                try await list.take(from: socket) {
                    $0.threads["t_1"]?["head"] == "1-200" && $0.threads["t_2"]?["head"] == "1-200"
                }
                let quarters = Int((ContinuousClock.now - started) / .milliseconds(250))
                #expect(list.messageCount <= quarters + 3)
            }
        }
    }

    @Test func membersComeAndGo() async throws {
        let sharer = ["Authorization": "Bearer u_1/read/share"]
        try await withRunningService(authenticator: NamingAuthenticator()) { service in
            try await Self.note("t_7", service)
            try await Self.note("t_secret", service)
            try await service.withWebSocket(headers: ["Authorization": "Bearer u_2"]) { socket in
                try await socket.send(#"{"op":"watch"}"#)
                var list = List()
                list.take(try await socket.messages(until: "threads").message)
                #expect(list.threads.isEmpty)
                let put = try await service.client.send(
                    "PUT", "/v1/threads/t_7/members/u_2", headers: sharer, body: #"{"role":"viewer","from":"start"}"#)
                #expect(put.status == 200)
                try await list.take(from: socket) { $0.ids == ["t_7"] }
                #expect(list.threads["t_7"]?["user_id"] == nil)
                try await Self.note("t_secret", service)
                try await Self.note("t_7", service)
                try await list.take(from: socket) { $0.threads["t_7"]?["head"] == "1-2" }
                #expect(list.ids == ["t_7"])
                let removal = try await service.client.send("DELETE", "/v1/threads/t_7/members/u_2", headers: sharer)
                #expect(removal.status == 204)
                try await list.take(from: socket) { $0.threads.isEmpty }
            }
        }
    }

    @Test func aWrongOrSecondWatchIsRefusedAndTheConnectionLives() async throws {
        try await withRunningService { service in
            try await service.withWebSocket { socket in
                let table = [
                    (#"{"op":"watch","req":1,"status":"busy"}"#, "message.invalid", "$.status"),
                    (#"{"op":"watch","req":1,"limit":0}"#, "message.invalid", "$.limit"),
                    (#"{"op":"watch","req":1,"limit":101}"#, "message.invalid", "$.limit"),
                    (#"{"op":"watch","req":1,"agent":""}"#, "message.invalid", "$.agent"),
                    (#"{"op":"watch","req":1,"thread_id":"t_1"}"#, "event.unknown_field", "$.thread_id"),
                    (#"{"op":"unwatch","req":1}"#, "subscription.unknown", nil),
                ]
                for (text, code, path) in table {
                    try await socket.send(text)
                    let error = try await socket.messages(until: "error").message
                    #expect(error["code"]?.stringValue == code && error["req"] == 1, "\(text): \(error)")
                    #expect(error["path"]?.stringValue == path, "\(text): \(error)")
                }
                try await socket.send(together: [#"{"op":"watch","req":2}"#, #"{"op":"watch","req":3}"#])
                let error = try await socket.messages(until: "error").message
                #expect(error["code"] == "subscription.exists" && error["req"] == 3)
            }
        }
    }

    @Test func withoutAListThatIsSaid() async throws {
        try await withRunningService(log: BareLog(InMemoryEventLog(generations: .counting))) { service in
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"watch","req":1}"#)
                #expect(try await socket.messages(until: "error").message["code"] == "threads.unlisted")
            }
        }
    }
}
