import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

/// 31: an answer is logged, then the step that was to use it fails. Who tries it again finds the answer, and the body of the call
/// runs once.
@Suite(.timeLimit(.minutes(10))) struct RetriedStepTests {
    private struct ModelFailure: Error {}

    private let kept = InMemoryEventLog(generations: .counting)
    private let clock = ManualClock()
    private let notes = Notes()

    private func count(_ type: EventType) async throws -> Int {
        try await AgentStage.logged(kept).count { $0.type == type }
    }

    private static func answer(_ process: RestartStage) async throws {
        let asked = try #require(
            try await process.wait(for: .approvalRequested).compactMap { event -> ApprovalID? in
                if case .approvalRequested(let asked) = event.payload { asked.approvalID } else { nil }
            }.last)
        try await process.answer(asked, true)
    }

    /// In the process: the step fails after the call, and is made again.
    @Test func case31AStepThatFailsAfterTheCallDoesNotRunItAgain() async throws {
        let notes = notes
        let agent = ResumingAgent(onRespond: { _, run in
            let outcome: ApprovalOutcome<Void> = try await run.approve("Deploy?")
            for attempt in 1...3 {
                do {
                    if attempt < 3 { throw ModelFailure() }
                    // The answer is a value: asked for once, found by each attempt.
                    _ = try outcome.get()
                    try await run.tool("deploy", arguments: 7) { _ in notes.add("deployed in \(attempt)") }
                } catch is ModelFailure {
                    notes.add("failed")
                }
            }
            return nil
        })
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("it")
            try await Self.answer(process)
            try await process.wait(for: .agentCompleted)
        }
        #expect(notes.all == ["failed", "failed", "deployed in 3"])
        #expect(try await count(.approvalRequested) == 1)
        #expect(try await count(.approvalResolved) == 1)
    }

    /// The process is lost with the step: before the body begins, with the answer in the log, and after it has returned.
    @Test(arguments: [true, false]) func case31AnAnswerInTheLogIsFoundAfterARestart(_ beforeBody: Bool) async throws {
        let notes = notes
        let agent = ResumingAgent(
            onRespond: { _, run in
                try await run.tool("deploy", id: "c_1", arguments: 7, approval: ToolApproval("Deploy?")) { _ in
                    notes.add("deployed")
                }
                // The model is asked for its next step, and its process dies meanwhile.
                return try await waitForCancellation()
            },
            onResume: { resumed in
                for call in resumed.calls { try await resumed.finish(call) { _ in notes.add("deployed") } }
                return "done"
            })
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("it")
            try await process.wait(for: .approvalRequested)
            // A yes to a run that is paused is logged, and nothing begins.
            if beforeBody { try await process.command(.pause) }
            try await Self.answer(process)
            if !beforeBody { try await process.wait(for: .toolCompleted) }
        }
        #expect(notes.all == (beforeBody ? [] : ["deployed"]))
        // Attempts begin ten seconds apart.
        clock.advance(by: .seconds(60))
        try await RestartStage.process(kept, clock, [agent]) { process in
            if beforeBody { try await process.command(.resume) }
            try await process.wait(for: .agentCompleted)
        }
        #expect(notes.all == ["deployed"])
        #expect(try await count(.approvalRequested) == 1)
        #expect(try await count(.approvalResolved) == 1)
        #expect(try await count(.toolCompleted) == 1)
    }
}
