import AgentEvents
import AgentEventsHub

/// The agent continues what an earlier process has begun: it finishes what was asked, and answers.
extension CrewAgent: ResumableAgent {
    func resume(_ resumed: ResumedRun) async throws -> JSONValue? {
        guard await crew.pause() else { throw CancellationError() }
        do {
            for call in resumed.calls { try await resumed.finish(call) { _ in _ = await crew.pause() } }
            try await resumed.run.say("again: \(resumed.prompt.text)")
        } catch {
            crew.checkPause(error, in: resumed.run.context.thread)
            throw error
        }
        guard await crew.pause() else { throw CancellationError() }
        return "answered"
    }
}
