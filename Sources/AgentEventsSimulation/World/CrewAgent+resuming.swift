import AgentEvents
import AgentEventsHub

/// The agent continues what an earlier process has begun: it finishes what was asked, and answers.
extension CrewAgent: ResumableAgent {
    func resume(_ resumed: ResumedRun) async throws -> JSONValue? {
        guard await crew.pause() else { throw CancellationError() }
        do {
            try await finish(resumed)
            try await resumed.run.say("again: \(resumed.prompt.text)")
        } catch {
            crew.checkPause(error, in: resumed.run.context.thread)
            throw error
        }
        guard await crew.pause() else { throw CancellationError() }
        return "answered"
    }

    /// What was open in a run: its child runs, calls and questions.
    private func finish(_ resumed: ResumedRun) async throws {
        for child in resumed.children {
            crew.witness.count(.childResumed)
            do {
                try await resumed.withChild(child) { child in try await finish(child) }
            } catch let error as AgentEventsError where error.code == .order(.alreadyEnded) {
                // A child that was stopped meanwhile is no matter of its parent.
                continue
            }
        }
        for call in resumed.calls { try await finish(call, of: resumed) }
        for question in resumed.approvals {
            crew.witness.count(.questionResumed)
            _ = try await resumed.answer(to: question)
        }
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
