import AgentEvents
import AgentEventsTesting
import Synchronization
import Testing

/// Runs and tool calls that take too long end at their time, whatever their bodies do (I7).
struct DeadlineTests {
    private struct Broken: Error {}

    private let clock = ManualClock()
    private let sink = InMemorySink()

    private func withRuntime(
        runDeadline: Duration? = nil,
        toolTimeout: Duration? = nil,
        _ body: (AgentRuntime) async throws -> Void
    ) async throws {
        var configuration = RuntimeConfiguration()
        configuration.durationClock = clock
        configuration.runDeadline = runDeadline
        // The task that watches the age of runs sleeps on the same clock.
        configuration.maximumRunAge = nil
        configuration.toolTimeout = toolTimeout
        try await withAgentRuntime(log: InMemoryEventLog(), sinks: [sink], configuration: configuration, body)
    }

    private var types: [String] { sink.events.map(\.typeName) }

    /// Waits until a thread has an event of a type.
    private static func wait(for type: EventType, _ runtime: AgentRuntime) async throws {
        for try await event in try await runtime.events(user: "u_1", thread: "t_1") where event.type == type { return }
    }

    @Test func atTheDeadlineTheRunFailsAndItsBodyIsCancelled() async throws {
        try await withRuntime { runtime in
            async let run: Void = runtime.withRun(
                user: "u_1", thread: "t_1", agent: "guide", deadline: .seconds(5)
            ) { run in
                try await run.say("Wait")
                try await waitForCancellation()
            }
            try await clock.waitForSleepers(1)
            clock.advance(by: .seconds(4.9))
            try await Self.wait(for: .messageDelta, runtime)
            clock.advance(by: .seconds(0.1))
            do {
                try await run
                Issue.record("the run throws")
            } catch AgentEventsError.Code.runDeadline {
            }
        }
        #expect(types == ["agent_started", "message_delta", "message_completed", "agent_failed"])
        guard case .agentFailed(let failed) = sink.events.last?.payload else { return }
        #expect(failed.error.code == "run.deadline")
        #expect(failed.error.message == "the run did not end within 5.0 seconds")
        #expect(failed.error.retryable)
    }

    @Test func aBodyThatIgnoresItsCancellationDoesNotKeepTheRunOpen() async throws {
        let gate = Gate()
        try await withRuntime { runtime in
            async let run: String = runtime.withRun(
                user: "u_1", thread: "t_1", agent: "guide", deadline: .seconds(5)
            ) { run in
                try await run.think("a")
                // A cancelled task does not leave this loop; only the test opens the gate.
                while !gate.isOpen { await Task.yield() }
                let error = await #expect(throws: AgentEventsError.self) { try await run.think("too late") }
                #expect(error?.code == .order(.alreadyEnded))
                return "too late"
            }
            try await clock.waitForSleepers(1)
            try await Self.wait(for: .agentThinking, runtime)
            clock.advance(by: .seconds(5))
            try await Self.wait(for: .agentFailed, runtime)
            gate.open()
            do {
                _ = try await run
                Issue.record("the run throws")
            } catch AgentEventsError.Code.runDeadline {
            }
        }
        #expect(types == ["agent_started", "agent_thinking", "agent_failed"])
    }

