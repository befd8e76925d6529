import AgentEvents
import AgentEventsHub
import AgentEventsProtocol
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
                    _ = try await run.approve("Deploy?", approvers: ["u_1"], isSeparate: true)
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

    /// Where nobody is named: those who may approve in the thread, without the one who asked.
    @Test func whereNobodyIsNamedTheOthersAnswerWhoMayApprove() async throws {
        let notes = notes
        let agent = ResumingAgent(
            onRespond: { _, run in
                notes.add("\(try await run.approve("Deploy?", id: "a_1", isSeparate: true).get().by?.rawValue ?? "")")
                return nil
            }, onResume: { _ in nil })
        var helper = Principal(user: "u_2", scopes: [.read, .command])
        helper.threads = .listed([ThreadAllowance(ThreadPattern("t_1"))])
        let sharing = helper
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("it")
            try await process.wait(for: .approvalRequested)
            func answer(_ principal: Principal) async throws {
                let answer = AnswerCommand("a_1", isApproved: true)
                _ = try await process.hub.commands.submit(
                    CommandRequest(thread: "t_1", key: "k_1", CommandBody(.answer(answer))), as: principal)
            }
            var asker = AgentStage.principal
            asker.scopes = [.read, .command]
            let own = asker
            let error = await #expect(throws: ProtocolError.self) { try await answer(own) }
            #expect(error?.code == .approvalForbidden)
            try await answer(sharing)
            try await process.wait(for: .agentCompleted)
        }
        #expect(notes.all == ["u_2"])
    }
}
