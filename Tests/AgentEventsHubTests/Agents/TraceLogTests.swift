import AgentEvents
import AgentEventsHub
import AgentEventsTestSupport
import AgentEventsTesting
import Logging
import Testing

/// The line about a run that failed says in which trace it was asked for, whichever way the run began.
@Suite(.timeLimit(.minutes(5))) struct TraceLogTests {
    private struct FailingAgent: ServedAgent {
        struct Failure: Error {}
        let name: AgentName = "guide"

        func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? { throw Failure() }
    }

    private static func trace(_ digit: Int) -> TraceContext? {
        TraceContext(traceparent: "00-\(digit)bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")
    }

    /// - Returns: the traces in the lines about runs that failed, after the messages and starts of a body.
    private static func traces(
        ofRuns count: Int,
        _ body: (AgentEventsHub) async throws -> Void
    ) async throws -> [String?] {
        let lines = LineRecord<String?>()
        let logger = Logger(label: "test") { _ in
            RecordingLogHandler { _, message, metadata in
                if message == "run ended with an error" { lines.append(metadata["trace.id"]) }
            }
        }
        let hub = AgentEventsHub(
            runtime: AgentRuntime(log: InMemoryEventLog(generations: .counting)), agents: [FailingAgent()],
            authorizer: OwnershipAuthorizer(), logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await hub.run() }
            defer { tasks.cancelAll() }
            try await hub.runtime.waitForStart()
            try await body(hub)
            while lines.all.count < count { await Task.yield() }
        }
        return lines.all
    }

    @Test func aMessageAndAStart() async throws {
        let traces = try await Self.traces(ofRuns: 3) { hub in
            for (thread, trace) in [("t_1", Self.trace(1)), ("t_2", nil)] as [(ThreadID, TraceContext?)] {
                _ = try await hub.intake.submit(
                    MessageRequest(text: "x", trace: trace), in: thread, from: AgentStage.principal)
            }
            _ = try await hub.intake.start(
                StartRequest(input: "x", trace: Self.trace(3)), key: "k_1", in: "t_3", from: AgentStage.principal)
        }
        let expected = [Self.trace(1), nil, Self.trace(3)].map { $0?.traceID }
        #expect(Set(traces) == Set(expected))
        #expect(traces.count == 3)
    }

    /// The message of a run that was queued is read from the log.
    @Test func aMessageThatWasQueued() async throws {
        let traces = try await Self.traces(ofRuns: 1) { hub in
            let context = try await hub.runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(EventDraft(runID: "r_1", agent: "other", .agentStarted(AgentStarted())))
            let answer = try await hub.intake.submit(
                MessageRequest(text: "x", policy: .queue, trace: Self.trace(1)), in: "t_1", from: AgentStage.principal)
            #expect(answer.status == .queued)
            try await context.emit(
                EventDraft(runID: "r_1", .agentCompleted(AgentCompleted(durationMilliseconds: 1))))
        }
        #expect(traces == [Self.trace(1)?.traceID])
    }
}
