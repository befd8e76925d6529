package import AgentEvents
package import AgentEventsProtocol
package import Logging
import Synchronization

/// Runs the service's agents: a bounded number at once, all of them children of ``run()``.
package final class AgentDispatcher: Sendable {
    private let runtime: AgentRuntime
    private let agents: [any ServedAgent]
    private let logger: Logger
    private let slots: Mutex<AgentSlotsStateMachine>
    private let jobs: AsyncStream<AgentJob>
    private let handOver: AsyncStream<AgentJob>.Continuation
    private let cancellation = Gate()
    private let bodies: StuckBodies

    /// - Parameters:
    ///   - agents: the first one answers those who name none.
    ///   - maximumRuns: how many runs there may be at once; further ones are refused with `agents.busy`.
    ///   - bodies: is told of the agents that work after their runs have ended.
    package init(
        runtime: AgentRuntime,
        agents: [any ServedAgent],
        maximumRuns: Int,
        bodies: StuckBodies,
        logger: Logger
    ) {
        self.runtime = runtime
        self.agents = agents
        self.bodies = bodies
        self.logger = logger
        slots = Mutex(AgentSlotsStateMachine(maximumRuns: maximumRuns))
        // Never full: the caller that hands a run over has one of the slots.
        (jobs, handOver) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(maximumRuns))
    }

    /// Runs agents until ``close()``, and waits for those that still run. They are cancelled by ``cancel()``, or when
    /// the task is cancelled.
    package func run() async {
        await withTaskGroup { group in
            // Until the agents have ended, which is after they were cancelled.
            group.addTask { await self.bodies.watch() }
            await withTaskGroup { group in
                group.addTask { await self.runAgents() }
                group.addTask { await self.cancellation.wait() }
                // Whichever is first: all agents have ended, or have to be cancelled.
                await group.next()
                group.cancelAll()
            }
            group.cancelAll()
        }
    }

    private func runAgents() async {
        await withDiscardingTaskGroup { group in
            for await job in jobs {
                group.addTask { await self.execute(job) }
            }
        }
    }

    /// Takes no further runs; ``run()`` returns when those under way have ended. May be called several times.
    package func close() {
        act(on: slots.withLock { $0.close() })
    }

    /// Takes no further runs and cancels those under way. May be called several times.
    package func cancel() {
        close()
        cancellation.open()
    }

    /// The number of agents that run.
    package var runningCount: Int { slots.withLock { $0.running } }

    /// The agent of a name, or the first one.
    ///
    /// - Returns: `nil` when none is named and none is served: then others answer, by way of the events.
    /// - Throws: ``ProtocolError`` `agent.unknown` with the names of all agents.
    package func agent(named name: AgentName?) throws(ProtocolError) -> (any ServedAgent)? {
        guard let name else { return agents.first }
        if let agent = agents.first(where: { $0.name == name }) { return agent }
        let known = agents.isEmpty ? "none" : agents.map(\.name.rawValue).joined(separator: ", ")
        throw ProtocolError(.agentUnknown, "no agent of that name is served here; there are: \(known)")
    }

    /// Whether an agent takes a command of the application's own.
    func takes(_ command: CommandName, agent name: AgentName) -> Bool {
        (agents.first { $0.name == name } as? any CommandedAgent)?.takes(command) ?? false
    }

    /// Keeps a slot for a run. Each is followed by ``start(_:)`` or ``giveBack()``.
    ///
    /// - Throws: ``ProtocolError`` `agents.busy` or `server.stopping`.
    package func reserve() throws(ProtocolError) {
        switch slots.withLock({ $0.reserve() }) {
        case .accept:
            return
        case .rejectBusy:
            throw ProtocolError(.agentsBusy, "as many agents run as may; try again soon", isRetryable: true)
        case .rejectClosed:
            throw ProtocolError(.stopping, "the service is about to stop", isRetryable: true)
        }
    }

    /// Hands a run over to ``run()``, in a reserved slot.
    func start(_ job: AgentJob) {
        // Counted before it is handed over: it may end before the next line.
        let action = slots.withLock { $0.start() }
        handOver.yield(job)
        act(on: action)
    }

    /// Gives a reserved slot back.
    package func giveBack() {
        act(on: slots.withLock { $0.giveBack() })
    }

    private func act(on action: AgentSlotsStateMachine.HandOverAction) {
        switch action {
        case .none: break
        case .finish: handOver.finish()
        }
    }

    private func execute(_ job: AgentJob) async {
        defer {
            bodies.returned(job.run)
            slots.withLock { $0.didEnd() }
        }
        do {
            try await runtime.withJSONRun(
                user: job.owner, thread: job.thread, agent: job.agent.name, input: .string(job.prompt.text),
                id: job.run,
                observer: bodies.observer(of: job.run, in: job.thread, agent: job.agent.name)
            ) { run in
                try await job.agent.respond(to: job.prompt, run: run)
            }
        } catch {
            // The thread's readers are told by the run's last event.
            logger.info(
                "run ended with an error",
                metadata: [
                    "thread.id": "\(job.thread)", "run.id": "\(job.run)", "agent.name": "\(job.agent.name)",
                    "error.code": "\((error as? any CodedError)?.eventCode ?? "error")",
                ]
            )
        }
    }
}

/// A run to start.
struct AgentJob: Sendable {
    var agent: any ServedAgent
    var prompt: UserPrompt
    /// Made beforehand, so that the user who asked can be told.
    var run: RunID
    var thread: ThreadID
    /// The user the thread belongs to.
    var owner: UserID
}
