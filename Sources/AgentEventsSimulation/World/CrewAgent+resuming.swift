import AgentEvents
import AgentEventsHub

/// The agent continues what an earlier process has begun: it finishes what was asked, and answers.
extension CrewAgent: ResumableAgent {
    func resume(_ resumed: ResumedRun) async throws -> JSONValue? {
        guard await crew.pause() else { throw CancellationError() }
        do {
            for call in resumed.calls { try await finish(call, of: resumed) }
            for question in resumed.approvals { _ = try await resumed.answer(to: question) }
            try await resumed.run.say("again: \(resumed.prompt.text)")
        } catch {
            crew.checkPause(error, in: resumed.run.context.thread)
            throw error
        }
        guard await crew.pause() else { throw CancellationError() }
        return "answered"
    }

    /// A call that an earlier process has made, and whose body nobody has begun. A no is fine.
    private func finish(_ call: ResumedCall, of resumed: ResumedRun) async throws {
        do {
            try await resumed.finish(call) { call in
                crew.begin(call)
                _ = await crew.pause()
            }
        } catch is ApprovalRefused {
            return
        }
    }
}
