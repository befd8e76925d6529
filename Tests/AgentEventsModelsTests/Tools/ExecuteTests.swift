import AgentEvents
import AgentEventsModels
import AgentEventsTesting
import Testing

/// The calls of an answer: carried out at once, each with one result for the model.
@Suite(.timeLimit(.minutes(10))) struct ExecuteTests {
    private struct Deployment: Codable, Sendable {
        var build: Int
        var note: String?
    }

    private struct Broken: CodedError {
        var eventCode: String { "file.unreadable" }
        var eventMessage: String { "there is no such file" }
    }

    private static func call(_ tool: String, _ arguments: JSONValue = ["build": 7]) -> ModelCall {
        ModelCall(tool: tool, arguments: .json(arguments))
    }

    private static func execute(
        _ stage: ModelStage,
        _ calls: [ModelCall],
        _ tools: [Tool]
    ) async -> Result<Transcript, any Error> {
        await stage.run { run in
            try await run.execute(calls, with: tools)
            return try await run.transcript()
        }
    }

    /// A child that is stopped ends by itself and is a result: the run and its other calls continue.
    @Test func theEndOfAChildIsAResult() async throws {
        try await ModelStage.with { stage in
            let began = Gate()
            let tool = Tool("ask_scout", "") { (_: Deployment, call: ToolCall) async throws -> Int in
                try await call.run.withChild(agent: "scout", call: call.id, id: "r_child", deadline: nil) { child in
                    began.open()
                    // Until the child has ended.
                    _ = await WakeSignal().wait()
                    try await child.progress("on it")
                    return 1
                }
            }
            async let done = Self.execute(stage, [Self.call("ask_scout")], [tool])
            await began.wait()
            _ = try await stage.context.command(RunCommand(.stop, run: "r_child", by: "u_1"))
            let transcript = try await done.get()
            guard case .assistant(let turn)? = transcript.items.last, case .failed? = turn.calls.first?.result else {
                Issue.record("the call has no result that says so: \(transcript)")
                return
            }
            #expect(try await stage.events.last?.type == .agentCompleted)
        }
    }

    /// A process that dies right after the body has begun leaves a call that says so.
    @Test func whatMayNotHappenTwiceBeginsAfterTheCommitOfItsCall() async throws {
        let log = FaultyLog(appends: FaultPlan().on(2, .hang))
        let hasBegun = Tally<Bool>()
        try await withAgentRuntime(log: log) { runtime in
            try await runtime.withRun(user: "u_1", thread: "t_1", agent: "ops") { run in
                try await run.flush()
                let tool = Tool("deploy", "") { (_: Deployment, _) in
                    hasBegun.add(true)
                    return "done"
                }
                async let done: Void = run.execute([Self.call("deploy")], with: [tool])
                while log.hangingCount == 0 { await Task.yield() }
                for _ in 0..<1000 { await Task.yield() }
                #expect(hasBegun.count == 0)
                log.release()
                try await done
                #expect(hasBegun.count == 1)
            }
        }
    }

    /// A tool, a call of it, and the result that the model is told.
    private static let results: [(Tool, ModelCall, String)] = [
        (Tool("a", "") { (deployment: Deployment, _) in deployment.build + 1 }, call("a"), "a=8"),
        (Tool("a", "") { (deployment: Deployment, _) in deployment }, call("a"), #"a={"build":7}"#),
        (Tool("a", "") { (_: Deployment, _) in }, call("a"), "a="),
        (Tool("a", "") { (_: Deployment, _) -> Int in throw Broken() }, call("a"), "a!file.unreadable"),
        (Tool("a", "") { (_: Deployment, _) in 1 }, call("b"), "b!tool.unknown"),
        (Tool("a", "") { (_: Deployment, _) in 1 }, call("\u{7}"), "unknown!tool.unknown"),
        (Tool("a", "") { (_: Deployment, _) in 1 }, call("a", [:]), "a!tool.arguments_invalid"),
        (Tool("a", "") { (_: Deployment, _) in 1 }, call("a", ["build": "7"]), "a!tool.arguments_invalid"),
        (
            Tool("a", "") { (_: Deployment, _) in 1 }, ModelCall(tool: "a", arguments: .unreadable("{\"build\":")),
            "a!tool.arguments_unreadable"
        ),
        (
            Tool("a", "") { (_: JSONValue, _) in 1 }, call("a", .string(String(repeating: "x", count: 2 << 20))),
            "a!tool.arguments_unreadable"
        ),
        (
            Tool("a", "") { (_: Deployment, _) in String(repeating: "x", count: 2 << 20) }, call("a"),
            "a!tool.result_unfit"
        ),
        (
            Tool("a", "", parameters: ["type": "object"]) { (arguments: JSONValue, _) in arguments },
            call("a", ["x": [1]]),
            #"a={"x":[1]}"#
        ),
    ]

    @Test(arguments: results.indices) func aCallHasAResultForTheModel(_ number: Int) async throws {
        let (tool, call, result) = Self.results[number]
        try await ModelStage.with { stage in
            let transcript = try await Self.execute(stage, [call], [tool]).get()
            #expect(Logged.words(transcript) == ["a: \(result)"])
            #expect(try await stage.events.last?.type == .agentCompleted)
        }
    }

    @Test func whatIsWrongIsSaidInASentence() async throws {
        try await ModelStage.with { stage in
            let tool = Tool("deploy", "") { (_: Deployment, _) in 1 }
            let calls = [Self.call("deploy", [:]), Self.call("delete")]
            let transcript = try await Self.execute(stage, calls, [tool]).get()
            guard case .assistant(let turn)? = transcript.items.first else {
                Issue.record("there is no turn")
                return
            }
            let sentences = turn.calls.map { if case .failed(_, let sentence) = $0.result { sentence } else { "" } }
            #expect(sentences[0].contains("the argument build is missing"))
            #expect(sentences[1].contains("there is no tool delete; there are: deploy"))
        }
    }

    /// All calls of a turn are opened before one of them has a result, so they stand together.
    @Test func callsRunAtOnceAndStandTogether() async throws {
        try await ModelStage.with { stage in
            let meeting = Tally<Int>()
            let tool = Tool("meet", "") { (deployment: Deployment, _) in
                meeting.add(deployment.build)
                // Each waits for all.
                while meeting.count < 3 { await Task.yield() }
                return deployment.build
            }
            let calls = (1...3).map { Self.call("meet", ["build": .integer($0)]) }
            let transcript = try await Self.execute(stage, calls, [tool]).get()
            #expect(Logged.words(transcript) == ["a: meet=1 meet=2 meet=3"])
            #expect(try await stage.words[1...3] == ["call meet", "call meet", "call meet"])
        }
    }

    @Test func aTimeLimitIsAResult() async throws {
        try await ModelStage.with { stage in
            let tool = Tool("wait", "", timeout: .seconds(5)) { (_: Deployment, _) in
                try await ContinuousClock().sleep(for: .seconds(3600))
            }
            async let outcome = Self.execute(stage, [Self.call("wait")], [tool])
            try await stage.clock.waitForSleep(of: .seconds(5))
            stage.clock.advance(by: .seconds(5))
            let transcript = try await outcome.get()
            #expect(Logged.words(transcript) == ["a: wait!tool.timed_out"])
        }
    }

    private static func deploying(_ deployed: Tally<Int>) -> Tool {
        Tool("deploy", "Deploys a build.", approval: .ask { "Deploy \($0.build)?" }) { (deployment: Deployment, _) in
            deployed.add(deployment.build)
            return "done"
        }
    }

    @Test(arguments: [true, false]) func aPersonDecides(_ isApproved: Bool) async throws {
        try await ModelStage.with { stage in
            let deployed = Tally<Int>()
            async let outcome = Self.execute(stage, [Self.call("deploy")], [Self.deploying(deployed)])
            let asked = try await stage.wait(for: .approvalRequested)
            guard case .approvalRequested(let request) = asked.payload else { return }
            #expect(request.prompt == "Deploy 7?")
            #expect(deployed.all == [])
            try await stage.answer(request.approvalID, isApproved)
            let transcript = try await outcome.get()
            #expect(Logged.words(transcript) == [isApproved ? #"a: deploy="done""# : "a: deploy!approval.denied"])
            #expect(deployed.all == (isApproved ? [7] : []))
        }
    }

    /// Nobody is asked about arguments that do not fit.
    @Test func aCallThatCannotBeMadeIsNotAskedAbout() async throws {
        try await ModelStage.with { stage in
            let tool = Self.deploying(Tally<Int>())
            _ = try await Self.execute(stage, [Self.call("deploy", ["build": "x"])], [tool]).get()
            #expect(
                try await stage.words == [
                    "agent_started", "call deploy", "failed deploy tool.arguments_invalid", "agent_completed",
                ])
        }
    }

    @Test func someCallsAreAskedAbout() async throws {
        try await ModelStage.with { stage in
            let tool = Tool(
                "deploy", "", approval: .when { $0.build > 5 ? ToolApproval("Really?", onDenied: .fail) : nil }
            ) { (deployment: Deployment, _) in deployment.build }
            let unasked = try await Self.execute(stage, [Self.call("deploy", ["build": 1])], [tool]).get()
            #expect(Logged.words(unasked) == ["a: deploy=1"])
            async let outcome = Self.execute(stage, [Self.call("deploy")], [tool])
            guard case .approvalRequested(let request) = try await stage.wait(for: .approvalRequested).payload else {
                return
            }
            try await stage.answer(request.approvalID, false)
            let result = await outcome
            #expect(throws: (any Error).self) { try result.get() }
            #expect(try await stage.words.suffix(2) == ["denied deploy approval.denied", "failed approval.denied"])
        }
    }

    /// 13: after a stop the model is told one result of each call.
    @Test func case13AStopLeavesAWholeTranscript() async throws {
        try await ModelStage.with { stage in
            let deployed = Tally<Int>()
            let waiting = Tool("wait", "") { (_: Deployment, _) in
                try await ContinuousClock().sleep(for: .seconds(3600))
            }
            async let outcome = Self.execute(
                stage, [Self.call("wait"), Self.call("deploy"), Self.call("wait")], [waiting, Self.deploying(deployed)])
            try await stage.wait(for: .toolExecuting, count: 3)
            try await stage.command(.stop)
            let result = await outcome
            #expect(throws: (any Error).self) { try result.get() }
            let transcript = try await stage.run { run in try await run.transcript() }.get()
            #expect(
                Logged.words(transcript) == ["a: wait!tool.abandoned deploy!tool.not_started wait!tool.abandoned"])
            #expect(deployed.all == [])
        }
    }
}
