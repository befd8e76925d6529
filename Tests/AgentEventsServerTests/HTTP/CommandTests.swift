import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTesting
import Synchronization
import Testing

/// Commands over HTTP and the stream of a real service. The numbers are those of the cases in the design.
@Suite(.timeLimit(.minutes(10)))
struct CommandTests {
    private static let path = "/v1/threads/t_7/commands"

    private static func headers(_ key: String) -> [String: String] { ["Idempotency-Key": key] }

    private func ask(_ service: RunningService, _ agent: String = "waiting") async throws -> RunID {
        let answer = try await service.client.post(
            "/v1/threads/t_7/messages", #"{"text":"Hello","agent":"\#(agent)"}"#)
        let run = try RunID(try #require(answer.json["run_id"]?.stringValue))
        for try await event in try await service.runtime.events(user: "local", thread: "t_7")
        where event.runID == run && event.type == .agentStarted { break }
        return run
    }

    private func types(_ service: RunningService) async throws -> [EventType] {
        try await service.loggedEvents(in: "t_7").compactMap(\.type)
    }

    /// 1: the answer comes after the commit, and its cursor is in the log.
    @Test func aStopEndsTheRunAndItsAgent() async throws {
        try await withRunningService(agents: [WaitingAgent()]) { service in
            let run = try await ask(service)
            let answer = try await service.client.post(
                Self.path, #"{"name":"stop","data":{"reason":"enough"}}"#, headers: Self.headers("k_1"))
            #expect(answer.status == 200)
            let events = try await service.loggedEvents(in: "t_7")
            let end = try #require(events.last)
            #expect(
                try answer.json == [
                    "thread_id": "t_7", "name": "stop", "outcome": "done", "cursors": [.string("\(end.id)")],
                    "run_id": .string("\(run)"),
                    "details": [
                        "run_id": .string("\(run)"), "status": "running", "since": .string("\(events[1].id)"),
                    ],
                ])
            guard case .agentCancelled(let cancelled) = end.payload else {
                Issue.record("\(end)")
                return
            }
            #expect(cancelled.by == "local")
            #expect(cancelled.reason == "enough")
            // 12: the next message starts a run. The service ends when its agents do: that of the first has.
            _ = try await ask(service)
            // 6: once done, later it was so already.
            let second = try await service.client.post(
                Self.path, #"{"name":"stop","run_id":"\#(run)"}"#, headers: Self.headers("k_2"))
            #expect(try second.json["outcome"] == "unchanged")
            #expect(try second.json["details"]?["status"] == "cancelled")
            // 7.
            let repeated = try await service.client.post(
                Self.path, #"{"name":"stop","data":{"reason":"enough"}}"#, headers: Self.headers("k_1"))
            #expect(try repeated.json["outcome"] == "repeated")
            #expect(try repeated.json["cursors"] == answer.json["cursors"])
            let other = try await service.client.post(Self.path, #"{"name":"pause"}"#, headers: Self.headers("k_1"))
            #expect(other.status == 409)
            #expect(try other.errorCode == "key.conflict")
            #expect(
                try await service.client.post(Self.path, #"{"name":"stop"}"#, headers: Self.headers("k_3")).status
                    == 200)
        }
    }

    /// 3: an agent that ignores its cancellation is counted until it returns, and its result is told.
    @Test func anAgentThatIgnoresTheStopIsCounted() async throws {
        let agent = StubbornAgent()
        let (results, told) = AsyncStream.makeStream(of: LateResult.self, bufferingPolicy: .bufferingOldest(1))
        try await withRunningService(agents: [agent], lateResults: told) { service in
            let run = try await ask(service, "stubborn")
            let answer = try await service.client.post(Self.path, #"{"name":"stop"}"#, headers: Self.headers("k_1"))
            #expect(answer.status == 200)
            #expect(try await types(service) == [.userMessage, .agentStarted, .agentCancelled])
            agent.release()
            let late = await results.first { _ in true }
            #expect(late?.runID == run)
            #expect(late?.agent == "stubborn")
            #expect(try late?.result.get() == "late")
            #expect(try await types(service) == [.userMessage, .agentStarted, .agentCancelled])
        }
    }

    /// 8: a disconnect is no command. And what came whole before it is carried out.
    @Test func aDisconnectStopsNothing() async throws {
        try await withRunningService(agents: [WaitingAgent()]) { service in
            _ = try await ask(service)
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"subscribe","thread_id":"t_7"}"#)
                _ = try await socket.messages(until: "live")
            }
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"command","req":1,"thread_id":"t_7","key":"k_1","name":"pause"}"#)
                let (_, accepted) = try await socket.messages(until: "accepted")
                #expect(accepted["outcome"] == "done")
            }
            #expect(try await types(service) == [.userMessage, .agentStarted, .agentPaused])
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"command","thread_id":"t_7","key":"k_2","name":"stop"}"#)
            }
            for try await event in try await service.runtime.events(user: "local", thread: "t_7")
            where event.type == .agentCancelled { break }
            try await service.withWebSocket { socket in
                try await socket.send(#"{"op":"command","req":2,"thread_id":"t_7","key":"k_2","name":"stop"}"#)
                let (_, accepted) = try await socket.messages(until: "accepted")
                #expect(accepted["outcome"] == "repeated")
            }
        }
    }

    /// What one connection sends about a thread is carried out in its order, commands among it.
    @Test func commandsKeepTheirPlaceAmongEmissions() async throws {
        try await withRunningService { service in
            try await service.withWebSocket { socket in
                let events = [
                    #"{"type":"agent_started","run_id":"r_1","agent":"far","data":{}}"#,
                    #"{"type":"agent_progress","run_id":"r_1","data":{"step":1}}"#,
                ]
                for (number, event) in events.enumerated() {
                    try await socket.send(
                        #"{"op":"emit","req":\#(number),"thread_id":"t_7","events":[\#(event)]}"#)
                }
                try await socket.send(#"{"op":"command","req":2,"thread_id":"t_7","key":"k_1","name":"pause"}"#)
                try await socket.send(#"{"op":"emit","req":3,"thread_id":"t_7","events":[\#(events[1])]}"#)
                try await socket.send(#"{"op":"command","req":4,"thread_id":"t_7","key":"k_2","name":"resume"}"#)
                try await socket.send(#"{"op":"emit","req":5,"thread_id":"t_7","events":[\#(events[1])]}"#)
                var answers: [String] = []
                while answers.count < 6 {
                    let message = try await socket.message()
                    guard let request = message["req"]?.integerValue else { continue }
                    answers.append("\(request) \(message["code"]?.stringValue ?? message["op"]?.stringValue ?? "")")
                }
                #expect(
                    answers == [
                        "0 emitted", "1 emitted", "2 accepted", "3 order.paused", "4 accepted", "5 emitted",
                    ])
            }
        }
    }

    @Test func tooManyCommandsOfOneConnectionAreRefused() async throws {
        try await withRunningService(configure: { $0.maximumCommandsPerSecond = 5 }) { service in
            let context = try await service.runtime.context(user: "local", thread: "t_7")
            try await context.emit(EventDraft(.custom(CustomEvent(name: "n", value: 1))))
            try await service.withWebSocket { socket in
                for number in 0..<2000 {
                    try await socket.send(
                        #"{"op":"command","req":\#(number),"thread_id":"t_7","key":"k_\#(number)","name":"stop"}"#)
                }
                var refused = 0
                for _ in 0..<2000 {
                    let message = try await socket.message()
                    if message["op"] == "welcome" { continue }
                    guard message["op"] == "error" else { continue }
                    refused += 1
                    #expect(message["code"] == "limits.commands")
                    #expect(message["retryable"] == true)
                }
                #expect(refused > 1000)
            }
            #expect(try await types(service) == [.custom])
        }
    }

    @Test(
        arguments: [
            (#"{"name":"stop"}"#, nil, 400, "command.key_missing"),
            (#"{"name":"halt"}"#, "k", 404, "command.unknown"),
            (#"{"name":"stop","data":{"why":"x"}}"#, "k", 400, "command.invalid"),
            (#"{"name":"stop","key":"k"}"#, "k", 400, "event.field_not_allowed"),
            (#"{"name":"stop","by":"u_2"}"#, "k", 400, "event.field_not_allowed"),
            (#"{"name":"stop","as_of":"57"}"#, "k", 400, "cursor.invalid"),
            (#"{"name":"stop","run_id":"r_none"}"#, "k", 404, "run.unknown"),
            (#"{"name":"pause","run_id":"r_ended"}"#, "k", 409, "run.not_open"),
            (#"{"name":"pause","run_id":"r_queued"}"#, "k", 409, "run.not_started"),
            (#"{"name":"editor.undo","run_id":"r_paused"}"#, "k", 409, "run.paused"),
            (#"{"name":"editor.undo","run_id":"r_own"}"#, "k", 409, "command.unsupported"),
            (#"{"name":"answer","data":{"approval_id":"a","decision":"approved"}}"#, "k", 404, "approval.unknown"),
            (#"[]"#, "k", 400, "message.invalid"), (#"{"#, "k", 400, "json.syntax"),
        ] as [(String, String?, Int, String)])
    func aCommandThatIsRefusedLogsNothing(_ body: String, _ key: String?, _ status: Int, _ code: String) async throws {
        try await withRunningService { service in
            let context = try await service.runtime.context(user: "local", thread: "t_7")
            _ = try await context.emit(
                [
                    EventDraft(runID: "r_ended", agent: "a", .agentStarted(AgentStarted())),
                    EventDraft(runID: "r_ended", .agentCompleted(AgentCompleted(durationMilliseconds: 1))),
                    EventDraft(runID: "r_queued", agent: "a", .agentQueued(AgentQueued())),
                    EventDraft(runID: "r_paused", agent: "a", .agentStarted(AgentStarted())),
                    EventDraft(runID: "r_paused", .agentPaused(AgentPaused())),
                ], host: .outside)
            _ = try await context.emit([EventDraft(runID: "r_own", agent: "a", .agentStarted(AgentStarted()))])
            try await context.flush()
            let before = try await service.loggedEvents(in: "t_7")
            let answer = try await service.client.post(Self.path, body, headers: key.map(Self.headers) ?? [:])
            #expect(answer.status == status)
            #expect(try answer.errorCode == code)
            if code.hasPrefix("run."), code != "run.unknown" {
                #expect(try answer.json["error"]?["details"]?["status"]?.stringValue != nil)
            }
            #expect(try await service.loggedEvents(in: "t_7") == before)
        }
    }

    /// A command of the application's own reaches the agent that takes it.
    @Test func aCustomCommandReachesItsAgent() async throws {
        try await withRunningService(agents: [EditingAgent()]) { service in
            _ = try await ask(service, "editing")
            let unknown = try await service.client.post(
                Self.path, #"{"name":"editor.redo"}"#, headers: Self.headers("k_1"))
            #expect(try unknown.errorCode == "command.unsupported")
            let taken = try await service.client.post(
                Self.path, #"{"name":"editor.undo","data":{"steps":2}}"#, headers: Self.headers("k_2"))
            #expect(taken.status == 200)
            for try await event in try await service.runtime.events(user: "local", thread: "t_7")
            where event.type == .agentCompleted {
                guard case .agentCompleted(let completed) = event.payload else { break }
                #expect(completed.result == ["steps": 2])
                break
            }
            let commands = try await service.loggedEvents(in: "t_7").filter { $0.type == .custom }
            #expect(
                commands.map(\.payload) == [
                    .custom(CustomEvent(name: "editor.undo", value: ["steps": 2], by: "local"))
                ])
        }
    }
}

/// Ignores its cancellation until it is released.
private struct StubbornAgent: ServedAgent {
    let name: AgentName = "stubborn"
    private let held = AsyncStream<Void>.makeStream()

    func release() { held.continuation.finish() }

    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        // A task of its own, which nobody cancels.
        await Task { [held] in for await _ in held.stream {} }.value
        return "late"
    }
}

/// Returns the data of the first command that it is given.
private struct EditingAgent: CommandedAgent {
    let name: AgentName = "editing"

    func takes(_ command: CommandName) -> Bool { command == "editor.undo" }

    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        for try await command in run.commands { return command.value }
        return nil
    }
}
