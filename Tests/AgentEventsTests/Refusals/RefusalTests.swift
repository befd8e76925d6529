import AgentEvents
import AgentEventsTesting
import Testing

/// What a thread refuses is kept beside it, where it was refused and why: of code in the process and of clients, of single events
/// and of batches, over a log of one writer and of several.
@Suite(.timeLimit(.minutes(5))) struct RefusalTests {
    private static func completed(_ call: CallID, _ run: RunID = "r_1") -> EventDraft {
        .measured(
            run,
            .toolCompleted(ToolCompleted(callID: call, tool: "search", status: .succeeded, durationMilliseconds: 0)))
    }

    private static func refusals(_ stage: CommandStage) -> [RefusedEmission] {
        stage.runtime.refusals(of: "t_1", user: "u_1").refusals
    }

    private static func refused(_ body: () async throws -> Void) async -> AgentEventsError.Code? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? AgentEventsError)?.code
        }
    }

    @Test(arguments: CommandStage.logs) func aBrokenRuleSaysWhereWhyAndWhatWasLegal(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            let start = ContendedThreadTests.start("r_1")
            let first = await Self.refused { try await stage.context.emit(ContendedThreadTests.think("r_1", "a")) }
            #expect(first == .order(.notStarted))
            let id = try await stage.context.emit(start)
            let before = stage.runtime.environment.wallClock.now()
            #expect(await Self.refused { try await stage.context.emit(Self.completed("c_1")) } == .order(.callNotOpen))
            let refusals = Self.refusals(stage)
            try #require(refusals.map(\.code) == ["order.not_started", "order.call_not_open"])
            #expect(refusals.map(\.head) == [nil, id])
            let refusal = refusals[1]
            #expect(refusal.message == "call c_1 is not open")
            #expect(refusal.order?.state == "running")
            #expect(refusal.order?.legal.contains("tool_executing") == true)
            #expect(refusal.order?.legal.contains("tool_completed") == false)
            #expect(refusal.eventType == "tool_completed" && refusal.run == "r_1")
            #expect(refusal.author == nil && refusal.index == 0 && refusal.count == 1 && refusal.times == 1)
            #expect(refusal.time >= before)
            // Nothing of it is in the log (I4), and nothing is kept of what is accepted.
            try await stage.context.emit(ContendedThreadTests.end("r_1"))
            #expect(try await stage.events.map(\.typeName) == ["agent_started", "agent_completed"])
            #expect(Self.refusals(stage).count == 2)
        }
    }

    @Test(arguments: CommandStage.logs) func aBatchIsOneEntryWithTheEventAtFault(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            for key in [nil, "k_1"] as [IdempotencyKey?] {
                let code = await Self.refused {
                    _ = try await stage.context.emit(
                        [
                            ContendedThreadTests.start("r_1"), ContendedThreadTests.think("r_1", "a"),
                            Self.completed("c_1"), ContendedThreadTests.end("r_1"),
                        ], as: key.map { RequestKey($0) }, host: .outside, by: "u_2")
                }
                #expect(code == .order(.callNotOpen))
            }
            let refusals = Self.refusals(stage)
            try #require(refusals.count == 1)
            #expect(refusals[0].index == 2 && refusals[0].count == 4 && refusals[0].times == 2)
            #expect(refusals[0].eventType == "tool_completed" && refusals[0].author == "u_2" && refusals[0].head == nil)
            #expect(try await stage.events.isEmpty)
        }
    }

    /// What a run would do while it is paused waits, and is no fault; what is sent to a thread then is one.
    @Test(arguments: CommandStage.logs) func whatWaitsForItsRunIsNotAmongThem(contended: Bool) async throws {
        try await CommandStage.with(contended: contended) { stage in
            async let run: Void = stage.run(id: "r_1") { run in
                _ = try await stage.command(.pause)
                try await run.progress("a")
                try await run.say("b")
            }
            await stage.waitForPaused(1)
            #expect(Self.refusals(stage).isEmpty)
            let draft = EventDraft(runID: "r_1", .agentProgress(AgentProgress(message: "c")))
            #expect(await Self.refused { try await stage.context.emit(draft) } == .order(.paused))
            #expect(await Self.refused { _ = try await stage.context.emit([draft]) } == .order(.paused))
            #expect(Self.refusals(stage).map(\.code) == ["order.paused"])
            #expect(Self.refusals(stage).map(\.times) == [2])
            _ = try await stage.command(.resume)
            try await run
            #expect(Self.refusals(stage).count == 1)
        }
    }

    /// By what is known of the thread it is refused; decided again, on what another writer has appended, it is accepted.
    @Test func whatIsAcceptedAfterAnotherLookIsNotAmongThem() async throws {
        try await ContendedThreadTests.withTwo { _, first, second in
            let ours = try await first.context(user: "u_1", thread: "t_1")
            let theirs = try await second.context(user: "u_1", thread: "t_1")
            try await ours.emit(ContendedThreadTests.start("r_1"))
            try await theirs.emit(ContendedThreadTests.think("r_1", "a"))
            #expect(second.refusals(of: "t_1", user: "u_1").refusals.isEmpty)
            try await theirs.emit(ContendedThreadTests.end("r_1"))
            let code = await Self.refused { try await ours.emit(ContendedThreadTests.think("r_1", "b")) }
            #expect(code == .order(.alreadyEnded))
            let refusals = first.refusals(of: "t_1", user: "u_1").refusals
            #expect(refusals.map(\.code) == ["order.already_ended"])
            #expect(refusals.map(\.head?.sequence) == [3])
        }
    }

    @Test func whatIsTooLargeIsKeptWithoutItsContent() async throws {
        var configuration = RuntimeConfiguration()
        configuration.maximumEventByteCount = 4096
        try await CommandStage.with(configuration) { stage in
            let value = JSONValue.string(String(repeating: "x", count: 5000))
            let code = await Self.refused { try await stage.context.emit(ContendedThreadTests.custom(value)) }
            #expect(code == .tooLarge)
            let refusals = Self.refusals(stage)
            try #require(refusals.count == 1)
            #expect(refusals[0].code == "event.too_large" && refusals[0].order == nil && refusals[0].event == nil)
            #expect(refusals[0].eventByteCount ?? 0 > 5000)
        }
    }

    /// What is wrong with a request, and not with its events, is told to its sender alone.
    @Test func anotherRequestUnderAKeyAndAnEmptyBatchAreNotAmongThem() async throws {
        try await CommandStage.with { stage in
            _ = try await stage.context.emit([ContendedThreadTests.custom(1)], key: "k_1")
            #expect(
                await Self.refused { _ = try await stage.context.emit([ContendedThreadTests.custom(2)], key: "k_1") }
                    == .keyConflict)
            #expect(await Self.refused { _ = try await stage.context.emit([]) } == .emptyBatch)
            #expect(Self.refusals(stage).isEmpty)
        }
    }

    @Test func theyGoWithTheirThread() async throws {
        try await CommandStage.with { stage in
            try await stage.context.emit(ContendedThreadTests.start("r_1"))
            #expect(await Self.refused { try await stage.context.emit(Self.completed("c_1")) } != nil)
            #expect(Self.refusals(stage).count == 1)
            #expect(stage.runtime.refusals(of: "t_1", user: "u_2").refusals.isEmpty)
            try await stage.runtime.deleteThread("t_1", user: "u_1")
            #expect(Self.refusals(stage).isEmpty)
            #expect(await Self.refused { try await stage.context.emit(Self.completed("c_1")) } == .threadDeleted)
            #expect(Self.refusals(stage).isEmpty)
        }
    }
}
