import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// What follows from a no to the question before a call.
@Suite(.timeLimit(.minutes(10))) struct DenialTests {
    private static func catches(_ approval: ToolApproval, _ stage: CommandStage) async -> Result<String, any Error> {
        await stage.outcome { run in
            do {
                try await run.tool("deploy", arguments: 1, approval: approval) { _ in }
                return "done"
            } catch is ApprovalRefused {
                try await run.say("not done")
                return "refused"
            }
        }
    }

    private static func deny(_ stage: CommandStage) async throws {
        try await stage.wait(for: .approvalRequested)
        let asked = try await stage.events.compactMap { event -> ApprovalID? in
            if case .approvalRequested(let asked) = event.payload { asked.approvalID } else { nil }
        }
        _ = try await stage.context.answer(ApprovalAnswer(try #require(asked.last), isApproved: false, by: "u_1"))
    }

    @Test(arguments: CommandStage.logs) func aNoIsAnErrorThatTheAgentMayCatch(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            async let outcome = Self.catches(ToolApproval("Deploy?"), stage)
            try await Self.deny(stage)
            #expect(try await outcome.get() == "refused")
            #expect(try await stage.lastType == "agent_completed")
        }
    }

    /// Whatever the agent does with the error.
    @Test(arguments: CommandStage.logs) func aNoEndsTheRunWhereTheAgentWantsItSo(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            async let outcome = Self.catches(ToolApproval("Deploy?", onDenied: .fail), stage)
            try await Self.deny(stage)
            guard case .failure = await outcome else {
                Issue.record("the run does not fail")
                return
            }
            let events = try await stage.events
            let types = events.map(\.typeName).suffix(2)
            #expect(types == ["tool_completed", "agent_failed"])
            guard case .agentFailed(let failed)? = events.last?.payload else { return }
            #expect(failed.error.code == "approval.denied" && !failed.error.retryable)
        }
    }

    /// Without an answer in time, too; a question that ends with its run is no denial.
    @Test func noAnswerInTimeEndsTheRunWhereTheAgentWantsItSo() async throws {
        let now = Mutex<Int64>(1_000_000)
        var configuration = RuntimeConfiguration()
        configuration.clock = WallClock { Timestamp(milliseconds: now.withLock { $0 }) }
        try await CommandStage.with(configuration) { stage in
            async let outcome = Self.catches(ToolApproval("Deploy?", within: .seconds(1), onDenied: .fail), stage)
            try await stage.wait(for: .approvalRequested)
            now.withLock { $0 += 1000 }
            _ = try? await stage.context.emit(EventDraft(.custom(CustomEvent(name: "tick", value: 1))))
            _ = await outcome
            guard case .agentFailed(let failed)? = try await stage.events.last?.payload else {
                Issue.record("the run does not fail")
                return
            }
            #expect(failed.error.code == "approval.expired")
        }
    }
}
