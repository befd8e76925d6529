package import AgentEvents
import AgentEventsProtocol

/// An agent that a worker serves. Its body is the lease: it waits until the run has ended in the log, which tells the worker unless
/// it has done that itself, or until the worker is lost.
package struct WorkerAgent: ResumableAgent {
    package let name: AgentName
    package let restart: RestartMode
    /// The lease by which the run is worked for; `nil` for an agent that was only looked up.
    private var work: Work?

    private struct Work: Sendable {
        let lease: WorkerLease
        let workers: Workers
        /// Is told that the run stays open, or that another one does it again.
        let left: @Sendable (ExecutionContext.LostLease) -> Void
    }

    init(name: AgentName, restart: RestartMode) {
        self.name = name
        self.restart = restart
    }

    /// The agent for one run.
    func working(
        by lease: WorkerLease,
        _ workers: Workers,
        left: @escaping @Sendable (ExecutionContext.LostLease) -> Void
    ) -> WorkerAgent {
        var agent = self
        agent.work = Work(lease: lease, workers: workers, left: left)
        return agent
    }

    package func respond(to prompt: UserPrompt, run: AgentRun) async throws -> JSONValue? {
        guard let work else { preconditionFailure("a worker's agent works by a lease") }
        let lease = work.lease
        lease.begin()
        defer { work.workers.end(lease) }
        var end: LeasedRunEnd?
        if await lease.lost.wait() {
            let lost: ExecutionContext.LostLease
            do {
                lost = try await run.context.lose(lease.id, of: run.id)
            } catch {
                work.workers.cancel(lease, .lost)
                // The log takes nothing any longer: the next process finds the run open.
                throw error
            }
            work.left(lost)
            if case .over(let how) = lost { end = how }
        } else {
            // The run has ended, or this process lets go of it.
            end = await run.context.endLease(lease.id, of: run.id)
        }
        switch end ?? .lost {
        case .byWorker: break
        case .stopped: work.workers.cancel(lease, .stopped)
        case .superseded: work.workers.cancel(lease, .superseded)
        case .deadline: work.workers.cancel(lease, .deadline)
        case .lost: work.workers.cancel(lease, .lost)
        }
        throw RunLeftOpen()
    }

    package func resume(_ resumed: ResumedRun) async throws -> JSONValue? {
        try await respond(to: resumed.prompt, run: resumed.run)
    }
}
