import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
import AgentEventsTesting
import Logging
import Testing

struct MessageIntakeTests {
    private static let principal = Principal(user: "u_1", actsAs: .listed(["u_1"]))

    /// Says two words.
    private struct TalkingAgent: ServedAgent {
        let name: AgentName = "guide"

        func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
            try await run.say("Hello ")
            try await run.flush()
            try await run.say(prompt.text)
            return nil
        }
    }

    /// Runs a hub for the length of a scope.
    private static func withHub(
        _ log: some EventLog,
        agents: [any ServedAgent] = [TalkingAgent()],
        _ body: (AgentEventsHub) async throws -> Void
    ) async throws {
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: log), agents: agents, authorizer: OwnershipAuthorizer(),
            logger: Logger(label: "test"))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            // The log of some tests fails, and the hub with it.
            tasks.addTask { try? await hub.run() }
            try await hub.runtime.waitForStart()
            try await body(hub)
            tasks.cancelAll()
        }
    }

    private static func events(of log: InMemoryEventLog) async throws -> [AgentEvent] {
        try await log.read(LogRead(.thread("t_1", after: 0))).events.map { try EventDecoder.decode($0.bytes) }
    }

    /// Returns when a run has ended.
    private static func waitForEnd(of run: RunID, _ hub: AgentEventsHub) async throws {
        for try await event in try await hub.runtime.events(user: "u_1", thread: "t_1") {
            if event.runID == run, event.type?.endsRun == true { return }
        }
    }

    @Test func aMessageAndTheFirstEventOfItsRunAreOneCommit() async throws {
        let log = CuttingLog(InMemoryEventLog(generations: .counting))
        try await Self.withHub(log) { hub in
            let answer = try await hub.intake.submit(MessageRequest(text: "one"), in: "t_1", from: Self.principal)
            try await Self.waitForEnd(of: try #require(answer.run), hub)
            let commit = try #require(log.commits.first { $0.contains { $0.type == .userMessage } })
            #expect(commit.map(\.type).prefix(2) == [.userMessage, .agentStarted])
            let second = try #require(commit.dropFirst().first)
            guard case .agentStarted(let started) = try EventDecoder.decode(second.bytes).payload else {
                Issue.record("the second one is no start")
                return
            }
            #expect(started.messageIDs == [answer.message])
            #expect(started.input == "one")
        }
    }

    /// After a crash at any commit, a message that is in the log is answered by a run, which ends.
    @Test(arguments: 0..<5)
    func noCrashLeavesAMessageWithoutARun(_ commitCount: Int) async throws {
        let kept = InMemoryEventLog(generations: .counting)
        try await Self.withHub(CuttingLog(kept, after: commitCount)) { hub in
            let answer = try? await hub.intake.submit(MessageRequest(text: "one"), in: "t_1", from: Self.principal)
            if let run = answer?.run { try? await Self.waitForEnd(of: run, hub) }
        }
        kept.close()
        // The next process ends what was left open.
        try await Self.withHub(kept) { hub in try await hub.runtime.flush() }
        let events = try await Self.events(of: kept)
        #expect(events.isEmpty == (commitCount == 0))
        for event in events {
            guard case .userMessage(let message) = event.payload else { continue }
            let run = events.first { event in
                if case .agentStarted(let started) = event.payload {
                    started.messageIDs.contains(message.messageID)
                } else {
                    false
                }
            }?.runID
            #expect(run != nil)
            #expect(events.contains { $0.runID == run && $0.type?.endsRun == true })
        }
    }

    /// The same key is answered with the same run, also when the process that took it is gone.
    @Test func aKeyThatComesAgainIsAnsweredWithTheSameRun() async throws {
        let kept = InMemoryEventLog(generations: .counting)
        var answers: [MessageIntake.Answer] = []
        for _ in 0..<2 {
            try await Self.withHub(kept) { hub in
                for _ in 0..<2 {
                    answers.append(
                        try await hub.intake.submit(
                            MessageRequest(text: "one"), key: "k_1", in: "t_1", from: Self.principal))
                }
                try await Self.waitForEnd(of: try #require(answers[0].run), hub)
            }
            kept.close()
        }
        #expect(Set(answers.map(\.run)).count == 1 && Set(answers.map(\.cursors)).count == 1)
        #expect(Set(answers.map(\.message)).count == 1 && Set(answers.map(\.status)) == [.started])
        #expect(answers.map(\.isRepeated) == [false, true, true, true])
        #expect(try await Self.events(of: kept).filter { $0.type == .agentStarted }.count == 1)
    }
}
