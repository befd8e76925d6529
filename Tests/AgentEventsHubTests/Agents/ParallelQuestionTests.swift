import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

/// A run that has asked several questions at once, without a call.
@Suite(.timeLimit(.minutes(1))) struct ParallelQuestionTests {
    private let kept = InMemoryEventLog(generations: .counting)
    private let clock = ManualClock()
    private let notes = Notes()

    /// Asks two questions at once, and does nothing but wait for both; other messages begin other work.
    private func asking(_ end: WakeSignal) -> ResumingAgent {
        let notes = notes
        return ResumingAgent(onRespond: { prompt, run in
            switch prompt.text {
            case "ask":
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    for question in ["q_1", "q_2"] as [ApprovalID] {
                        tasks.addTask {
                            _ = try await run.approve("May I?", id: question, within: nil)
                            notes.add("\(question)")
                        }
                    }
                    try await tasks.waitForAll()
                }
            case "busy":
                notes.add("busy")
                _ = await end.wait()
            default: notes.add(prompt.text)
            }
            return nil
        })
    }

    /// With the answer to one question it gets a slot, and gives it back at once: it waits for the other one as before. So others
    /// work meanwhile in the only slot that there is.
    @Test func anAnswerToOneOfThemKeepsNoSlot() async throws {
        let end = WakeSignal()
        try await RestartStage.process(kept, clock, [asking(end)], hub: { $0.maximumConcurrentRuns = 1 }) { process in
            let asks = try await process.stage.send("ask")
            try await process.wait(for: .approvalRequested, count: 2)
            try await process.stage.send("busy", to: "t_2")
            await notes.wait(for: "busy")
            try await process.answer("q_1", true)
            let context = try await process.context()
            while await context.tasksWaitingForSlot == 0 {
                try Task.checkCancellation()
                await Task.yield()
            }
            // Until the other one has ended: then no event of this thread comes with the slot.
            end.signal()
            await notes.wait(for: "q_1")
            try await process.stage.send("work", to: "t_3")
            // Without a slot nothing would end the wait but the limit of time.
            while !notes.all.contains("work") {
                try Task.checkCancellation()
                await Task.yield()
            }
            try await process.answer("q_2", true)
            let events = try await process.stage.waitForEnd(of: asks.run)
            #expect(events.last?.type == .agentCompleted)
        }
        #expect(notes.all == ["busy", "q_1", "work", "q_2"])
    }
}
