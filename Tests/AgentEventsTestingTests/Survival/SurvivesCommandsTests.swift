import AgentEvents
import AgentEventsTesting
import Synchronization
import Testing

/// The reports of `survivesCommands` about agents that survive, and about agents that do not.
struct SurvivesCommandsTests {
    /// Counts what a stand-in for a deployer does.
    private final class Deployer: Sendable {
        private let state = Mutex(0)

        var count: Int { state.withLock { $0 } }
        func deploy() { state.withLock { $0 += 1 } }
    }

    private static let form: ApprovalSchema = {
        guard
            let form = try? ApprovalSchema([
                "type": "object",
                "properties": [
                    "environment": ["type": "string", "enum": ["staging", "production"]],
                    "note": ["type": "string", "minLength": 3], "copies": ["type": "integer", "minimum": 2],
                ],
                "required": ["environment", "note", "copies"],
            ])
        else { preconditionFailure("the form is one") }
        return form
    }()

    /// Says what it does, searches, asks, and does it.
    private static func good(_ deployer: Deployer) -> @Sendable (AgentRun) async throws -> JSONValue? {
        { run in
            try await run.think("I look for the newest build")
            try await run.tool("search", arguments: ["name": "app"]) { call in try await call.progress("half") }
            let approval = ToolApproval("Deploy it?", schema: form)
            do {
                try await run.tool("deploy", arguments: ["build": 7], approval: approval) { _ in deployer.deploy() }
                try await run.say("It is deployed.")
            } catch let refused as ApprovalRefused {
                try await run.say("It is not deployed: \(refused).")
            }
            guard case .approved = try await run.approve("Tell the others?") else { return "kept" }
            try await run.withChild(agent: "helper") { child in try await child.say("It is done.") }
            return "told"
        }
    }

    /// The issues that are reported.
    private static func report(
        failsWhenRefused: Bool = false,
        effects: Deployer? = nil,
        clock: any Clock<Duration> = ManualClock(),
        _ body: @escaping @Sendable (AgentRun) async throws -> JSONValue?
    ) async -> [String] {
        let reports = Reports()
        var count: (@Sendable () -> Int)?
        if let effects { count = { effects.count } }
        await withKnownIssue(isIntermittent: true) {
            await survivesCommands(failsWhenRefused: failsWhenRefused, effects: count, clock: clock, body)
        } matching: { issue in
            reports.add(issue.comments.map(\.rawValue).joined())
            return true
        }
        return reports.texts
    }

    @Test func anAgentThatLetsErrorsThroughSurvives() async {
        let deployer = Deployer()
        await survivesCommands(effects: { deployer.count }, clock: ManualClock(), Self.good(deployer))
        #expect(deployer.count > 0)
    }

    /// A loop that takes every error for one to try again does not end when it is stopped.
    @Test func aBodyThatSwallowsItsCancellationHangs() async throws {
        let clock = ManualClock()
        let texts = await Self.report(clock: clock) { run in
            while true {
                do {
                    try await run.say("one")
                    try await run.say("two")
                    return nil
                } catch {
                    // It would try again, for ever; the test abandons it here, and lets its time pass.
                    await Task {
                        try? await clock.waitForSleepers()
                        clock.advance(by: .seconds(60))
                    }.value
                    await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
                }
            }
        }
        #expect(texts.count == 1)
        let text = try #require(texts.first)
        #expect(text.contains("does not survive a stop after event 1, agent_started agent:"), "\(text)")
        #expect(text.contains("its code has not returned within 60.0 seconds."), "\(text)")
    }

    @Test func aNoThatFailsTheRunIsReported() async throws {
        let body: @Sendable (AgentRun) async throws -> JSONValue? = { run in
            try await run.tool("deploy", arguments: ["build": 7], approval: ToolApproval("Deploy it?")) { _ in }
            return nil
        }
        let text = try #require(await Self.report(body).first)
        #expect(text.contains("does not survive a no to question 1, \"Deploy it?\""), "\(text)")
        #expect(text.contains("A no is an answer"), "\(text)")
        #expect(await Self.report(failsWhenRefused: true, body) == [])
    }

