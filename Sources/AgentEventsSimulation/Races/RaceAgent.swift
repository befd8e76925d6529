import AgentEvents
import AgentEventsHub
import Synchronization

/// The agent of a race: it takes each step when the race says so, and ignores that its task is cancelled while it waits for
/// that.
struct RaceAgent: ConcurrentAgent, ResumableAgent {
    /// The message whose run is raced.
    static let question = "main"
    /// The time for an answer to what the run asks.
    static let patience = Duration.seconds(30)

    let name: AgentName = "guide"
    let gates: RaceGates

    var concurrency: AgentConcurrency {
        var settings = AgentConcurrency()
        settings.takesInput = true
        settings.settleTime = .seconds(1)
        return settings
    }

    func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        try await run.say("one")
        try await gates.step()
        if prompt.text == Self.question { try await deploy(run) }
        return try await finish(run)
    }

    func resume(_ resumed: ResumedRun) async throws -> JSONValue? {
        for call in resumed.calls {
            do {
                try await resumed.finish(call) { _ in try await gates.work() }
            } catch is ApprovalRefused {
                continue
            }
        }
        return try await finish(resumed.run)
    }

    private func deploy(_ run: AgentRun) async throws {
        let approval = ToolApproval("Deploy?", within: Self.patience)
        do {
            try await run.tool("deploy", id: "c_1", arguments: [:] as JSONValue, approval: approval) { _ in
                try await gates.work()
            }
        } catch is ApprovalRefused {
            return
        }
    }

    private func finish(_ run: AgentRun) async throws -> JSONValue? {
        try await run.say("two")
        for message in try await run.takeInput() { try await run.say(message.text) }
        try await gates.step()
        return "done"
    }
}

/// The places at which agents wait for the race, in one process.
final class RaceGates: Sendable {
    let steps = Pauses()
    let tools = Pauses()
    /// The number of bodies of the tool that have begun, in all processes.
    private let begun: Mutex<Int>

    init(begun: Int) { self.begun = Mutex(begun) }

    var begunCount: Int { begun.withLock { $0 } }

    func step() async throws {
        guard await steps.pause() else { throw CancellationError() }
    }

    /// The body of the tool.
    func work() async throws {
        begun.withLock { $0 += 1 }
        guard await tools.pause() else { throw CancellationError() }
    }

    func stop() {
        steps.stop()
        tools.stop()
    }
}
