import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

/// Runs that are taken up, and wait for people again: others have their slots, and their clocks stand still.
@Suite(.timeLimit(.minutes(10))) struct ResumedRestTests {
    private let kept = InMemoryEventLog(generations: .counting)
    private let clock = ManualClock()
    private let notes = Notes()

    /// An agent that is lost at work while a question of it is open, and waits for the answer when it is taken up.
    ///
    /// - Parameter second: begins the later one of the question and the work.
    private func askingAtWork(asksLast: Bool, _ second: WakeSignal) -> ResumingAgent {
        let notes = notes
        return ResumingAgent(
            onRespond: { prompt, run in
                guard prompt.text == "seven" else {
                    notes.add("works")
                    return try await waitForCancellation()
                }
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask {
                        if asksLast { _ = await second.wait() }
                        _ = try await run.approve("May I?", id: "q_1", within: nil)
                    }
                    tasks.addTask {
                        if !asksLast { _ = await second.wait() }
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
    }

    /// A process that is killed when a run works, and a question of it is open.
    private func lose(_ agent: ResumingAgent, asksLast: Bool, _ second: WakeSignal) async throws {
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("seven")
            try await process.wait(for: asksLast ? .toolExecuting : .approvalRequested)
            second.signal()
            try await process.wait(for: asksLast ? .approvalRequested : .toolExecuting)
        }
        clock.advance(by: .seconds(60))
    }

    /// 56: the wait of a run that is taken up begins without an event. Another run works meanwhile in the only slot there is,
    /// and the answer is acted upon when that one has ended.
    @Test(arguments: [true, false]) func aRunThatIsTakenUpWaitsWithoutASlot(asksLast: Bool) async throws {
        let second = WakeSignal()
        let agent = askingAtWork(asksLast: asksLast, second)
        try await lose(agent, asksLast: asksLast, second)
        try await RestartStage.process(kept, clock, [agent], hub: { $0.maximumConcurrentRuns = 1 }) { process in
            await notes.wait(for: "asked")
            let other = try await process.stage.send("work", to: "t_2")
            await notes.wait(for: "works")
            #expect(process.hub.dispatcher.runningCount == 2 && process.hub.dispatcher.slotCount == 1)
            try await process.answer("q_1", true)
            let context = try await process.context()
            while await context.tasksWaitingForSlot == 0 {
                try Task.checkCancellation()
                await Task.yield()
            }
            #expect(notes.all == ["asked", "works"])
            _ = try await process.hub.runtime.context(user: "u_1", thread: "t_2").command(
                RunCommand(.stop, run: other.run, by: "u_1"))
            try await process.wait(for: .agentCompleted)
        }
        #expect(notes.all == ["asked", "works", "approved"])
    }

    /// 56: a run asks, and a child of it works; when the child has ended, the run only waits.
    @Test func aRunRestsWhenTheLastOfItsChildrenHasEnded() async throws {
        let (notes, began, end) = (notes, WakeSignal(), WakeSignal())
        let agent = ResumingAgent(
            onRespond: { prompt, run in
                guard prompt.text == "seven" else {
                    notes.add("works")
                    return nil
                }
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask {
                        _ = await began.wait()
                        _ = try await run.approve("May I?", id: "q_1", within: nil)
                    }
                    tasks.addTask {
                        try await run.withChild(agent: "helper") { _ in
                            began.signal()
                            _ = await end.wait()
                        }
                    }
                    try await tasks.waitForAll()
                }
                return nil
            })
        try await RestartStage.process(kept, clock, [agent], hub: { $0.maximumConcurrentRuns = 1 }) { process in
            let asks = try await process.stage.send("seven")
            try await process.wait(for: .approvalRequested)
            try await process.stage.send("work", to: "t_2")
            #expect(process.hub.dispatcher.slotCount == 1 && process.hub.dispatcher.queuedCount == 1)
            end.signal()
            await notes.wait(for: "works")
            try await process.answer("q_1", true)
            let events = try await process.stage.waitForEnd(of: asks.run)
            #expect(events.last?.type == .agentCompleted)
        }
    }

    /// 58: the time in which it waits again does not count as its own.
    @Test(arguments: [true, false]) func theClocksOfARunThatIsTakenUpStandStill(asksLast: Bool) async throws {
        let second = WakeSignal()
        let agent = askingAtWork(asksLast: asksLast, second)
        try await lose(agent, asksLast: asksLast, second)
        try await RestartStage.process(kept, clock, [agent], configure: { $0.runDeadline = .seconds(300) }) { process in
            await notes.wait(for: "asked")
            let context = try await process.context()
            while await context.restingRuns.isEmpty {
                try Task.checkCancellation()
                await Task.yield()
            }
            clock.advance(by: .seconds(3600))
            try await process.answer("q_1", true)
            let events = try await process.stage.events { $0.type?.endsRun == true }
            #expect(events.last?.type == .agentCompleted)
        }
    }
}
