import AgentEvents
import AgentEventsHub
import AgentEventsServer
import AgentEventsTesting
import NIOCore
import Synchronization
import Testing

/// How a service stops, seen by its clients.
@Suite(.timeLimit(.minutes(10)))
struct DrainTests {
    private static let path = "/v1/threads/t_7/messages"

    /// Answers when it is told to.
    private final class HeldAgent: ServedAgent {
        let name: AgentName = "held"
        private let releases: AsyncStream<Void>
        private let continuation: AsyncStream<Void>.Continuation
        private let ignoresCancellation: Bool

        init(ignoresCancellation: Bool = false) {
            self.ignoresCancellation = ignoresCancellation
            (releases, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
        }

        func release() { continuation.finish() }

        func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
            try await run.say("one moment")
            if ignoresCancellation {
                await withCheckedContinuation { waiter in held.withLock { $0 = waiter } }
            } else {
                for await _ in releases {}
            }
            try await run.say(", done")
            return "done"
        }

        private let held = Mutex<CheckedContinuation<Void, Never>?>(nil)

        func letGo() { held.withLock { $0?.resume() } }
    }

    private static func ask(_ service: RunningService) async throws {
        #expect(try await service.client.post(path, #"{"text":"Hello"}"#).status == 202)
    }

    /// Follows the thread until the agent has begun to talk.
    private static func follow(_ socket: RawWebSocket) async throws {
        try await socket.send(#"{"op":"subscribe","thread_id":"t_7","after":"start"}"#)
        while try await socket.message()["type"] != "message_delta" {}
    }

    @Test func agentsEndInPeaceWhileTheServiceDrains() async throws {
        let agent = HeldAgent()
        try await withRunningService(agents: [agent]) {
            $0.shutdownGrace = .seconds(600)
        } _: { service in
            try await service.withWebSocket { socket in
                try await Self.ask(service)
                try await Self.follow(socket)
                await service.shutDown()
                let (_, drain) = try await socket.messages(until: "drain")
                let wait = try #require(drain["reconnect_in_ms"]?.integerValue)
                #expect((0...30_000).contains(wait))
                #expect(try await service.client.get("/ready").status == 503)
                #expect(try await service.client.get("/health").status == 200)
                let message = try await service.client.post(Self.path, #"{"text":"Hello"}"#)
                #expect(message.status == 503)
                #expect(try message.errorCode == "server.stopping")
                let busy = try message.json["error"]
                #expect(busy?["retry_after_ms"] == 1000)
                #expect(busy?["message"]?.stringValue?.contains("send the same again, with its key") == true)
                let upgrade = try await service.client.send(
                    "GET", "/v1/stream",
                    headers: [
                        "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                    ])
                #expect(upgrade.status == 503)
                #expect(upgrade.headers["retry-after"] == "1")
                try await socket.send(#"{"op":"subscribe","req":1,"thread_id":"t_8"}"#)
                let (_, refusal) = try await socket.messages(until: "error")
                #expect(refusal["code"] == "server.stopping")
                #expect(refusal["retryable"] == true)
                // Backends may still finish what they began.
                try await socket.send(
                    #"{"op":"emit","req":2,"thread_id":"t_9","events":[{"type":"custom","data":{"name":"n","value":1}}]}"#
                )
                let (_, emitted) = try await socket.messages(until: "emitted")
                #expect(emitted["cursors"] == ["1-1"])
                agent.release()
                // The rest of the run: its start was seen before.
                expectEvents(in: try await socket.eventsToTheEnd()) {
                    .messageDelta(containing: ", done")
                        .messageCompleted(containing: "one moment, done")
                        .agentCompleted(result: "done")
                }
                #expect(try await socket.close() == .goingAway(after: drain))
            }
        }
    }

    /// A load balancer learns of it, and everything that it still sends is taken.
    @Test func aServiceThatLeavesTakesRequestsUntilTheDelayIsOver() async throws {
        let clock = ManualClock()
        try await withRunningService(runtime: RuntimeConfiguration(environment: .manual(clock))) {
            $0.drainDelay = .seconds(5)
        } _: { service in
            #expect(try await service.client.get("/ready").status == 200)
            await service.shutDown()
            try await clock.waitForSleep(of: .seconds(5))
            let ready = try await service.client.get("/ready")
            #expect(ready.status == 503)
            #expect(try ready.json["status"] == "draining")
            #expect(ready.headers["retry-after"] == nil)
            #expect(try await service.client.get("/health").status == 200)
            #expect(try await service.client.post("/v1/threads/t_7/events", Self.start).status == 201)
            #expect(try await service.client.post("/v1/threads/t_7/events", Self.end).status == 201)
            try await service.withWebSocket { socket in
                #expect(try await socket.message()["op"] == "welcome")
                clock.advance(by: .seconds(5))
                let (_, drain) = try await socket.messages(until: "drain")
                #expect(drain["reconnect_in_ms"] != nil)
                #expect(try await socket.close() == .goingAway(after: drain))
            }
        }
    }

    @Test func runsThatDoNotEndInTimeAreEndedAndTheirEndIsDelivered() async throws {
        try await withRunningService(agents: [HeldAgent()]) {
            ($0.shutdownGrace, $0.agentGrace) = (.seconds(300), .milliseconds(200))
        } _: { service in
            try await service.withWebSocket { socket in
                try await Self.ask(service)
                try await Self.follow(socket)
                await service.shutDown()
                let drain = try await socket.messages(until: "drain").message
                expectEvents(in: try await socket.eventsToTheEnd()) {
                    .messageCompleted(containing: "one moment")
                        .agentCancelled(reason: "shutdown")
                }
                #expect(try await socket.close() == .goingAway(after: drain))
            }
        }
    }

    @Test func theTimeOfAShutdownIsThatOfTheRuntime() async throws {
        let clock = ManualClock()
        try await withRunningService(
            agents: [HeldAgent()], runtime: RuntimeConfiguration(environment: .manual(clock))
        ) {
            ($0.shutdownGrace, $0.agentGrace) = (.seconds(300), .seconds(100))
        } _: { service in
            try await service.withWebSocket { socket in
                try await Self.ask(service)
                try await Self.follow(socket)
                await service.shutDown()
                let drain = try await socket.messages(until: "drain").message
                try await clock.waitForSleep(of: .seconds(300))
                try await clock.waitForSleep(of: .seconds(100))
                clock.advance(by: .seconds(100))
                expectEvents(in: try await socket.eventsToTheEnd()) {
                    .messageCompleted(containing: "one moment")
                        .agentCancelled(reason: "shutdown")
                }
                #expect(try await socket.close() == .goingAway(after: drain))
            }
        }
    }

    @Test func anAgentThatIgnoresItsCancellationIsReportedAndItsRunIsEnded() async throws {
        let agent = HeldAgent(ignoresCancellation: true)
        let log = InMemoryEventLog()
        let (reports, report) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingOldest(1))
        try await withRunningService(
            log: log, agents: [agent], stuckAgents: report,
            // The report comes with the end of the time.
            configure: { ($0.shutdownGrace, $0.agentGrace) = (.seconds(30), .milliseconds(200)) }
        ) { service in
            try await service.withWebSocket { socket in
                try await Self.ask(service)
                try await Self.follow(socket)
                await service.shutDown()
                let (_, drain) = try await socket.messages(until: "drain")
                #expect(try await socket.close() == .goingAway(after: drain))
            }
            #expect(await reports.first { _ in true } == 1)
            // By then everything else has ended, and the log is whole.
            expectEvents(in: try await service.loggedEvents(in: "t_7")) {
                .userMessage()
                    .agentStarted()
                    .message(containing: "one moment")
                    .agentCancelled(reason: "shutdown")
            }
            agent.letGo()
        }
    }

    /// What was emitted before the close is committed, and answered: also what had no room yet, and so is not among what
    /// the service commits before it closes.
    @Test func emissionsUnderWayAreAnsweredBeforeTheClose() async throws {
        let log = HeldLog()
        var fullAtOnce = RuntimeConfiguration()
        fullAtOnce.highWaterByteCount = 1
        try await withRunningService(
            log: log, runtime: fullAtOnce, configure: { $0.shutdownGrace = .seconds(600) }
        ) { service in
            try await service.withWebSocket { socket in
                _ = try await socket.message()
                log.holdAppends()
                let count = 200
                for request in 0..<count {
                    try await socket.send(
                        #"{"op":"emit","req":\#(request),"thread_id":"t","events":[{"type":"custom","data":{"name":"n","value":1}}]}"#
                    )
                }
                // All of them were read, and none is answered.
                try await socket.send(#"{"op":"ping"}"#)
                #expect(try await socket.messages(until: "pong").events.isEmpty)
                await service.shutDown()
                let (events, drain) = try await socket.messages(until: "drain")
                #expect(events.isEmpty)
                log.letAppendsGo()
                for request in 0..<count {
                    let emitted = try await socket.messages(until: "emitted").message
                    #expect(emitted["req"] == .integer(Int64(request)))
                }
                #expect(try await socket.close() == .goingAway(after: drain))
                #expect(try await service.runtime.log.thread("t")?.head.sequence == UInt64(count))
            }
        }
    }

    // MARK: Programs outside

    private static func event(_ type: String, _ data: String = "{}", agent: Bool = false) -> String {
        let name = agent ? #""agent":"guide","# : ""
        return #"{"type":"\#(type)","run_id":"r_1",\#(name)"data":\#(data)}"#
    }

    private static let start = event("agent_started", agent: true)
    private static let progress = event("agent_progress", #"{"fraction":0.5}"#)
    private static let end = event("agent_completed", #"{"duration_ms":1}"#)

    private static func emit(_ event: String, _ socket: RawWebSocket) async throws {
        try await socket.send(#"{"op":"emit","thread_id":"t_7","events":[\#(event)]}"#)
        #expect(try await socket.messages(until: "emitted").message["cursors"] != nil)
    }

    private static func post(_ event: String, _ service: RunningService) async throws {
        #expect(try await service.client.post("/v1/threads/t_7/events", event).status == 201)
    }

    @Test func programsOutsideFinishTheirRunsWhileTheServiceDrains() async throws {
        try await withRunningService(configure: { $0.shutdownGrace = .seconds(600) }) { service in
            try await service.withWebSocket { socket in
                try await Self.emit(Self.start, socket)
                await service.shutDown()
                let drain = try await socket.messages(until: "drain").message
                for _ in 0..<3 {
                    try await Self.emit(Self.progress, socket)
                    let posted = try await service.client.post("/v1/threads/t_7/events", Self.progress)
                    #expect(posted.status == 201)
                    #expect(posted.headers["retry-after"] == "1")
                }
                let refused = try await service.client.post("/v1/threads/t_7/events", Self.start)
                #expect(refused.status == 409)
                #expect(refused.headers["retry-after"] == "1")
                try await Self.emit(Self.end, socket)
                // Nobody needs the rest of the time.
                #expect(try await socket.close() == .goingAway(after: drain))
                #expect(try await service.runtime.log.thread("t_7")?.head.sequence == 8)
            }
        }
    }

    @Test func whatIsNotFinishedInTimeStaysOpen() async throws {
        let log = InMemoryEventLog()
        try await withRunningService(log: log, configure: { $0.shutdownGrace = .seconds(2) }) { service in
            try await service.withWebSocket { socket in
                try await Self.emit(Self.start, socket)
                await service.shutDown()
                let (events, drain) = try await socket.messages(until: "drain")
                #expect(events.isEmpty)
                #expect(try await socket.close() == .goingAway(after: drain))
            }
        }
        log.close()
        #expect(try await log.thread("t_7")?.openRuns == [OpenRun(run: "r_1", sequence: 1, host: .outside)])
        try await withRunningService(log: log) { service in try await Self.post(Self.end, service) }
        #expect(try await log.thread("t_7")?.openRuns == [])
    }

    @Test func nobodyWaitsForAProgramThatIsGone() async throws {
        try await withRunningService(configure: { $0.shutdownGrace = .seconds(600) }) { service in
            try await service.withWebSocket { socket in try await Self.emit(Self.start, socket) }
        }
    }

    @Test func nobodyWaitsForARunThatWaitsForAPerson() async throws {
        try await withRunningService(configure: { $0.shutdownGrace = .seconds(600) }) { service in
            let asked = Self.event("approval_requested", #"{"approval_id":"a_1","prompt":"May I?"}"#)
            for event in [Self.start, asked] { try await Self.post(event, service) }
        }
    }
}
