import AgentEvents
import AgentEventsModels
import AgentEventsTesting
import Testing

/// One answer of a model in a run: what is logged of it, and what follows when it breaks off.
@Suite(.timeLimit(.minutes(10))) struct RunTurnTests {
    private static let transcript = ModelStage.transcript()
    /// Without waits, but for those that a provider asks for.
    private static let retries: ModelRetryPolicy = {
        var retries = ModelRetryPolicy()
        retries.baseDelay = .zero
        return retries
    }()

    private static func lasting(_ code: ModelError.Code = .refused) -> ModelError { ModelError(code, "no") }
    private static let passing = ModelError(.unavailable, "overloaded", status: 503)

    @Test func anAnswerIsSaidAsItComes() async throws {
        try await ModelStage.with { stage in
            let model = ScriptedModel([
                [.thought("hm"), .text("Hel"), .text("lo"), .usage(UsageReported(inputTokens: 5, outputTokens: 2))]
            ])
            let turn = try await stage.run { run in
                try await run.turn(of: model, on: Self.transcript, retries: Self.retries)
            }.get()
            #expect(turn.text == "Hello" && turn.calls == [])
            #expect(
                try await stage.words == [
                    "agent_started", "think hm", "say Hel", "say lo", "said Hello", "usage 5/2", "agent_completed",
                ])
            guard case .agentCompleted(let completed)? = try await stage.events.last?.payload else {
                Issue.record("the run has not completed")
                return
            }
            #expect(completed.usage == TokenUsage(inputTokens: 5, outputTokens: 2))
        }
    }

    /// The calls are given, and nothing of them is logged yet.
    @Test func callsAreNotCarriedOut() async throws {
        try await ModelStage.with { stage in
            let model = ScriptedModel([[.call("search", ["q": 1])]])
            let turn = try await stage.run { run in
                try await run.turn(of: model, on: Self.transcript, retries: Self.retries)
            }.get()
            #expect(turn.calls == [ModelCall(tool: "search", arguments: .json(["q": 1]))])
            #expect(try await stage.words == ["agent_started", "usage 1/4 estimated", "agent_completed"])
        }
    }

    /// A failing model: how many tries fail, and what is said in each of them.
    private static func model(failing count: Int, _ error: ModelError = passing, saying text: String = "")
        -> (StagedModel, Tally<ModelRequest>)
    {
        let tries = Tally<ModelRequest>()
        let model = StagedModel { request, part in
            let number = tries.add(request)
            if !text.isEmpty { try await part(.text(text)) }
            if number < count { throw error }
            try await part(.text("Hello"))
        }
        return (model, tries)
    }

    /// Before the first token nothing shows that a try has failed.
    @Test func aTryThatSaysNothingIsInvisible() async throws {
        try await ModelStage.with { stage in
            let (model, tries) = Self.model(failing: 2)
            _ = try await stage.run { run in
                try await run.turn(of: model, on: Self.transcript, retries: Self.retries)
            }.get()
            #expect(tries.count == 3 && Set(tries.all).count == 1)
            #expect(
                try await stage.words == [
                    "agent_started", "say Hello", "said Hello", "usage 1/2 estimated", "agent_completed",
                ])
        }
    }

    /// After it the message is marked, what was seen of it counts, and the answer is asked for again.
    @Test func aTryThatHasSpokenIsInterrupted() async throws {
        try await ModelStage.with { stage in
            let (model, tries) = Self.model(failing: 1, ModelError(.cutOff, "cut"), saying: "I think ")
            let transcript = try await stage.run { run in
                _ = try await run.turn(of: model, on: Self.transcript, retries: Self.retries)
                return try await run.transcript()
            }.get()
            #expect(tries.count == 2)
            #expect(
                try await stage.words == [
                    "agent_started", "say I think ", "interrupted I think ", "usage 1/2 estimated", "say I think ",
                    "say Hello", "said I think Hello", "usage 1/4 estimated", "agent_completed",
                ])
            #expect(Logged.words(transcript) == ["a:I think Hello"])
        }
    }

    @Test func theFourthFailureFailsTheRun() async throws {
        try await ModelStage.with { stage in
            let (model, tries) = Self.model(failing: 9)
            let outcome = await stage.run { run in
                try await run.turn(of: model, on: Self.transcript, retries: Self.retries)
            }
            #expect(throws: Self.passing) { try outcome.get() }
            #expect(tries.count == 4)
            let words = try await stage.words
            #expect(words == ["agent_started", "failed model.unavailable"])
        }
    }

    @Test func whatIsNotWorthATryFailsAtOnce() async throws {
        try await ModelStage.with { stage in
            let (model, tries) = Self.model(failing: 9, Self.lasting(), saying: "So")
            let outcome = await stage.run { run in
                try await run.turn(of: model, on: Self.transcript, retries: Self.retries)
            }
            #expect(throws: Self.lasting()) { try outcome.get() }
            #expect(tries.count == 1)
            // What it has said stays said.
            let words = try await stage.words
            #expect(
                words == ["agent_started", "say So", "usage 1/1 estimated", "said So", "failed model.refused"])
        }
    }

    /// The wait that a provider asks for is kept.
    @Test func theProvidersWaitIsKept() async throws {
        try await ModelStage.with { stage in
            let limited = ModelError(.rateLimited, "slowly", status: 429, retryAfter: .seconds(30))
            let (model, tries) = Self.model(failing: 1, limited)
            async let outcome = stage.run { run in
                try await run.turn(of: model, on: Self.transcript, retries: Self.retries)
            }
            try await stage.clock.waitForSleep(of: .seconds(30))
            #expect(tries.count == 1)
            stage.clock.advance(by: .seconds(30))
            _ = try await outcome.get()
            #expect(tries.count == 2)
        }
    }

    /// 14: a stop while the agent waits for its next try ends the run at once, and there is no further try.
    @Test func case14AStopEndsTheWait() async throws {
        try await ModelStage.with { stage in
            let limited = ModelError(.rateLimited, "slowly", retryAfter: .seconds(30))
            let (model, tries) = Self.model(failing: 9, limited, saying: "So")
            async let outcome = stage.run { run in
                try await run.turn(of: model, on: Self.transcript, retries: Self.retries)
            }
            try await stage.clock.waitForSleep(of: .seconds(30))
            try await stage.command(.stop)
            let result = await outcome
            #expect(throws: CancellationError.self) { try result.get() }
            #expect(tries.count == 1)
            #expect(
                try await stage.words == [
                    "agent_started", "say So", "interrupted So", "usage 1/1 estimated", "agent_cancelled",
                ])
        }
    }

    /// 15: a run that is stopped in the middle of an answer has used what was seen of it.
    @Test func case15AStoppedRunHasItsUsage() async throws {
        try await ModelStage.with { stage in
            let model = StagedModel { _, part in
                try await part(.text("Hello, world"))
                try await ContinuousClock().sleep(for: .seconds(3600))
            }
            async let outcome = stage.run { run in
                try await run.turn(of: model, on: Self.transcript, retries: Self.retries)
            }
            try await stage.wait(for: .messageDelta)
            try await stage.command(.stop)
            let result = await outcome
            #expect(throws: CancellationError.self) { try result.get() }
            guard case .agentCancelled(let cancelled)? = try await stage.events.last?.payload else {
                Issue.record("the run was not cancelled")
                return
            }
            #expect(cancelled.usage == TokenUsage(inputTokens: 1, outputTokens: 3, other: ["estimated": true]))
        }
    }

    /// A pause in the middle of an answer: the model is not read on, and each word comes once.
    @Test func aPauseHoldsTheModel() async throws {
        try await ModelStage.with { stage in
            let given = Tally<Int>()
            let model = StagedModel { _, part in
                for number in 1...5 {
                    given.add(number)
                    try await part(.text("\(number) "))
                    if number == 2 { try await stage.command(.pause) }
                }
            }
            async let outcome = stage.run { run in
                try await run.turn(of: model, on: Self.transcript, retries: Self.retries)
            }
            while await stage.context.pausedTaskCount != 1 { await Task.yield() }
            #expect(given.all == [1, 2, 3])
            let before = try await stage.words
            #expect(before == ["agent_started", "say 1 ", "say 2 ", "agent_paused"])
            try await stage.command(.resume)
            #expect(try await outcome.get().text == "1 2 3 4 5 ")
            let after = try await stage.words.dropFirst(before.count)
            #expect(
                after == [
                    "agent_resumed", "say 3 ", "say 4 ", "say 5 ", "said 1 2 3 4 5 ", "usage 1/3 estimated",
                    "agent_completed",
                ])
        }
    }

    /// The log is what fails here, and no further try helps.
    @Test func whatTheLogRefusesIsNoFailureOfTheModel() async throws {
        try await ModelStage.with { stage in
            let tries = Tally<Int>()
            let model = StagedModel { _, part in
                tries.add(1)
                // It does not care.
                try? await part(.text(String(repeating: "x", count: 2 << 20)))
            }
            let outcome = await stage.run { run in
                try await run.turn(of: model, on: Self.transcript, retries: Self.retries)
            }
            #expect(throws: AgentEventsError.self) { try outcome.get() }
            #expect(tries.count == 1)
        }
    }

    @Test func theModelIsToldOfInstructionsAndTools() async throws {
        try await ModelStage.with { stage in
            let requests = Tally<ModelRequest>()
            let model = StagedModel { request, _ in requests.add(request) }
            let tool = Tool("search", "Searches.") { (_: Query, _) in 1 }
            _ = try await stage.run { run in
                try await run.turn(
                    of: model, on: Self.transcript, instructions: "Be brief.", tools: [tool], maximumOutputTokens: 9)
            }.get()
            let request = try #require(requests.all.first)
            #expect(request.instructions == "Be brief." && request.maximumOutputTokens == 9)
            #expect(request.transcript == Self.transcript)
            #expect(
                request.tools == [
                    ToolDescription(
                        name: "search", text: "Searches.",
                        parameters: [
                            "type": "object", "properties": ["q": ["type": "string"]], "required": ["q"],
                        ])
                ])
        }
    }

    private struct Query: Codable, Sendable { var q: String }
}
