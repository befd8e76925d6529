import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

/// Questions that the user who asked for the run may not answer.
@Suite(.timeLimit(.minutes(10))) struct SeparateAnswerTests {
    private let kept = InMemoryEventLog(generations: .counting)
    private let clock = ManualClock()
    private let notes = Notes()

    /// Also when the process that has asked is gone.
    @Test(arguments: [false, true]) func theUserWhoAskedForARunDoesNotAnswerIt(_ restarts: Bool) async throws {
        let notes = notes
        let agent = ResumingAgent(
            onRespond: { _, run in
                do {
                    _ = try await run.approve("Deploy?", isSeparate: true)
                } catch let error as AgentEventsError {
                    notes.add(error.code.rawValue)
                }
                let outcome = try await run.approve(
                    "Deploy?", id: "a_1", approvers: ["u_1", "u_2"], isSeparate: true)
                notes.add("\(try outcome.get().by?.rawValue ?? "")")
                return nil
            },
            onResume: { resumed in
                let outcome = try await resumed.answer(to: try #require(resumed.approvals.first))
                notes.add("\(try outcome.get().by?.rawValue ?? "")")
                return nil
            })
        func answer(_ process: RestartStage) async throws {
            let error = await #expect(throws: AgentEventsError.self) { try await process.answer("a_1", true) }
            #expect(error?.code == .approvalForbidden)
            _ = try await process.context().answer(ApprovalAnswer("a_1", isApproved: true, by: "u_2"))
            try await process.wait(for: .agentCompleted)
        }
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("it")
            try await process.wait(for: .approvalRequested)
            if !restarts { try await answer(process) }
        }
        if restarts { try await RestartStage.process(kept, clock, [agent]) { try await answer($0) } }
        #expect(notes.all == ["approval.forbidden", "u_2"])
        let asked = try await AgentStage.logged(kept).compactMap { event -> ApprovalRequested? in
            if case .approvalRequested(let asked) = event.payload { asked } else { nil }
        }
        #expect(asked.map(\.separateFrom) == ["u_1"])
    }
}
