import AgentEventsTesting
import Synchronization
import Testing

@testable import AgentEvents

/// A stop ends in the log at once what its sender saw, and the tasks right after. The numbers are those of the cases in the
/// design.
@Suite(.timeLimit(.minutes(10))) struct StopTests {
    /// 1 and 15: the call, the message and the run end in one batch, and their tokens are told.
    @Test(arguments: CommandStage.logs)
    func aStopWhileAToolRunsEndsEverything(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            // A stop between the event and the body would keep the body from beginning.
            let bodyBegan = Latch()
            async let run = stage.outcome(id: "r_1") { run in
                run.usage += TokenUsage(inputTokens: 5)
                try await run.say("I look")
                try await run.tool("search", id: "c_1", arguments: 1) { _ in
                    bodyBegan.open()
                    try await waitForCancellation()
                }
            }
            await bodyBegan.wait()
            let receipt = try await stage.command(.stop)
            let outcome = await run
            #expect(throws: CancellationError.self) { try outcome.get() }
            let events = try await stage.events
            #expect(
                events.map(\.typeName) == [
                    "agent_started", "message_delta", "tool_executing", "tool_completed", "message_completed",
                    "agent_cancelled",
                ])
            guard case .toolCompleted(let call) = events[3].payload, case .agentCancelled(let end) = events[5].payload
            else { return }
            #expect(call.status == .cancelled)
            #expect(call.error?.code == "tool.abandoned")
            #expect(end.by == "u_1")
            #expect(end.reason == "stopped")
            #expect(end.usage == TokenUsage(inputTokens: 5))
            #expect(receipt.outcome == .done)
            #expect(receipt.cursors == [events[5].id])
            #expect(receipt.run == "r_1")
            #expect(
                receipt.details
                    == CommandDetails(
                        runs: [CommandDetails.Run(runID: "r_1", status: .running, since: events[0].id)]))
        }
    }

    /// 14: a body that waits for its next try is ended there.
    @Test func aStopEndsTheWaitForTheNextTry() async throws {
        let clock = ManualClock()
        try await CommandStage.with { stage in
            async let run: Result<Void, any Error> = stage.outcome { run in
                try await run.think("The model is busy; I try again in an hour.")
                try await clock.sleep(for: .seconds(3600))
                try await run.say("never")
            }
            try await stage.wait(for: .agentThinking)
            try await stage.command(.stop)
            let outcome = await run
            #expect(throws: CancellationError.self) { try outcome.get() }
            #expect(try await stage.types == ["agent_thinking", "agent_cancelled"])
        }
    }

    /// 2.
    @Test func noStepStartsAfterTheStop() async throws {
        try await CommandStage.with { stage in
            let started = Mutex(0)
            async let run = stage.outcome { run in
                for step in 0..<50 {
                    try await run.tool("step", arguments: step) { _ in
                        started.withLock { $0 += 1 }
                        if step == 20 { try await stage.command(.stop) }
                    }
                }
            }
            let outcome = await run
            #expect(throws: (any Error).self) { try outcome.get() }
            #expect(started.withLock { $0 } == 21)
            let last = try await stage.lastType
            #expect(last == "agent_cancelled")
        }
    }

    /// 3: the log ends at once; the late result is told.
    @Test func aBodyThatIgnoresItsCancellationDoesNoHarm() async throws {
        let ended = Latch()
        let late = Mutex<[JSONValue?]>([])
        try await CommandStage.with { stage in
            let latch = Latch()
            let observer = RunBodyObserver(
                runDidEnd: { ended.open() },
                bodyDidReturnLate: { result in late.withLock { $0.append(try? result.get()) } })
            async let run: Void = {
                await #expect(throws: AgentEventsError.self) {
                    try await stage.runtime.withJSONRun(
                        user: "u_1", thread: "t_1", agent: "guide", input: "?", id: "r_1", observer: observer
                    ) { run in
                        await latch.wait()
                        do {
                            try await run.say("late")
                            Issue.record("it is refused")
                        } catch AgentEventsError.Code.order(.alreadyEnded) {
                        }
                        return "late"
                    }
                }
            }()
            try await stage.wait(for: .agentStarted)
            try await stage.command(.stop)
            #expect(try await stage.types == ["agent_cancelled"])
            await ended.wait()
            #expect(late.withLock { $0 }.isEmpty)
            latch.open()
            await run
            #expect(late.withLock { $0 } == ["late"])
            #expect(try await stage.types == ["agent_cancelled"])
        }
    }

    /// 4.
    @Test func aStopThatArrivesLateLeavesWhatBeganAfterwards() async throws {
        try await CommandStage.with { stage in
            for number in 1...2 { try await stage.context.emit(ContendedThreadTests.start(RunID("r_\(number)"))) }
            let ids = try await stage.events.map(\.id)
            try await stage.context.emit(ContendedThreadTests.think("r_1", "a"))
            let receipt = try await stage.command(.stop, asOf: ids[0])
            #expect(receipt.details?.runs.map(\.runID) == ["r_1"])
            #expect(receipt.details?.left.map(\.runID) == ["r_2"])
            try await stage.context.emit(ContendedThreadTests.think("r_2", "b"))
        }
    }

    /// 5, and a cursor that the log does not know.
    @Test func aStaleRunStopsWhatItsSenderSaw() async throws {
        try await CommandStage.with { stage in
            try await stage.context.emit(ContendedThreadTests.start("r_1"))
            try await stage.context.emit(ContendedThreadTests.end("r_1"))
            try await stage.context.emit(ContendedThreadTests.start("r_2"))
            let now = try await stage.events.last?.id
            let ended = try await stage.command(.stop, run: "r_1")
            #expect(ended.outcome == .unchanged)
            #expect(ended.details?.runs == [CommandDetails.Run(runID: "r_1", status: .completed)])
            #expect(ended.details?.left.map(\.runID) == ["r_2"])
            let stopped = try await stage.command(.stop, run: "r_1", asOf: now)
            #expect(stopped.outcome == .done)
            #expect(stopped.details?.runs.map(\.runID) == ["r_2"])
            try await stage.context.emit(ContendedThreadTests.start("r_3"))
            let all = try await stage.command(.stop, asOf: Cursor(generation: 1, sequence: 2))
            #expect(all.details?.isCursorUnknown == true)
            #expect(all.details?.runs.map(\.runID) == ["r_3"])
        }
    }

    /// 6 and 7: one of two does it; the same again is repeated.
    @Test(arguments: CommandStage.logs)
    func twoStopsEndARunOnce(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            try await stage.context.emit(ContendedThreadTests.start("r_1"))
            async let one = stage.command(.stop, key: "k_1")
            async let two = stage.command(.stop, key: "k_2")
            let receipts = try await [one, two]
            #expect(Set(receipts.map(\.outcome)) == [.done, .unchanged])
            for (key, receipt) in zip(["k_1", "k_2"] as [IdempotencyKey], receipts) {
                let repeated = try await stage.command(.stop, key: key)
                #expect(repeated.outcome == .repeated)
                #expect(repeated.cursors == receipt.cursors)
            }
            let conflict = await #expect(throws: AgentEventsError.self) {
                try await stage.command(.stop, run: "r_1", key: "k_1")
            }
            #expect(conflict?.code == .keyConflict)
            let other = await #expect(throws: AgentEventsError.self) { try await stage.command(.pause, key: "k_2") }
            #expect(other?.code == .keyConflict)
            #expect(try await stage.types == ["agent_cancelled"])
        }
    }

    /// 9: whichever comes first, no child outlives the stop.
    @Test func aStopWhileAChildIsBornLeavesNoOrphan() async throws {
        for round in 0..<200 {
            try await CommandStage.with { stage in
                try await stage.context.emit(ContendedThreadTests.start("r_1"))
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        for _ in 0..<round % 3 { await Task.yield() }
                        do {
                            try await stage.context.emit(
                                EventDraft(
                                    runID: "c_1", agent: "child", .agentStarted(AgentStarted(parentRunID: "r_1"))))
                        } catch {
                            let code = (error as? AgentEventsError)?.code
                            #expect(code == .order(.parentNotOpen) || code == .order(.alreadyEnded))
                        }
                    }
                    group.addTask {
                        for _ in 0..<round % 2 { await Task.yield() }
                        await #expect(throws: Never.self) { try await stage.command(.stop) }
                    }
                }
                let events = try await stage.events
                #expect(events.count { $0.type == .agentStarted } == events.count { $0.type == .agentCancelled })
                #expect(events.last?.runID == "r_1")
            }
        }
    }

    /// 10.
    @Test func threeLevelsOfChildrenEndInnermostFirst() async throws {
        try await CommandStage.with { stage in
            async let run = stage.outcome(id: "a") { run in
                try await run.withChild(agent: "b", id: "b") { run in
                    try await run.withChild(agent: "c", id: "c") { run in
                        try await run.withChild(agent: "d", id: "d") { run in
                            try await run.think("deep")
                            try await waitForCancellation()
                        }
                    }
                }
            }
            try await stage.wait(for: .agentThinking)
            try await stage.command(.stop)
            let outcome = await run
            #expect(throws: CancellationError.self) { try outcome.get() }
            let ends = try await stage.events.filter { $0.type == .agentCancelled }.map(\.runID)
            #expect(ends == ["d", "c", "b", "a"])
        }
    }

    /// 11: the end of a child is a value for its parent; the child's body is cancelled, the parent's is not.
    @Test func aStopOfAChildLeavesItsParent() async throws {
        try await CommandStage.with { stage in
            async let answer: String = stage.run("parent") { run in
                do {
                    return try await run.withChild(agent: "child", id: "c_1", deadline: nil) { child in
                        try await child.think("a")
                        try await waitForCancellation()
                        return "never"
                    }
                } catch is CancellationError {
                    #expect(!Task.isCancelled)
                    try await run.say("without it")
                    return "without it"
                }
            }
            try await stage.wait(for: .agentThinking)
            try await stage.command(.stop, run: "c_1")
            #expect(try await answer == "without it")
            let ends = try await stage.events.filter { $0.type?.endsRun == true }.map(\.type)
            #expect(ends == [.agentCancelled, .agentCompleted])
        }
    }

    /// 12, in the thread: the next run is a fresh one.
    @Test func afterAStopTheNextRunStarts() async throws {
        try await CommandStage.with { stage in
            async let first: Void = stage.run { _ in try await waitForCancellation() }
            try await stage.wait(for: .agentStarted)
            try await stage.command(.stop)
            _ = try? await first
            let answer = try await stage.run { run in
                try await run.say("here")
                return 1
            }
            #expect(answer == 1)
            #expect(try await stage.lastType == "agent_completed")
        }
    }

    /// A run that another process stops: its body here is cancelled.
    @Test func anotherProcessStopsABody() async throws {
        try await ContendedThreadTests.withTwo { log, first, second in
            async let run: Void = {
                await #expect(throws: CancellationError.self) {
                    try await first.withRun(
                        user: "u_1", thread: "t_1", agent: "guide", id: "r_1", deadline: nil
                    ) { _ in try await waitForCancellation() }
                }
            }()
            for try await event in try await first.events(user: "u_1", thread: "t_1") where event.runID == "r_1" {
                break
            }
            let theirs = try await second.context(user: "u_1", thread: "t_1")
            _ = try await theirs.command(RunCommand(.stop))
            await run
        }
    }

    @Test func whatARunIsRefusesACommand() async throws {
        try await CommandStage.with { stage in
            try await stage.context.emit(EventDraft(runID: "q", agent: "a", .agentQueued(AgentQueued())))
            try await stage.context.emit(ContendedThreadTests.start("r_1"))
            try await stage.context.emit(ContendedThreadTests.end("r_1"))
            let before = try await stage.events
            let cases: [(RunCommand.Action, RunID, AgentEventsError.Code, CommandDetails.Status?)] = [
                (.pause, "q", .runNotStarted, .queued), (.resume, "q", .runNotStarted, .queued),
                (.custom("a.b", value: 1), "q", .runNotStarted, .queued), (.pause, "r_1", .runNotOpen, .completed),
                (.resume, "r_1", .runNotOpen, .completed), (.stop, "none", .runUnknown, nil),
                (.pause, "none", .runUnknown, nil),
            ]
            for (action, run, code, status) in cases {
                let error = await #expect(throws: AgentEventsError.self) { try await stage.command(action, run: run) }
                #expect(error?.code == code, "\(action), \(run)")
                #expect(error?.details?.runs.first?.status == status, "\(action), \(run)")
            }
            let own = await #expect(throws: AgentEventsError.self) {
                try await stage.command(.custom("editor.undo", value: 1), run: "r_1")
            }
            #expect(own?.code == .runNotOpen && own?.message == "the run r_1 has ended and takes no editor.undo")
            #expect(try await stage.events == before)
            let stopped = try await stage.command(.stop, run: "q")
            #expect(stopped.details?.runs.first?.since == before.first?.id)
            #expect(try await stage.lastType == "agent_cancelled")
        }
    }

    /// What is said of a run that the log has from before.
    @Test func aThreadThatWasRebuiltMeetsTheSameState() async throws {
        let log = InMemoryEventLog()
        var ids: [EventID] = []
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            ids = try await context.emit(
                [
                    ContendedThreadTests.start("r_1"), EventDraft(runID: "r_1", .agentPaused(AgentPaused())),
                    EventDraft(runID: "r_1", .usageReported(UsageReported(inputTokens: 1, outputTokens: 1))),
                ], host: .outside
            ).ids
            try await runtime.flush()
        }
        log.close()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            let receipt = try await context.command(RunCommand(.stop, asOf: ids[0]))
            #expect(receipt.details?.runs == [CommandDetails.Run(runID: "r_1", status: .paused, since: ids[1])])
        }
    }

    /// A command that comes again after the process was started anew is answered as before.
    @Test func aKeyOutlivesTheProcess() async throws {
        let log = InMemoryEventLog()
        var cursors: [Cursor] = []
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(ContendedThreadTests.start("r_1"))
            cursors = try await context.command(RunCommand(.stop), key: "k_1").cursors
        }
        log.close()
        try await withAgentRuntime(log: log) { runtime in
            let context = try await runtime.context(user: "u_1", thread: "t_1")
            try await context.emit(ContendedThreadTests.start("r_2"))
            let repeated = try await context.command(RunCommand(.stop), key: "k_1")
            #expect(repeated.outcome == .repeated)
            #expect(repeated.cursors == cursors)
            try await context.emit(ContendedThreadTests.think("r_2", "a"))
        }
    }

    /// A run reads the commands of an application as they come.
    @Test func aRunReadsItsCommands() async throws {
        try await CommandStage.with { stage in
            async let run: [JSONValue] = stage.run(id: "r_1") { run in
                var values: [JSONValue] = []
                for try await command in run.commands {
                    values.append(command.value)
                    if values.count == 2 { break }
                }
                return values
            }
            try await stage.wait(for: .agentStarted)
            for number in 1...2 { try await stage.command(.custom("editor.undo", value: .integer(number)), run: "r_1") }
            #expect(try await run == [1, 2])
            #expect(try await stage.types == ["custom", "custom", "agent_completed"])
        }
    }
}