    @Test func aRunThatEndsInTimeIsNotTouched() async throws {
        try await withRuntime(runDeadline: .seconds(1)) { runtime in
            let answer = try await runtime.withRun(
                user: "u_1", thread: "t_1", agent: "guide", deadline: .seconds(5)
            ) { run in
                try await run.think("a")
                return 7
            }
            #expect(answer == 7)
            await #expect(throws: Broken.self) {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide", deadline: .seconds(5)) { _ in
                    throw Broken()
                }
            }
            #expect(clock.sleeperCount == 0)
            clock.advance(by: .seconds(100))
        }
        #expect(types == ["agent_started", "agent_thinking", "agent_completed", "agent_started", "agent_failed"])
    }

    @Test func aCancelledRunWithADeadlineIsCancelled() async throws {
        try await withRuntime { runtime in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = try? await runtime.withRun(
                        user: "u_1", thread: "t_1", agent: "guide", deadline: .seconds(5)
                    ) { _ in try await waitForCancellation() }
                }
                try await clock.waitForSleepers(1)
                group.cancelAll()
            }
        }
        #expect(types == ["agent_started", "agent_cancelled"])
    }

    @Test func theConfiguredDeadlineEndsARunWhoseBodyGoesOn() async throws {
        try await withRuntime(runDeadline: .seconds(3)) { runtime in
            let error = await #expect(throws: AgentEventsError.self) {
                try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                    try await clock.waitForSleepers(1)
                    clock.advance(by: .seconds(3))
                    try await Self.wait(for: .agentFailed, runtime)
                    #expect(!Task.isCancelled)
                    try await run.think("too late")
                }
            }
            #expect(error?.code == .runDeadline)
            #expect((error?.cause as? AgentEventsError)?.code == .order(.alreadyEnded))
        }
        #expect(types == ["agent_started", "agent_failed"])
    }

    @Test func aToolThatTakesTooLongIsTimedOutAndTheRunGoesOn() async throws {
        try await withRuntime { runtime in
            async let run: Void = runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                let error = await #expect(throws: AgentEventsError.self) {
                    try await run.tool("search", arguments: ["q": "x"], timeout: .seconds(2)) { call in
                        try await call.progress("searching")
                        try await waitForCancellation()
                        return 1
                    }
                }
                #expect(error?.code == .toolTimedOut)
                #expect(error?.cause is CancellationError)
                try await run.think("without the search, then")
            }
            try await clock.waitForSleepers(1)
            try await Self.wait(for: .toolProgress, runtime)
            clock.advance(by: .seconds(2))
            try await run
        }
        #expect(
            types == [
                "agent_started", "tool_executing", "tool_progress", "tool_completed", "agent_thinking",
                "agent_completed",
            ])
        guard case .toolCompleted(let completed) = sink.events[3].payload else { return }
        #expect(completed.status == .timedOut)
        #expect(completed.error?.code == "tool.timed_out")
        #expect(completed.result == nil)
    }

    @Test func aResultThatComesTooLateIsNotUsed() async throws {
        try await withRuntime(toolTimeout: .seconds(2)) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                let error = await #expect(throws: AgentEventsError.self) {
                    try await run.tool("search", arguments: ["q": "x"]) { _ in
                        try await clock.waitForSleepers(1)
                        clock.advance(by: .seconds(2))
                        try await Self.wait(for: .toolCompleted, runtime)
                        return 1
                    }
                }
                #expect(error?.code == .toolTimedOut)
                // In time.
                #expect(try await run.tool("search", arguments: ["q": "x"]) { _ in 2 } == 2)
                try await run.tool("search", arguments: ["q": "x"], timeout: .seconds(1)) { _ in }
            }
            #expect(clock.sleeperCount == 0)
        }
        let statuses = sink.events.compactMap { event in
            if case .toolCompleted(let completed) = event.payload { completed.status } else { nil }
        }
        #expect(statuses == [.timedOut, .succeeded, .succeeded])
        #expect(types.last == "agent_completed")
    }

    @Test func theDeadlineOfARunEndsItsOpenCallsAndChildren() async throws {
        try await withRuntime(toolTimeout: .seconds(10)) { runtime in
            async let run: Void = runtime.withRun(
                user: "u_1", thread: "t_1", agent: "guide", deadline: .seconds(5)
            ) { run in
                try await run.withChild(agent: "helper") { child in
                    try await child.tool("search", arguments: ["q": "x"]) { _ in try await waitForCancellation() }
                }
            }
            try await clock.waitForSleepers(2)
            clock.advance(by: .seconds(5))
            do {
                try await run
                Issue.record("the run throws")
            } catch AgentEventsError.Code.runDeadline {
            }
            clock.advance(by: .seconds(100))
        }
        #expect(
            types == [
                "agent_started", "agent_started", "tool_executing", "tool_completed", "agent_cancelled", "agent_failed",
            ])
    }
}

private final class Gate: Sendable {
    private let state = Mutex(false)

    var isOpen: Bool { state.withLock { $0 } }
    func open() { state.withLock { $0 = true } }
}
