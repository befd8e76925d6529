import AgentEvents
import AgentEventsFileLog
import AgentEventsHub
import AgentEventsModels
import AgentEventsTesting
import Foundation
import Testing

/// Runs that another process continues, over a log on disk that is opened again: the conversation in it is all that they need.
@Suite(.timeLimit(.minutes(5))) struct ModelAgentRestartTests {
    private let clock = ManualClock()

    private struct Deployment: Codable, Sendable { var build: Int }

    /// What happens in the processes, and the process that hangs.
    private final class World: Sendable {
        let deployed = Tally<CallID>()
        let searched = Tally<CallID>()
        let requests = Tally<[String]>()
        let gate = Gate()
    }

    private static func agent(_ world: World, holdsSearch: Bool = false, holdsDeploy: Bool = false) -> ModelAgent {
        let script = ScriptedModel([
            [.text("I look."), .call("search", ["build": 0])], [.text("I deploy it."), .call("deploy", ["build": 8])],
            [.text("Done.")],
        ])
        let model = StagedModel { request, part in
            world.requests.add(Logged.words(request.transcript))
            try await script.reply(to: request, part)
        }
        return ModelAgent(
            "ops", model: model,
            tools: [
                Tool("search", "Searches.", repeatable: true) { (_: Deployment, call) in
                    world.searched.add(call.id)
                    if holdsSearch { await world.gate.wait() }
                    try Task.checkCancellation()
                    return [7, 8]
                },
                Tool("deploy", "Deploys.", approval: .ask { "Deploy \($0.build)?" }) { (_: Deployment, call) in
                    world.deployed.add(call.id)
                    if holdsDeploy { await world.gate.wait() }
                    try Task.checkCancellation()
                    return "done"
                },
            ], restart: .resume)
    }

    /// One process, until it is killed.
    private struct Life: Sendable {
        let agent: ModelAgent
        let work: @Sendable (AgentProcess) async throws -> Void

        init(_ agent: ModelAgent, _ work: @escaping @Sendable (AgentProcess) async throws -> Void) {
            self.agent = agent
            self.work = work
        }
    }

    /// Lets one process after the other work over a log on disk, and kills each.
    private func processes(
        _ processes: [Life]
    ) async throws -> [AgentEvent] {
        let path = FileManager.default.temporaryDirectory.appending(path: "models-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        for life in processes {
            let log = FileEventLog(path: path + "/log")
            try await AgentProcess.with(log, clock, [life.agent], life.work)
            try await log.close()
            // Attempts begin at least ten seconds apart.
            clock.advance(by: .seconds(11))
        }
        let log = FileEventLog(path: path + "/log")
        _ = try await log.open()
        let events = try await Logged.events(log)
        try await log.close()
        return events
    }

    private static let asked = ["u:Deploy the newest", "a:I look. search=[7,8]"]

    /// Asked, killed, and answered in the next process: the body runs once, under the id that was shown.
    @Test func anApprovalIsAnsweredInTheNextProcess() async throws {
        let world = World()
        let events = try await processes([
            Life(
                Self.agent(world),
                { process in
                    try await process.send("Deploy the newest")
                    try await process.wait(for: .approvalRequested)
                }
            ),
            Life(
                Self.agent(world),
                { process in
                    try await process.answer(try await process.wait(for: .approvalRequested), true)
                    try await process.wait(for: .agentCompleted)
                }
            ),
        ])
        #expect(world.deployed.count == 1)
        #expect(world.requests.all.last == Self.asked + [#"a:I deploy it. deploy="done""#])
        #expect(
            events.map(Logged.word).filter { !$0.hasPrefix("usage") }.suffix(5) == [
                "approved", "succeeded deploy", "say Done.", "said Done.", "agent_completed",
            ])
    }

    /// Killed while a tool works that may be repeated: it runs again, under the same id.
    @Test func aRepeatableToolRunsAgain() async throws {
        let world = World()
        _ = try await processes([
            Life(
                Self.agent(world, holdsSearch: true),
                { process in
                    try await process.send("Deploy the newest")
                    try await process.wait(for: .toolExecuting)
                    while world.searched.count == 0 { await Task.yield() }
                }
            ),
            Life(
                Self.agent(world),
                { process in
                    try await process.answer(try await process.wait(for: .approvalRequested), true)
                    try await process.wait(for: .agentCompleted)
                }
            ),
        ])
        #expect(world.searched.count == 2 && Set(world.searched.all).count == 1)
        #expect(world.deployed.count == 1)
        #expect(world.requests.all[1] == Self.asked)
    }

    /// Killed while a tool works that may not: the model is told that it may have happened, and nobody does it again.
    @Test func anotherToolDoesNot() async throws {
        let world = World()
        let events = try await processes([
            Life(
                Self.agent(world, holdsDeploy: true),
                { process in
                    try await process.send("Deploy the newest")
                    try await process.answer(try await process.wait(for: .approvalRequested), true)
                    while world.deployed.count == 0 { await Task.yield() }
                }
            ),
            Life(Self.agent(world), { process in try await process.wait(for: .agentCompleted) }),
        ])
        #expect(world.deployed.count == 1)
        #expect(world.requests.all.last == Self.asked + ["a:I deploy it. deploy!tool.lost"])
        #expect(events.last?.type == .agentCompleted)
    }

    /// A tool that asks only since its process was started anew: it asks with its form, and its time begins with the answer.
    @Test func aQuestionOfTheNextProcessComesBeforeTheBody() async throws {
        let world = World()
        let forms = Tally<JSONValue?>()
        func agent(asks: Bool) throws -> ModelAgent {
            let form = try ApprovalSchema(["type": "object", "properties": ["note": ["type": "string"]]])
            let question: ToolQuestion<Deployment> = .when { _ in asks ? ToolApproval("Really?", schema: form) : nil }
            return ModelAgent(
                "ops", model: ScriptedModel([[.call("deploy", ["build": 8])], [.text("Done.")]]),
                tools: [
                    Tool("deploy", "Deploys.", repeatable: true, approval: question, timeout: .seconds(5)) {
                        (_: Deployment, call) in
                        world.deployed.add(call.id)
                        forms.add(call.approval?.form ?? nil)
                        if !asks { await world.gate.wait() }
                        try Task.checkCancellation()
                        return "done"
                    }
                ], restart: .resume)
        }
        let events = try await processes([
            Life(
                try agent(asks: false),
                { process in
                    try await process.send("Deploy the newest")
                    // A call that may be repeated does not wait for its commit.
                    try await process.wait(for: .toolExecuting)
                    while world.deployed.count == 0 { await Task.yield() }
                }
            ),
            Life(
                try agent(asks: true),
                { process in
                    let asked = try await process.wait(for: .approvalRequested)
                    clock.advance(by: .seconds(60))
                    try await process.answer(asked, true, ["note": "go"])
                    try await process.wait(for: .agentCompleted)
                }
            ),
        ])
        #expect(forms.all == [nil, ["note": "go"]] && Set(world.deployed.all).count == 1)
        let asked = events.compactMap { event -> ApprovalRequested? in
            if case .approvalRequested(let asked) = event.payload { asked } else { nil }
        }
        #expect(asked.count == 1 && asked.first?.kind == .input && asked.first?.callID == world.deployed.all.first)
        #expect(events.map(Logged.word).contains("succeeded deploy"))
    }

    /// Killed in the middle of a word: what was said is marked, and the answer is asked for again.
    @Test func anAnswerThatBrokeOffIsAskedForAgain() async throws {
        let world = World()
        let hanging = StagedModel { request, part in
            world.requests.add(Logged.words(request.transcript))
            try await part(.text("I th"))
            await world.gate.wait()
            try Task.checkCancellation()
        }
        let healthy = StagedModel { request, part in
            world.requests.add(Logged.words(request.transcript))
            try await part(.text("I think so."))
        }
        let events = try await processes([
            Life(
                ModelAgent("ops", model: hanging, restart: .resume),
                { process in
                    try await process.send("Well?")
                    try await process.wait(for: .messageDelta)
                }
            ),
            Life(
                ModelAgent("ops", model: healthy, restart: .resume),
                { process in try await process.wait(for: .agentCompleted) }
            ),
        ])
        #expect(world.requests.all == [["u:Well?"], ["u:Well?"]])
        #expect(
            events.map(Logged.word) == [
                "user_message", "agent_started", "say I th", "interrupted I th", "agent_paused", "agent_resumed",
                "say I think so.", "said I think so.", "usage 2/3 estimated", "agent_completed",
            ])
    }

    /// The steps of earlier processes count.
    @Test func limitsCountOverProcesses() async throws {
        let world = World()
        func agent(holds: Bool) -> ModelAgent {
            ModelAgent(
                "ops", model: ScriptedModel { _ in [.call("search", ["build": 1])] },
                tools: [
                    Tool("search", "Searches.", repeatable: true) { (_: Deployment, call) in
                        if world.searched.add(call.id) == 2, holds { await world.gate.wait() }
                        try Task.checkCancellation()
                        return 1
                    }
                ], limits: AgentLimits(steps: 5), restart: .resume)
        }
        let events = try await processes([
            Life(
                agent(holds: true),
                { process in
                    try await process.send("one")
                    while world.searched.count < 3 { await Task.yield() }
                }
            ),
            Life(agent(holds: false), { process in try await process.wait(for: .agentFailed) }),
        ])
        #expect(events.map(Logged.word).last == "failed run.step_limit")
        #expect(events.count { $0.type == .toolExecuting } == 5)
    }
}
