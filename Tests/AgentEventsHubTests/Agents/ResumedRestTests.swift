import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

/// Runs that are taken up, and wait for people again: others have their slots.
@Suite(.timeLimit(.minutes(10))) struct ResumedRestTests {
    private let kept = InMemoryEventLog(generations: .counting)
    private let clock = ManualClock()
    private let notes = Notes()

    /// A run is lost at work while a question of it is open. Taken up, it waits for the answer, and no event says so.
    @Test func aRunThatIsTakenUpWaitsWithoutASlot() async throws {
        let notes = notes
        let agent = ResumingAgent(
            onRespond: { _, run in
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { _ = try await run.approve("May I?", id: "q_1", within: nil) }
                    tasks.addTask {
                        try await run.tool("work", arguments: 1) { _ in _ = try await waitForCancellation() }
                    }
                    try await tasks.waitForAll()
                }
                return nil
            },
            onResume: { resumed in
                for question in resumed.approvals {
                    notes.add("asked")
                    if case .approved = try await resumed.answer(to: question) { notes.add("approved") }
                }
                return "done"
            })
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("seven")
            try await process.wait(for: .approvalRequested)
            try await process.wait(for: .toolExecuting)
        }
        clock.advance(by: .seconds(60))
        try await RestartStage.process(kept, clock, [agent]) { process in
            await notes.wait(for: "asked")
            while process.hub.dispatcher.slotCount != 0 { await Task.yield() }
            #expect(process.hub.dispatcher.runningCount == 1)
            try await process.answer("q_1", true)
            try await process.wait(for: .agentCompleted)
        }
        #expect(notes.all == ["asked", "approved"])
    }
}