    /// An agent that does things past its handle is told of the pause, and takes it for a failure.
    @Test func aPauseThatFailsTheRunIsReported() async throws {
        let text = try #require(
            await Self.report { run in
                for step in 1...20 {
                    let progress = AgentProgress(step: step)
                    try await run.context.emit(EventDraft(runID: run.id, .agentProgress(progress)))
                }
                return nil
            }.first)
        #expect(text.contains("does not survive a pause after event"), "\(text)")
        #expect(text.contains("A pause is no failure"), "\(text)")
    }

    @Test func aToolThatWorksBeforeItIsApprovedIsReported() async throws {
        let deployer = Deployer()
        let texts = await Self.report(effects: deployer) { run in
            try await run.tool("deploy", arguments: ["build": 7]) { call in
                deployer.deploy()
                guard case .approved = try await run.approve("Deploy it?", for: call.id) else { return }
            }
            return nil
        }
        let text = try #require(texts.first)
        #expect(text.contains("it has done 1 thing before anybody has approved anything"), "\(text)")
    }

    /// A thing is done without a yes, and no call tells it: only the count of the things that were done shows it.
    @Test func anEffectWithoutAYesIsReported() async throws {
        let deployer = Deployer()
        let texts = await Self.report(effects: deployer) { run in
            _ = try await run.approve("Deploy it?")
            deployer.deploy()
            return nil
        }
        let text = try #require(texts.first)
        #expect(text.contains("a no to question 1"), "\(text)")
        #expect(text.contains("it has done 1 thing, and nobody has approved it"), "\(text)")
    }

    /// A call that ends well although nobody said yes.
    @Test func aCallThatSucceedsWithoutAYesIsReported() async throws {
        let text = try #require(
            await Self.report { run in
                try await run.tool("deploy", arguments: ["build": 7]) { call in
                    _ = try await run.approve("Deploy it?", for: call.id)
                }
                return nil
            }.first)
        #expect(text.contains("of deploy has succeeded, and nobody has approved it"), "\(text)")
    }

    /// After a no it does what it does after a yes; another question was approved before.
    @Test func aNoThatChangesNothingIsReported() async throws {
        let deployer = Deployer()
        let texts = await Self.report(effects: deployer) { run in
            guard case .approved = try await run.approve("May I look?") else { return nil }
            _ = try await run.approve("Deploy it?")
            deployer.deploy()
            return nil
        }
        let text = try #require(texts.first)
        #expect(text.contains("a no to question 2"), "\(text)")
        #expect(text.contains("it has done 1 thing then, as after a yes"), "\(text)")
    }

    /// To be sure it does it once more when something fails.
    @Test func aToolThatWorksTwiceIsReported() async throws {
        let deployer = Deployer()
        let texts = await Self.report(effects: deployer) { run in
            do {
                try await run.tool("deploy", arguments: ["build": 7]) { _ in deployer.deploy() }
                try await run.say("It is deployed.")
            } catch {
                deployer.deploy()
                throw error
            }
            return nil
        }
        let text = try #require(texts.first)
        #expect(text.contains("it has done 2 things, undisturbed it does 1: a tool has worked twice"), "\(text)")
    }

    /// It finds that it has been there before, and does not know what to make of it.
    @Test func anAgentThatCannotBeAskedAgainIsReported() async throws {
        struct Confused: Error {}
        let text = try #require(
            await Self.report { run in
                if try await run.history().messages.contains(where: { $0.role == .assistant }) { throw Confused() }
                try await run.say("Hello")
                return nil
            }.first)
        #expect(text.contains("does not survive"), "\(text)")
        #expect(text.contains("asked again by the next process, its run has ended as"), "\(text)")
    }

    @Test func anAgentThatDoesNotEvenCompleteIsReported() async throws {
        struct Broken: Error {}
        let text = try #require(await Self.report { _ in throw Broken() }.first)
        #expect(
            text.contains("does not survive a run in which nothing happens to it: its run has ended as agent_failed"))
    }
}
