import AgentEvents
import AgentEventsHub
import AgentEventsModels
import AgentEventsProtocol
import AgentEventsTesting
import Testing

/// An agent around a scripted model, in a service.
@Suite(.timeLimit(.minutes(5))) struct ModelAgentTests {
    private let log = InMemoryEventLog(generations: .counting)
    private let clock = ManualClock()

    private struct Deployment: Codable, Sendable { var build: Int }

    private static func deploy(_ deployed: Tally<Int>) -> Tool {
        Tool("deploy", "Deploys a build.", approval: .ask { "Deploy \($0.build)?" }) { (deployment: Deployment, _) in
            deployed.add(deployment.build)
            return "done"
        }
    }

    private static let search = Tool("search", "Searches.", repeatable: true) { (_: Deployment, _) in [7, 8] }

    private func words() async throws -> [String] { try await Logged.events(log).map(Logged.word) }

    @Test func itAnswersAndCallsUntilItCallsNoMore() async throws {
        let requests = Tally<Transcript>()
        let script: [[ModelPart]] = [
            [.text("I look."), .call("search", ["build": 0])], [.call("deploy", ["build": 8])], [.text("Done.")],
        ]
        let model = ScriptedModel { request in script[requests.add(request.transcript)] }
        let deployed = Tally<Int>()
        let agent = ModelAgent("ops", model: model, tools: [Self.search, Self.deploy(deployed)])
        try await AgentProcess.with(log, clock, [agent]) { process in
            try await process.send("Deploy the newest")
            try await process.answer(try await process.wait(for: .approvalRequested), true)
            try await process.wait(for: .agentCompleted)
        }
        #expect(deployed.all == [8])
        #expect(
            requests.all.map(Logged.words) == [
                ["u:Deploy the newest"],
                ["u:Deploy the newest", "a:I look. search=[7,8]"],
                ["u:Deploy the newest", "a:I look. search=[7,8]", #"a: deploy="done""#],
            ])
        #expect(
            try await words().filter { !$0.hasPrefix("usage") } == [
                "user_message", "agent_started", "say I look.", "said I look.", "call search", "succeeded search",
                "call deploy", "ask Deploy 8?", "approved", "succeeded deploy", "say Done.", "said Done.",
                "agent_completed",
            ])
        #expect(try await words().count { $0.hasPrefix("usage") } == 3)
    }

    /// Messages that come while it works are taken between its steps, and answered.
    @Test func itIsSteered() async throws {
        let gate = Gate()
        let requests = Tally<[String]>()
        let tool = Tool("look", "Looks.") { (_: Deployment, _) in await gate.wait() }
        let model = ScriptedModel { request in
            requests.add(Logged.words(request.transcript))
            return requests.count == 1 ? [.call("look", ["build": 1])] : [.text("Answer \(requests.count).")]
        }
        let agent = ModelAgent("ops", model: model, tools: [tool], whenBusy: .steer)
        try await AgentProcess.with(log, clock, [agent]) { process in
            try await process.send("one")
            try await process.wait(for: .toolExecuting)
            let answer = try await process.send("two")
            #expect(answer.status == .given)
            gate.open()
            try await process.wait(for: .agentCompleted)
        }
        #expect(
            requests.all == [["u:one"], ["u:one", "a: look=", "u:two"]])
        #expect(try await words().count { $0 == "input" } == 1)
    }

    /// A question that is corrected while it is answered is not told again beside its correction.
    @Test func aCorrectedQuestionStaysCorrected() async throws {
        let gate = Gate()
        let requests = Tally<[String]>()
        let tool = Tool("look", "Looks.") { (_: Deployment, _) in await gate.wait() }
        let model = ScriptedModel { request in
            requests.add(Logged.words(request.transcript))
            return requests.count == 1 ? [.call("look", ["build": 1])] : [.text("Answer \(requests.count).")]
        }
        try await AgentProcess.with(log, clock, [ModelAgent("ops", model: model, tools: [tool], whenBusy: .steer)]) {
            process in
            let first = try await process.send("teh answer")
            try await process.wait(for: .toolExecuting)
            let request = MessageRequest(text: "the answer", replaces: first.message)
            _ = try await process.hub.intake.submit(request, in: "t_1", from: AgentProcess.principal)
            gate.open()
            try await process.wait(for: .agentCompleted)
        }
        #expect(requests.all == [["u:teh answer"], ["a: look=", "u:the answer"]])
    }

    /// What comes while it says its last words is answered in the same run.
    @Test func itIsSteeredAtItsEnd() async throws {
        let gate = Gate()
        let requests = Tally<[String]>()
        let model = StagedModel { request, part in
            let number = requests.add(Logged.words(request.transcript))
            try await part(.text("Answer \(number)."))
            if number == 0 { await gate.wait() }
        }
        let agent = ModelAgent("ops", model: model, whenBusy: .steer)
        try await AgentProcess.with(log, clock, [agent]) { process in
            try await process.send("one")
            try await process.wait(for: .messageDelta)
            try await process.send("two")
            gate.open()
            try await process.wait(for: .agentCompleted)
        }
        #expect(requests.all == [["u:one"], ["u:one", "a:Answer 0.", "u:two"]])
        #expect(try await words().count { $0 == "agent_started" } == 1)
    }

    /// Under another policy what comes is answered by a run of its own, which is told of both.
    @Test func aQueuedMessageIsAnsweredAfterwards() async throws {
        let gate = Gate()
        let requests = Tally<[String]>()
        let model = StagedModel { request, part in
            let number = requests.add(Logged.words(request.transcript))
            try await part(.text("Answer \(number)."))
            if number == 0 { await gate.wait() }
        }
        try await AgentProcess.with(log, clock, [ModelAgent("ops", model: model)]) { process in
            try await process.send("one")
            try await process.wait(for: .messageDelta)
            try await process.send("two")
            gate.open()
            try await process.wait(for: .agentCompleted, count: 2)
        }
        #expect(requests.all == [["u:one"], ["u:one", "a:Answer 0.", "u:two"]])
    }

    /// 31: the answer to an approval is logged, then the model fails and is asked again: the body runs once.
    @Test func case31AnApprovedBodyRunsOnce() async throws {
        let deployed = Tally<Int>()
        let tries = Tally<Int>()
        let model = StagedModel { request, part in
            guard Logged.words(request.transcript).count > 1 else {
                return try await part(.call("deploy", ["build": 7]))
            }
            if tries.add(1) < 2 {
                try await part(.text("It is "))
                throw ModelError(.cutOff, "cut")
            }
            try await part(.text("It is deployed."))
        }
        var retries = ModelRetryPolicy()
        retries.baseDelay = .zero
        let agent = ModelAgent("ops", model: model, tools: [Self.deploy(deployed)], retries: retries)
        try await AgentProcess.with(log, clock, [agent]) { process in
            try await process.send("Deploy 7")
            try await process.answer(try await process.wait(for: .approvalRequested), true)
            try await process.wait(for: .agentCompleted)
        }
        #expect(deployed.all == [7])
        let words = try await words()
        #expect(words.count { $0.hasPrefix("ask") } == 1)
        #expect(words.count { $0 == "interrupted It is " } == 2)
        #expect(words.contains("said It is deployed."))
    }

    @Test(arguments: [
        (AgentLimits(steps: 2), "failed run.step_limit"), (AgentLimits(tokens: 1), "failed run.budget_exceeded"),
    ])
    func itsLimitsFailTheRun(_ limits: AgentLimits, _ last: String) async throws {
        let model = ScriptedModel { _ in [.call("search", ["build": 1])] }
        let agent = ModelAgent("ops", model: model, tools: [Self.search], limits: limits)
        try await AgentProcess.with(log, clock, [agent]) { process in
            try await process.send("one")
            try await process.wait(for: .agentFailed)
        }
        #expect(try await words().last == last)
    }

    /// The time that a person takes is not the run's.
    @Test func theDeadlineDoesNotCountApprovals() async throws {
        let deployed = Tally<Int>()
        let model = ScriptedModel([[.call("deploy", ["build": 7])], [.text("Done.")]])
        let agent = ModelAgent(
            "ops", model: model, tools: [Self.deploy(deployed)], limits: AgentLimits(deadline: .seconds(300)))
        try await AgentProcess.with(log, clock, [agent]) { process in
            try await process.send("Deploy 7")
            let asked = try await process.wait(for: .approvalRequested)
            clock.advance(by: .seconds(3600))
            try await process.answer(asked, true)
            try await process.wait(for: .agentCompleted)
        }
        #expect(deployed.all == [7])
    }

    @Test func aRunThatWorksTooLongFails() async throws {
        let model = StagedModel { _, part in
            try await part(.text("So"))
            try await ContinuousClock().sleep(for: .seconds(3600))
        }
        let agent = ModelAgent("ops", model: model, limits: AgentLimits(deadline: .seconds(300)))
        try await AgentProcess.with(log, clock, [agent]) { process in
            try await process.send("one")
            try await process.wait(for: .messageDelta)
            try await clock.waitForSleep(of: .seconds(300))
            clock.advance(by: .seconds(300))
            try await process.wait(for: .agentFailed)
        }
        #expect(try await words().suffix(2) == ["said So", "failed run.deadline"])
    }

    /// What no message says, such as the input of a run, is told as one, before the answers to it.
    @Test func whatItIsAskedStandsBeforeItsAnswers() async throws {
        let requests = Tally<[String]>()
        let model = ScriptedModel { request in
            requests.add(Logged.words(request.transcript))
            return requests.count == 1 ? [.call("search", ["build": 1])] : [.text("Done.")]
        }
        let agent = ModelAgent("ops", model: model, tools: [Self.search])
        try await ModelStage.with { stage in
            _ = try await stage.run { run in
                try await agent.respond(to: UserPrompt(text: "Well?", messageID: "m_7", author: "u_1"), run: run)
            }.get()
        }
        #expect(requests.all == [["u:Well?"], ["u:Well?", "a: search=[7,8]"]])
    }

    /// A rollback leaves out what was said before, and the question that it replaces.
    @Test func theModelIsNotToldOfWhatWasDiscarded() async throws {
        let gate = Gate()
        let requests = Tally<[String]>()
        let model = StagedModel { request, part in
            let number = requests.add(Logged.words(request.transcript))
            try await part(.text("Answer \(number)."))
            if number == 0 { await gate.wait() }
        }
        try await AgentProcess.with(log, clock, [ModelAgent("ops", model: model)]) { process in
            try await process.send("one")
            try await process.wait(for: .messageDelta)
            try await process.send("uno", .rollback)
            gate.open()
            try await process.wait(for: .agentCompleted)
        }
        #expect(requests.all == [["u:one"], ["u:uno"]])
    }
}

/// Opens once; those who ask before wait, or until they are cancelled.
final class Gate: Sendable {
    private let signal = WakeSignal()
    private let opened = Tally<Void>()

    func open() {
        opened.add(())
        signal.signal()
    }

    func wait() async { while opened.count == 0, await signal.wait() {} }
}
