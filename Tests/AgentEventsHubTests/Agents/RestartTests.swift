import AgentEvents
import AgentEventsHub
import AgentEventsTesting
import Testing

/// Runs whose process is killed or stopped; section (f) 24, 27, 42, 59 and 61 to 66.
@Suite(.timeLimit(.minutes(3))) struct RestartTests {
    private let kept = InMemoryEventLog(generations: .counting)
    private let clock = ManualClock()
    private let notes = Notes()

    private func logged() async throws -> [AgentEvent] { try await AgentStage.logged(kept) }

    private func types() async throws -> [EventType] { try await logged().compactMap(\.type) }

    private func completedCalls() async throws -> [ToolCompleted] {
        try await logged().compactMap { if case .toolCompleted(let completed) = $0.payload { completed } else { nil } }
    }

    /// An agent that asks before its tool deploys something.
    private func asking() -> ResumingAgent {
        let notes = notes
        return ResumingAgent(
            onRespond: { prompt, run in
                try await run.say("Shall I?")
                try await run.tool("deploy", id: "c_1", arguments: ["build": 7], approval: ToolApproval("Deploy?")) {
                    _ in
                    notes.add("deployed at once")
                }
                return nil
            },
            onResume: { resumed in
                notes.add("resumed \(resumed.attempt) \(resumed.prompt.text)")
                for call in resumed.calls {
                    do {
                        try await resumed.finish(call) { call in notes.add("deployed \(call.id) \(call.arguments)") }
                    } catch let refused as ApprovalRefused {
                        notes.add("\(refused.decision)")
                    }
                }
                return "done"
            })
    }

    // MARK: Approvals

    /// 24: the process is killed while a question is open, twice; the answer is taken, and the body runs once.
    @Test func case24AnAnswerAfterRestartsRunsTheBodyOnce() async throws {
        try await RestartStage.process(kept, clock, [asking()]) { process in
            try await process.stage.send("seven")
            try await process.wait(for: .approvalRequested)
        }
        let before = try await logged()
        for _ in 1...2 {
            try await RestartStage.process(kept, clock, [asking()]) { process in
                while process.hub.dispatcher.parkedCount != 1 {
                    try Task.checkCancellation()
                    await Task.yield()
                }
                let context = try await process.context()
                #expect(await context.restingRuns.count == 1)
                #expect(process.hub.dispatcher.slotCount == 0)
            }
        }
        // Nothing is said about it however often the process is killed.
        #expect(try await logged() == before)
        try await RestartStage.process(kept, clock, [asking()]) { process in
            let approval = try #require(
                before.compactMap { event -> ApprovalID? in
                    if case .approvalRequested(let asked) = event.payload { asked.approvalID } else { nil }
                }.first)
            try await process.answer(approval, true)
            try await process.wait(for: .agentCompleted)
        }
        #expect(notes.all == ["resumed 1 seven", "deployed c_1 \(JSONValue.object(["build": 7]))"])
        #expect(try await completedCalls().map(\.status) == [.succeeded])
        let types = try await types()
        #expect(
            !types.contains(.agentPaused)
                && types.suffix(4) == [
                    .approvalResolved, .toolCompleted, .messageCompleted, .agentCompleted,
                ])
    }

    /// 27: a no after a restart, with nothing in memory: the body never runs.
    @Test func case27ANoAfterARestartNeverRunsTheBody() async throws {
        try await RestartStage.process(kept, clock, [asking()]) { process in
            try await process.stage.send("seven")
            try await process.wait(for: .approvalRequested)
        }
        let asked = try #require(
            try await logged().compactMap { event -> ApprovalID? in
                if case .approvalRequested(let asked) = event.payload { asked.approvalID } else { nil }
            }.first)
        try await RestartStage.process(kept, clock, [asking()]) { process in
            try await process.answer(asked, false)
            try await process.wait(for: .agentCompleted)
        }
        #expect(notes.all == ["resumed 1 seven", "denied"])
        let completed = try #require(try await completedCalls().first)
        #expect(completed.status == .denied && completed.error?.code == "approval.denied")
    }

    /// 42: a deploy with an open question: it is open afterwards, and is answered. What its agent would still do here is
    /// too late.
    @Test func case42AQuestionIsOpenAfterADeploy() async throws {
        try await RestartStage.process(kept, clock, [asking()]) { process in
            try await process.stage.send("seven")
            try await process.wait(for: .approvalRequested)
            try await process.stop(clock)
        }
        let before = try await types()
        #expect(before.last == .approvalRequested)
        let asked = try #require(
            try await logged().compactMap { event -> ApprovalID? in
                if case .approvalRequested(let asked) = event.payload { asked.approvalID } else { nil }
            }.first)
        try await RestartStage.process(kept, clock, [asking()]) { process in
            try await process.answer(asked, true)
            try await process.wait(for: .agentCompleted)
        }
        #expect(notes.all.last == "deployed c_1 \(JSONValue.object(["build": 7]))")
        #expect(try await completedCalls().map(\.status) == [.succeeded])
    }

    // MARK: Runs at work

    /// 61: killed while it speaks.
    @Test func case61ARunThatIsKilledIsContinued() async throws {
        let notes = notes
        let agent = ResumingAgent(
            onRespond: { _, run in
                try await run.say("Once upon")
                notes.add("said")
                return try await waitForCancellation()
            },
            onResume: { resumed in
                notes.add("resumed \(resumed.attempt) \(resumed.prompt.text) \(resumed.calls.count)")
                try await resumed.run.say("Once upon a time")
                return nil
            })
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("a story")
            await notes.wait(for: "said")
            try await process.context().flush()
        }
        // Its first attempt began just now.
        clock.advance(by: .seconds(4))
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.wait(for: .agentPaused)
            try await clock.waitForSleep(of: .seconds(6))
            #expect(notes.all == ["said"])
            clock.advance(by: .seconds(6))
            try await process.wait(for: .agentCompleted)
        }
        #expect(notes.all == ["said", "resumed 2 a story 0"])
        let events = try await logged()
        #expect(
            events.compactMap(\.type) == [
                .userMessage, .agentStarted, .messageDelta, .messageCompleted, .agentPaused, .agentResumed,
                .messageDelta,
                .messageCompleted, .agentCompleted,
            ])
        let flags = events.compactMap { event -> Bool? in
            if case .messageCompleted(let completed) = event.payload { completed.isInterrupted } else { nil }
        }
        #expect(flags == [true, false])
        #expect(events[4].payload == .agentPaused(AgentPaused(reason: "process_lost")))
        #expect(events[5].payload == .agentResumed(AgentResumed(reason: "restarted")))
    }

    /// 62 and 64: the body of a tool that is not repeatable runs once: not again after ten minutes, and not after a restart.
    @Test func case62And64ABodyInFlightIsNotRunAgain() async throws {
        let notes = notes
        let agent = ResumingAgent(
            onRespond: { _, run in
                try await run.tool("deploy", id: "c_1", arguments: [:] as JSONValue) { _ in
                    notes.add("body")
                    return try await waitForCancellation()
                }
            },
            onResume: { resumed in
                notes.add("resumed with \(resumed.calls.count)")
                return nil
            })
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("deploy")
            await notes.wait(for: "body")
            clock.advance(by: .seconds(600))
            try await process.context().flush()
        }
        try await RestartStage.process(kept, clock, [agent]) { process in try await process.wait(for: .agentCompleted) }
        #expect(notes.all == ["body", "resumed with 0"])
        let completed = try #require(try await completedCalls().first)
        #expect(completed.status == .failed && completed.error?.code == "tool.lost")
    }

    /// 63: the body of a repeatable tool runs again, with the id that the call had.
    @Test func case63ARepeatableCallHasTheSameID() async throws {
        let notes = notes
        let agent = ResumingAgent(
            repeatableTools: ["search"],
            onRespond: { _, run in
                try await run.tool("search", id: "c_1", arguments: ["q": "x"]) { call in
                    notes.add("body \(call.id)")
                    return try await waitForCancellation()
                }
            },
            onResume: { resumed in
                let call = try #require(resumed.calls.first)
                let found: JSONValue = try await resumed.finish(call) { call in
                    notes.add("body \(call.id) again")
                    return call.arguments
                }
                return found
            })
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("search")
            await notes.wait(for: "body c_1")
            try await process.context().flush()
        }
        clock.advance(by: .seconds(11))
        try await RestartStage.process(kept, clock, [agent]) { process in try await process.wait(for: .agentCompleted) }
        #expect(notes.all == ["body c_1", "body c_1 again"])
        #expect(try await completedCalls().map(\.result) == [["q": "x"]])
    }

    /// 65: a run that takes its process with it is tried three times.
    @Test(arguments: [RestartMode.resume, .again(attempts: 3), .again(attempts: 2)])
    func case65ACrashLoopEnds(_ mode: RestartMode) async throws {
        let notes = notes
        let agent = ResumingAgent(
            restart: mode,
            onRespond: { prompt, run in
                notes.add("began \(prompt.text)")
                return try await waitForCancellation()
            },
            onResume: { resumed in
                notes.add("began \(resumed.prompt.text)")
                return try await waitForCancellation()
            })
        let attempts = mode == .again(attempts: 2) ? 2 : 3
        for attempt in 1...attempts {
            try await RestartStage.process(kept, clock, [agent]) { process in
                if attempt == 1 { try await process.stage.send("it") }
                while notes.all.count < attempt {
                    try Task.checkCancellation()
                    await Task.yield()
                }
                try await process.context().flush()
            }
            clock.advance(by: .seconds(11))
        }
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("after")
            // With one attempt too many, that is what comes.
            while notes.all.count == attempts {
                try Task.checkCancellation()
                await Task.yield()
            }
        }
        #expect(notes.all == Array(repeating: "began it", count: attempts) + ["began after"])
        let failures = try await logged().compactMap { event -> RunFailure? in
            if case .agentFailed(let failed) = event.payload { failed.error } else { nil }
        }
        #expect(failures.count == (mode == .resume ? 1 : attempts))
        #expect(failures.last?.code == "run.lost" && failures.last?.details == ["attempts": .integer(attempts)])
        #expect(failures.dropLast().allSatisfy { $0.details == nil && $0.retryable })
    }

    /// 42: answers that come while a service stops, to a run that was taken up and waits for a slot: nothing of it has begun,
    /// and nothing is lost.
    @Test func case42AnswersInADrainAreKeptWhenTheRunWaitsForASlot() async throws {
        let notes = notes
        let agent = ResumingAgent(
            onRespond: { prompt, run in
                guard prompt.text == "ask" else {
                    notes.add("works")
                    return try await waitForCancellation()
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 1...2 {
                        group.addTask {
                            try await run.tool(
                                "deploy", id: CallID("c_\(number)"), arguments: [:] as JSONValue,
                                approval: ToolApproval("Deploy?")
                            ) { _ in notes.add("at once") }
                        }
                    }
                    try await group.waitForAll()
                }
                return nil
            },
            onResume: { resumed in
                for call in resumed.calls {
                    try await resumed.finish(call) { call in notes.add("deployed \(call.id)") }
                }
                return nil
            })
        let other = ResumingAgent(
            name: "other", restart: .never,
            onRespond: { _, _ in
                notes.add("works")
                return try await waitForCancellation()
            })
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("ask")
            try await process.wait(for: .approvalRequested, count: 2)
        }
        let asked = try await logged().compactMap { event -> ApprovalRequested? in
            if case .approvalRequested(let asked) = event.payload { asked } else { nil }
        }.sorted { ($0.callID?.rawValue ?? "") < ($1.callID?.rawValue ?? "") }.map(\.approvalID)
        try #require(asked.count == 2)
        try await RestartStage.process(kept, clock, [agent, other], hub: { $0.maximumConcurrentRuns = 1 }) { process in
            try await process.stage.send("work", agent: "other", to: "t_2")
            await notes.wait(for: "works")
            try await process.answer(asked[0], true)
            while process.hub.dispatcher.parkedCount > 0 {
                try Task.checkCancellation()
                await Task.yield()
            }
            try await process.stop(clock) { try await process.answer(asked[1], true) }
        }
        #expect(try await types().suffix(3) == [.approvalResolved, .approvalResolved, .agentPaused])
        try await RestartStage.process(kept, clock, [agent]) { process in try await process.wait(for: .agentCompleted) }
        #expect(notes.all == ["works", "deployed c_1", "deployed c_2"])
        #expect(try await completedCalls().map(\.status) == [.succeeded, .succeeded])
    }

    /// 65: what ends with a process that stops in order is no attempt: only losses count.
    @Test(.timeLimit(.minutes(2))) func case65ADeployIsNoAttempt() async throws {
        let notes = notes
        let agent = ResumingAgent(
            onRespond: { _, _ in
                notes.add("began")
                return try await waitForCancellation()
            },
            onResume: { resumed in
                notes.add("resumed \(resumed.attempt)")
                return resumed.attempt == 6 ? nil : try await waitForCancellation()
            })
        for number in 1...5 {
            try await RestartStage.process(kept, clock, [agent]) { process in
                if number == 1 { try await process.stage.send("it") }
                await notes.wait(for: number == 1 ? "began" : "resumed \(number)")
                try await process.stop(clock)
            }
        }
        try await RestartStage.process(kept, clock, [agent]) { process in try await process.wait(for: .agentCompleted) }
        #expect(notes.all == ["began"] + (2...6).map { "resumed \($0)" })
        let pauses = try await logged().compactMap { event -> AgentPaused? in
            if case .agentPaused(let paused) = event.payload { paused } else { nil }
        }
        #expect(pauses == Array(repeating: AgentPaused(reason: "process_lost", isHandedOver: true), count: 5))
    }

    /// 66: nothing is left running by the loss of a process, and what comes next runs.
    @Test(arguments: [RestartMode.never, .again(attempts: 1), .resume])
    func case66NothingIsLeftRunning(_ mode: RestartMode) async throws {
        let notes = notes
        let agent = ResumingAgent(
            restart: mode,
            onRespond: { prompt, run in
                notes.add(prompt.text)
                return prompt.text == "first" ? try await waitForCancellation() : nil
            })
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("first")
            await notes.wait(for: "first")
            try await process.stage.send("second")
        }
        clock.advance(by: .seconds(11))
        try await RestartStage.process(kept, clock, [agent]) { process in
            let third = try await process.stage.send("third")
            try await process.stage.waitForEnd(of: third.run)
        }
        #expect(notes.all == ["first", "second", "third"])
        #expect(try await kept.thread("t_1")?.openRuns == [])
        #expect(AgentStage.faults(try await logged()) == [])
    }

    // MARK: Again

    @Test func aLostRunIsQueuedAgainInTheCommitOfItsEnd() async throws {
        let notes = notes
        let agent = ResumingAgent(
            restart: .again(attempts: 3),
            onRespond: { prompt, run in
                notes.add("began \(prompt.text)")
                return notes.all.count == 1 ? try await waitForCancellation() : nil
            })
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("it")
            await notes.wait(for: "began it")
            try await process.context().flush()
        }
        clock.advance(by: .seconds(3))
        try await RestartStage.process(kept, clock, [agent]) { process in
            #expect(process.log.commits.first?.map(\.type) == [.agentFailed, .agentQueued])
            try await clock.waitForSleep(of: .seconds(7))
            clock.advance(by: .seconds(7))
            try await process.wait(for: .agentCompleted)
        }
        let events = try await logged()
        guard case .agentStarted(let first) = events[1].payload, case .agentQueued(let queued) = events[3].payload,
            case .agentStarted(let second) = events[4].payload
        else {
            Issue.record("it is \(events.compactMap(\.type))")
            return
        }
        #expect(queued.attempt == 2 && second.attempt == 2 && first.attempt == nil)
        #expect(queued.retryOf == events[1].runID && second.retryOf == events[1].runID)
        #expect(queued.messageIDs == first.messageIDs && !first.messageIDs.isEmpty)
        #expect(queued.notBefore?.milliseconds == events[1].time.milliseconds + 10_000)
        #expect(notes.all == ["began it", "began it"])
    }

    // MARK: People and children

    @Test func aRunPausedByAPersonIsTakenUpWhenItIsResumed() async throws {
        let notes = notes
        let agent = ResumingAgent(
            onRespond: { _, run in
                try await run.say("Half")
                notes.add("said")
                return try await waitForCancellation()
            },
            onResume: { resumed in
                notes.add("resumed \(resumed.attempt)")
                return nil
            })
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("it")
            await notes.wait(for: "said")
            try await process.command(.pause)
        }
        let before = try await logged()
        try await RestartStage.process(kept, clock, [agent]) { process in
            #expect(try await logged() == before)
            try await process.command(.resume)
            try await process.wait(for: .agentCompleted)
        }
        #expect(notes.all == ["said", "resumed 1"])
        #expect(try await types().suffix(3) == [.agentResumed, .messageCompleted, .agentCompleted])
    }

    /// A run that is paused because its process was lost continues by itself. Once a person has paused it, it does not, over
    /// any number of processes.
    @Test func aRunThatAPersonPausesWhenItsProcessIsLostStaysPaused() async throws {
        let notes = notes
        let agent = ResumingAgent(
            onRespond: { _, run in
                try await run.say("Half")
                notes.add("said")
                return try await waitForCancellation()
            },
            onResume: { resumed in
                notes.add("resumed \(resumed.attempt) of \(resumed.run.context.thread)")
                return nil
            })
        try await RestartStage.process(kept, clock, [agent]) { process in
            try await process.stage.send("it")
            await notes.wait(for: "said")
            try await process.context().flush()
        }
        // It would be taken up 10 seconds after the beginning of its attempt.
        try await RestartStage.process(kept, clock, [agent]) { process in
            let receipt = try await process.context().command(RunCommand(.pause, by: "u_1"))
            #expect(receipt.outcome == .done)
            let again = try await process.context().command(RunCommand(.pause, by: "u_1"))
            #expect(again.outcome == .unchanged)
            clock.advance(by: .seconds(60))
            // What is to be taken up is so before another run speaks.
            try await process.stage.send("other", to: "t_2")
            try await process.stage.events(in: "t_2") { $0.type == .messageDelta }
            #expect(process.hub.dispatcher.parkedCount == 1)
        }
        let paused = try await logged()
        #expect(paused.last?.payload == .agentPaused(AgentPaused(by: "u_1")))
        clock.advance(by: .seconds(60))
        try await RestartStage.process(kept, clock, [agent]) { process in
            #expect(try await logged() == paused)
            try await process.command(.resume)
            try await process.wait(for: .agentCompleted)
        }
        // The other run is lost with the second process, and may be taken up by the third one.
        #expect(notes.all.filter { $0.hasSuffix("t_1") } == ["resumed 2 of t_1"])
    }

    @Test func aStopReachesARunForWhichNobodyWorks() async throws {
        try await RestartStage.process(kept, clock, [asking()]) { process in
            try await process.stage.send("seven")
            try await process.wait(for: .approvalRequested)
        }
        try await RestartStage.process(kept, clock, [asking()]) { process in
            try await process.command(.stop)
            try await process.wait(for: .agentCancelled)
            let next = try await process.stage.send("eight")
            #expect(next.status == .started)
        }
        #expect(!notes.all.contains { $0.hasPrefix("resumed") })
    }

    /// A child that waits continues with its parent, whose call runs again.
    @Test func aChildIsContinuedByItsParent() async throws {
        let notes = notes
        let guide = ResumingAgent(
            repeatableTools: ["delegate"],
            onRespond: { _, run in
                try await run.tool("delegate", id: "c_1", arguments: [:] as JSONValue) { call in
                    try await run.withChild(agent: "helper", input: "look", call: call.id) { child in
                        let outcome = try await child.approve("May I?", id: "a_1")
                        notes.add("at once \(outcome)")
                    }
                }
                return nil
            },
            onResume: { resumed in
                let call = try #require(resumed.calls.first)
                let child = try #require(resumed.children.first)
                #expect(child.agent == "helper" && child.call == call.id)
                try await resumed.finish(call) { _ in
                    try await resumed.withChild(child) { child in
                        let outcome = try await child.answer(to: try #require(child.approvals.first))
                        notes.add("\(child.prompt.text) \(try outcome.get().by?.rawValue ?? "")")
                    }
                }
                return nil
            })
        let helper = ResumingAgent(name: "helper")
        try await RestartStage.process(kept, clock, [guide, helper]) { process in
            try await process.stage.send("it")
            try await process.wait(for: .approvalRequested)
        }
        let count = try await logged().count
        try await RestartStage.process(kept, clock, [guide, helper]) { process in
            #expect(try await logged().count == count)
            try await process.answer("a_1", true)
            try await process.wait(for: .agentCompleted, count: 2)
        }
        #expect(notes.all == ["look u_1"])
        #expect(try await types().suffix(3) == [.agentCompleted, .toolCompleted, .agentCompleted])
    }

    // MARK: Shutdown and time

    /// A run that works has the grace; then it is paused, and its body, which continues, can do nothing to it.
    @Test func aRunThatWorksAtAShutdownIsPausedAndTakenUp() async throws {
        let notes = notes
        let agent = ResumingAgent(
            onRespond: { _, run in
                try await run.say("Half")
                notes.add("said")
                _ = try? await waitForCancellation()
                let error = await #expect(throws: AgentEventsError.self) { try await run.say(" of it") }
                notes.add("\(error?.code.rawValue ?? "")")
                return nil
            },
            onResume: { resumed in
                notes.add("resumed \(resumed.attempt)")
                return nil
            })
        let other = ResumingAgent(
            name: "other", restart: .never, onRespond: { _, _ in try await waitForCancellation() })
        try await RestartStage.process(kept, clock, [agent, other]) { process in
            try await process.stage.send("it")
            try await process.stage.send("it", agent: "other", to: "t_2")
            await notes.wait(for: "said")
            try await process.stop(clock)
        }
        #expect(notes.all == ["said", "order.already_ended"])
        #expect(try await types().suffix(2) == [.messageCompleted, .agentPaused])
        #expect(try await AgentStage.logged(kept, in: "t_2").last?.type == .agentCancelled)
        try await RestartStage.process(kept, clock, [agent]) { process in try await process.wait(for: .agentCompleted) }
        #expect(notes.all.last == "resumed 2")
    }

    /// 58: while a run waits for a slot, after its answer has come, its time does not run.
    @Test func case58TheTimeInWhichARunWaitsForASlotDoesNotCount() async throws {
        let notes = notes
        let agent = ResumingAgent(
            restart: .never,
            onRespond: { prompt, run in
                if prompt.text == "ask" {
                    _ = try await run.approve("May I?", id: "a_1").get()
                    return nil
                }
                notes.add("works")
                return try await waitForCancellation()
            })
        try await RestartStage.process(
            kept, clock, [agent], configure: { $0.runDeadline = .seconds(300) }, hub: { $0.maximumConcurrentRuns = 1 }
        ) { process in
            let asks = try await process.stage.send("ask")
            try await process.wait(for: .approvalRequested)
            try await process.stage.send("work", to: "t_2")
            await notes.wait(for: "works")
            try await process.answer("a_1", true)
            let context = try await process.context()
            while await context.tasksWaitingForSlot == 0 {
                try Task.checkCancellation()
                await Task.yield()
            }
            // The time of the one that has the slot is over.
            clock.advance(by: .seconds(400))
            let events = try await process.stage.waitForEnd(of: asks.run)
            #expect(events.last?.type == .agentCompleted)
            let ended = try await process.stage.events(in: "t_2") { $0.type?.endsRun == true }
            #expect(ended.last?.type == .agentFailed)
        }
    }

    /// 59: the time of a run is the sum of what it has worked in all processes; that between them is none.
    @Test func case59ActiveTimeSumsOverARestart() async throws {
        let (notes, clock) = (notes, clock)
        let agent = ResumingAgent(
            onRespond: { _, run in
                try await clock.waitForSleep(of: .seconds(300))
                clock.advance(by: .seconds(200))
                try await run.progress("much is done")
                notes.add("worked")
                return try await waitForCancellation()
            },
            onResume: { _ in
                try await clock.waitForSleep(of: .seconds(100))
                notes.add("resumed")
                clock.advance(by: .seconds(100))
                return try await waitForCancellation()
            })
        let configure = { (configuration: inout RuntimeConfiguration) in configuration.runDeadline = .seconds(300) }
        try await RestartStage.process(kept, clock, [agent], configure: configure) { process in
            try await process.stage.send("it")
            await notes.wait(for: "worked")
            try await process.context().flush()
        }
        clock.advance(by: .seconds(3600))
        try await RestartStage.process(kept, clock, [agent], configure: configure) { process in
            try await process.wait(for: .agentFailed)
        }
        guard case .agentFailed(let failed)? = try await logged().last?.payload else {
            Issue.record("the run ends at its deadline")
            return
        }
        #expect(failed.error.code == "run.deadline" && notes.all == ["worked", "resumed"])
    }
}
