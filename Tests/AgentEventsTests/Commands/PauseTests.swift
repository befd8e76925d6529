import AgentEvents
import AgentEventsTesting
import Testing

/// A pause is no failure: what a paused run would do waits, and nothing of it is lost or doubled. The numbers are those of
/// the cases in the design.
@Suite(.timeLimit(.minutes(5))) struct PauseTests {
    private struct Broken: Error {}

    /// 16.
    @Test(arguments: CommandStage.logs)
    func aPauseInTheMiddleOfATokenStreamLosesNothing(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            let tokens = (0..<20).map { "\($0) " }
            async let run: String = stage.run { run in
                let stream = AsyncStream<String> { continuation in
                    for token in tokens { continuation.yield(token) }
                    continuation.finish()
                }
                return try await run.say(
                    contentsOf: stream.map { token in
                        if token == "7 " { _ = try? await stage.command(.pause) }
                        return token
                    })
            }
            await stage.waitForPaused(1)
            let before = try await stage.types
            #expect(before == Array(repeating: "message_delta", count: 7) + ["agent_paused"])
            let receipt = try await stage.command(.resume)
            #expect(receipt.outcome == .done)
            #expect(receipt.cursors == [Cursor(generation: receipt.cursors[0].generation, sequence: 10)])
            #expect(try await run == tokens.joined())
            let said = try await stage.events.compactMap { event -> String? in
                if case .messageDelta(let delta) = event.payload { delta.text } else { nil }
            }
            #expect(said == tokens)
            #expect(try await stage.lastType == "agent_completed")
        }
    }

    /// Everything that a run does waits, and is there once afterwards.
    @Test(arguments: CommandStage.logs)
    func eachMethodOfARunWaits(contended: Bool) async throws {
        let steps: [(String, @Sendable (AgentRun) async throws -> Void, [String])] = [
            ("say", { try await $0.say("a") }, ["message_delta", "message_completed"]),
            ("say with an id", { try await $0.say("a", id: "m_2") }, ["message_delta", "message_completed"]),
            ("think", { try await $0.think("a") }, ["agent_thinking"]),
            ("progress", { try await $0.progress("a") }, ["agent_progress"]),
            ("tool", { try await $0.tool("t", arguments: 1) { _ in } }, ["tool_executing", "tool_completed"]),
            (
                "message", { try await $0.message(id: "m_3") { try await $0.append("a") } },
                ["message_delta", "message_completed"]
            ),
            ("withChild", { try await $0.withChild(agent: "c") { _ in } }, ["agent_completed"]),
            ("emit", { try await $0.emit(.custom(CustomEvent(name: "n", value: 1))) }, ["custom"]),
            ("nothing but the end", { _ in }, []),
        ]
        for (name, step, events) in steps {
            try await CommandStage.with(contended: contended) { stage in
                async let run: Void = stage.run { run in
                    try await stage.command(.pause)
                    // What was reported counts however the run ends, and does not wait.
                    try await run.reportUsage(UsageReported(inputTokens: 1, outputTokens: 1))
                    try await step(run)
                }
                await stage.waitForPaused(1)
                #expect(try await stage.types == ["agent_paused", "usage_reported"], "\(name)")
                try await stage.command(.resume)
                try await run
                #expect(
                    try await stage.types == ["agent_paused", "usage_reported", "agent_resumed"] + events
                        + ["agent_completed"], "\(name)")
            }
        }
    }

    /// 17: a pause that lands during the last step keeps the run paused.
    @Test(arguments: CommandStage.logs)
    func aRunThatIsPausedInItsLastStepCompletesWhenItIsResumed(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            async let answer: Int = stage.run { run in
                try await run.say("almost")
                try await stage.command(.pause)
                return 7
            }
            await stage.waitForPaused(1)
            #expect(try await stage.types == ["message_delta", "agent_paused"])
            try await stage.command(.resume)
            #expect(try await answer == 7)
            #expect(
                try await stage.types == [
                    "message_delta", "agent_paused", "agent_resumed", "message_completed", "agent_completed",
                ])
        }
    }

    /// 18 and 19: an answer and an expiry are logged at once; the body of the call begins after the resumption.
    @Test func anAnswerWhilePausedIsLoggedAndTheBodyBeginsLater() async throws {
        let clock = ManualClock()
        var configuration = RuntimeConfiguration()
        configuration.clock = clock.wallClock
        try await CommandStage.with(configuration) { stage in
            let began = Latch()
            async let run: Void = stage.run(id: "r_1") { run in
                try await run.emit(.approvalRequested(ApprovalRequested(approvalID: "a_1", prompt: "?")))
                try await run.emit(
                    .approvalRequested(
                        ApprovalRequested(
                            approvalID: "a_2", prompt: "?",
                            expiresAt: Timestamp(milliseconds: clock.wallClock.now().milliseconds + 1000))))
                try await stage.command(.pause)
                try await run.tool("deploy", arguments: 1) { _ in began.open() }
            }
            await stage.waitForPaused(1)
            try await stage.context.emit(
                EventDraft(
                    runID: "r_1", .approvalResolved(ApprovalResolved(approvalID: "a_1", decision: .approved, by: "u_1"))
                ))
            clock.advance(by: .seconds(2))
            let again = try await stage.command(.pause)
            #expect(again.outcome == .unchanged)
            let asked = ["approval_requested", "approval_requested", "agent_paused"]
            #expect(try await stage.types == asked + ["approval_resolved", "approval_resolved"])
            #expect(!began.isOpen)
            try await stage.command(.resume)
            try await run
            #expect(began.isOpen)
        }
    }

    /// The body of a call that has started waits too.
    @Test func aPauseAfterTheStartOfACallHoldsItsBodyBack() async throws {
        try await CommandStage.with { stage in
            // The pause comes with the event that starts the call, in one batch.
            let began = Latch()
            async let run: Void = stage.run(id: "r_1") { run in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<8 {
                        group.addTask {
                            try await run.tool("t", arguments: number) { _ in
                                if number == 0 { try await stage.command(.pause) } else { began.open() }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            try await stage.wait(for: .agentPaused)
            try await stage.command(.resume)
            try await run
            let events = try await stage.events
            // From the pause to the resumption, nothing begins.
            let paused = try #require(events.firstIndex { $0.type == .agentPaused })
            let resumed = try #require(events.firstIndex { $0.type == .agentResumed })
            #expect(events[paused..<resumed].allSatisfy { $0.type != .toolExecuting })
            #expect(events.count { $0.type == .toolCompleted } == 8)
        }
    }

    /// 20: the root and its branches are paused by one batch, innermost first.
    @Test(arguments: CommandStage.logs)
    func aPauseOfTheRootPausesFourBranchesAtOnce(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            async let run: Void = stage.run("root", id: "root") { run in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 1...4 {
                        group.addTask {
                            try await run.withChild(agent: "branch", id: try RunID("b_\(number)")) { branch in
                                try await branch.think("a")
                                await stage.waitForPaused(0)
                                while try await stage.events.allSatisfy({ $0.type != .agentPaused }) {
                                    await Task.yield()
                                }
                                try await branch.think("b")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            try await stage.wait(for: .agentThinking, count: 4)
            let receipt = try await stage.command(.pause)
            await stage.waitForPaused(4)
            let sequences = receipt.cursors.map(\.sequence)
            #expect(sequences == Array(sequences[0]..<sequences[0] + 5))
            let paused = try await stage.events.filter { $0.type == .agentPaused }
            #expect(paused.map(\.id) == receipt.cursors)
            #expect(paused.last?.runID == "root")
            let resumed = try await stage.command(.resume)
            #expect(resumed.cursors.count == 5)
            try await run
            let events = try await stage.events
            #expect(events.first { $0.type == .agentResumed }?.runID == "root")
            #expect(events.count { $0.type == .agentThinking } == 8)
            #expect(events.last?.runID == "root")
        }
    }

    /// 21 and 23: the end of a paused run wakes those who wait at the gate, and they are told of it.
    @Test(arguments: CommandStage.logs)
    func aStopOfAPausedRunWakesThoseWhoWait(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            async let run = stage.outcome(id: "r_1") { run in
                try await stage.command(.pause)
                let error = await #expect(throws: AgentEventsError.self) { try await run.say("late") }
                #expect(error?.code == .order(.alreadyEnded))
            }
            await stage.waitForPaused(1)
            let receipt = try await stage.command(.stop, run: "r_1")
            #expect(receipt.details?.runs.first?.status == .paused)
            let outcome = await run
            #expect(throws: AgentEventsError.self) { try outcome.get() }
            #expect(try await stage.types == ["agent_paused", "agent_cancelled"])
        }
    }

    /// 22.
    @Test func aSecondPauseChangesNothing() async throws {
        try await CommandStage.with { stage in
            async let run: Void = stage.run(id: "r_1") { run in
                try await stage.command(.pause)
                try await run.say("a")
            }
            await stage.waitForPaused(1)
            let second = try await stage.command(.pause, run: "r_1")
            #expect(second.outcome == .unchanged)
            #expect(second.cursors.isEmpty)
            let since = try await stage.events.last?.id
            #expect(second.details?.runs == [CommandDetails.Run(runID: "r_1", status: .paused, since: since)])
            try await stage.command(.resume, run: "r_1")
            try await run
            #expect(try await stage.lastType == "agent_completed")
        }
    }

    /// A task that is cancelled does not wait: the end of a cancelled run is an event too.
    @Test func aCancelledTaskDoesNotWait() async throws {
        try await CommandStage.with { stage in
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    let error = await #expect(throws: AgentEventsError.self) {
                        try await stage.run { run in
                            try await stage.command(.pause)
                            try await run.say("a")
                        }
                    }
                    #expect(error?.code == .order(.paused))
                }
                await stage.waitForPaused(1)
                group.cancelAll()
            }
            let types = try await stage.types
            #expect(types == ["agent_paused", "agent_cancelled"])
        }
    }

    /// Nobody resumes a run when the log takes nothing any longer.
    @Test func thoseWhoWaitAreToldOfTheEndOfTheLog() async throws {
        let runtime = AgentRuntime(log: InMemoryEventLog())
        let life = Task { try await runtime.run() }
        let context = try await runtime.context(user: "u_1", thread: "t_1")
        let run = Task {
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "guide") { run in
                _ = try await run.context.command(RunCommand(.pause))
                try await run.say("a")
            }
        }
        while await context.pausedTaskCount != 1 { await Task.yield() }
        runtime.shutdown()
        try await life.value
        #expect(await context.pausedTaskCount == 0)
        run.cancel()
        let error = await #expect(throws: AgentEventsError.self) { try await run.value }
        #expect(error?.code == .log(.closed))
    }

    /// A stream that breaks off while its run is paused leaves a message open: it is completed with the run.
    @Test func aStreamThatBreaksOffWhilePausedDoesNotFailTheRun() async throws {
        try await CommandStage.with { stage in
            async let run: Void = stage.run { run in
                let stream = AsyncStream<String> { continuation in
                    for text in ["one", "two"] { continuation.yield(text) }
                    continuation.finish()
                }
                await #expect(throws: Broken.self) {
                    try await run.say(
                        contentsOf: stream.map { (text: String) async throws -> String in
                            guard text == "two" else { return text }
                            try await stage.command(.pause)
                            throw Broken()
                        }, id: "m_1")
                }
                try await run.message(id: "m_2") { message in try await message.append("else") }
            }
            await stage.waitForPaused(1)
            try await stage.command(.resume)
            try await run
            #expect(
                try await stage.types == [
                    "message_delta", "agent_paused", "agent_resumed", "message_delta", "message_completed",
                    "message_completed", "agent_completed",
                ])
        }
    }

    /// Elsewhere, others pause, resume and stop a run of this process.
    @Test func anotherProcessPausesAndResumes() async throws {
        try await ContendedThreadTests.withTwo { log, first, second in
            let ours = try await first.context(user: "u_1", thread: "t_1")
            let theirs = try await second.context(user: "u_1", thread: "t_1")
            async let run: Void = first.withRun(user: "u_1", thread: "t_1", agent: "guide", deadline: nil) { run in
                try await run.say("a")
                _ = try await theirs.command(RunCommand(.pause))
                try await run.say("b")
                try await run.say("c")
            }
            while await ours.pausedTaskCount != 1 { await Task.yield() }
            _ = try await theirs.command(RunCommand(.resume))
            try await run
            let types = try await ContendedThreadTests.events(log).map(\.typeName)
            #expect(
                types == [
                    "agent_started", "message_delta", "agent_paused", "agent_resumed", "message_delta", "message_delta",
                    "message_completed", "agent_completed",
                ])
        }
    }
}
