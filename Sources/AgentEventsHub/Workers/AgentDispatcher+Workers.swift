import AgentEvents
import AgentEventsProtocol
import Logging

// The runs of agents that workers serve: each is offered, and begins, or is continued, when a worker has taken it.

extension AgentDispatcher {
    // MARK: Starting

    /// Tries to start a queued run of a worker's agent, in the slot that it has. Nothing is logged before a worker has taken it.
    func attempt(_ entry: RunQueueStateMachine.Entry, by agent: WorkerAgent) async {
        guard workers.hasRoom(for: entry.agent) else { return wait(entry) }
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: entry.owner, thread: entry.place.thread)
            let looked = try await context.decide { machine, time in
                let load = machine.load
                let attempt = load.queue.first { $0.run == entry.place.run }?.attempt ?? 1
                return ThreadDecision((self.decide(on: entry, load, agent.settings, at: time).outcome, attempt))
            }
            guard case .decided(let look) = looked else {
                preconditionFailure("a request without a key is not repeated")
            }
            let (outcome, number) = look.outcome
            guard case .started(let messages, _) = outcome else { return end(entry, as: outcome) }
            var made = try await offer(of: entry, messages)
            made.attempt = number
            guard let lease = await workers.offer(made) else { return end(entry, as: .later) }
            try await start(entry, by: agent, lease, context)
        } catch {
            await endAttempt(entry, after: error)
        }
    }

    private func wait(_ entry: RunQueueStateMachine.Entry) {
        perform { $0.attemptEnded(entry.place, .held) }
        // After that: a worker may have come meanwhile, and is told of this one at once.
        workers.wait(for: entry.agent, in: entry.place.thread, of: entry.owner)
    }

    private func end(_ entry: RunQueueStateMachine.Entry, as outcome: Attempt) {
        switch outcome {
        case .held: perform { $0.attemptEnded(entry.place, .held) }
        case .later: perform { $0.attemptEnded(entry.place, .later) }
        case .gone: perform { $0.attemptEnded(entry.place, .gone) }
        case .started: preconditionFailure("a run that has started is worked for")
        }
    }

    /// - Throws: ``AgentEventsError`` when the log cannot be read.
    private func offer(
        of entry: RunQueueStateMachine.Entry,
        _ messages: [MessageID]
    ) async throws(AgentEventsError) -> Workers.Offer {
        // What was queued a moment ago may not be in the log yet.
        try await runtime.flush()
        do throws(EventLogError) {
            let head = try await runtime.log.thread(entry.place.thread)?.head
            let prompt = try await QueuedPrompt(entry, messages).read(from: runtime.log)
            return Workers.Offer(
                thread: entry.place.thread, owner: entry.owner, run: entry.place.run, agent: entry.agent,
                prompt: prompt,
                after: head)
        } catch {
            throw AgentEventsError(.log(error.code), error.message, cause: error)
        }
    }

    /// A worker has taken a run: it starts, unless something has come in between.
    private func start(
        _ entry: RunQueueStateMachine.Entry,
        by agent: WorkerAgent,
        _ lease: WorkerLease,
        _ context: ExecutionContext
    ) async throws(AgentEventsError) {
        let decided: DecidedRequest<Attempt>
        do throws(AgentEventsError) {
            decided = try await context.decide { machine, time in
                var decision = self.decide(on: entry, machine.load, agent.settings, at: time)
                decision.lease = lease.id
                return decision
            }
        } catch {
            workers.cancel(lease, .stopped)
            workers.end(lease)
            throw error
        }
        guard case .decided(let result) = decided else {
            preconditionFailure("a request without a key is not repeated")
        }
        guard case .started(_, let mayStartOthers) = result.outcome else {
            workers.cancel(lease, .stopped)
            workers.end(lease)
            return end(entry, as: result.outcome)
        }
        perform { $0.attemptEnded(entry.place, mayStartOthers ? .startedBesideOthers : .started) }
        guard let run = result.started else { preconditionFailure("the run that was started is known") }
        let prompt = lease.run.prompt
        let working = agent.working(by: lease, workers) { self.left(entry.place, of: entry.owner, $0) }
        await execute(
            AgentJob(agent: working, run: run, place: entry.place, author: entry.user) { _ in UserPrompt(prompt) })
        workers.end(lease)
    }

    // MARK: Losing

    /// A worker was lost, and the thread has what became of its run.
    private func left(_ place: RunQueueStateMachine.Place, of user: UserID, _ lost: ExecutionContext.LostLease) {
        switch lost {
        case .over, .ended(isRepeated: false):
            break
        case .ended(isRepeated: true):
            advanced.insert(place.thread, of: user)
            advances.signal()
        case .parked:
            // Its body returns first.
            let now = runtime.configuration.clock.now()
            parked.add(
                [ParkedRun(owner: ThreadOwner(thread: place.thread, user: user), run: place.run)],
                notBefore: Timestamp(milliseconds: now.milliseconds + 100))
        }
    }

    /// There may be a worker for what waits in a thread.
    ///
    /// - Returns: whether a run is known to be queued there.
    func retry(_ waiting: WorkersStateMachine.WaitingThread) -> Bool {
        var isKnown = false
        perform { queue in
            isKnown = !queue.queued(in: waiting.thread).isEmpty
            return queue.freed(waiting.thread)
        }
        guard !isKnown else { return true }
        advanced.insert(waiting.thread, of: waiting.user)
        advances.signal()
        return false
    }

    // MARK: Continuing

    /// Has a run offered to a worker that was left open, if its agent is a worker's. It is not continued here then.
    ///
    /// - Returns: `nil` for a run of another agent.
    func offer(
        _ run: ParkedRun,
        at place: RunQueueStateMachine.Place,
        _ context: ExecutionContext
    ) async throws(AgentEventsError) -> ParkedRuns.Look? {
        let looked = try await context.decide { machine, time in
            ThreadDecision((machine.recoverable(place.run)?.agent, machine.resumption(of: place.run, at: time)))
        }
        guard case .decided(let result) = looked else { preconditionFailure("a request without a key is not repeated") }
        let (name, resumption) = result.outcome
        guard let name, !agents.contains(where: { $0.name == name }) else { return nil }
        if case .begin = resumption, let agent = workers.agent(name), workers.hasRoom(for: name) {
            // Before it is handed over: it may be added again at once.
            parked.remove(place)
            jobs.put(.takeUp(run, by: agent))
            return .handedOver
        }
        perform { $0.endTakingUp(place, for: nil) }
        switch resumption {
        case .begin: return .notBefore(soon)
        case .gone: return .over
        case .wait: return .wait
        case .notBefore(let time): return .notBefore(time)
        }
    }

    private var soon: Timestamp { Timestamp(milliseconds: runtime.configuration.clock.now().milliseconds + 1000) }

    /// Offers a run to a worker that was left open, and has it continued when one has taken it.
    func takeUp(_ run: ParkedRun, by agent: WorkerAgent) async {
        let place = RunQueueStateMachine.Place(thread: run.owner.thread, run: run.run)
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: run.owner.user, thread: run.owner.thread)
            guard let made = try await offer(of: run, agent, context), let lease = await workers.offer(made) else {
                return leave(run)
            }
            await proceed(run, place, by: agent, lease, context)
        } catch {
            logger.info(
                "open run not taken up",
                metadata: [
                    "thread.id": "\(place.thread)", "run.id": "\(place.run)", "error.code": "\(error.code)",
                ])
            leave(run)
        }
    }

    /// It is looked at again in a moment.
    private func leave(_ run: ParkedRun) {
        let place = RunQueueStateMachine.Place(thread: run.owner.thread, run: run.run)
        perform { $0.endTakingUp(place, for: nil) }
        parked.add([run], notBefore: soon)
    }

    /// - Returns: `nil` for a run that is open no longer.
    private func offer(
        of run: ParkedRun,
        _ agent: WorkerAgent,
        _ context: ExecutionContext
    ) async throws(AgentEventsError) -> Workers.Offer? {
        guard let work = try await context.work(of: run.run) else { return nil }
        try await runtime.flush()
        do throws(EventLogError) {
            let head = try await runtime.log.thread(run.owner.thread)?.head
            let prompt = try await QueuedPrompt(
                thread: run.owner.thread, messages: work.beginning.messageIDs, before: work.firstSequence,
                input: work.beginning.input, author: work.beginning.by ?? run.owner.user
            ).read(from: runtime.log)
            return Workers.Offer(
                thread: run.owner.thread, owner: run.owner.user, run: run.run, attempt: work.attempt, agent: agent.name,
                prompt: prompt, after: head, isResumed: true)
        } catch {
            throw AgentEventsError(.log(error.code), error.message, cause: error)
        }
    }

    private func proceed(
        _ run: ParkedRun,
        _ place: RunQueueStateMachine.Place,
        by agent: WorkerAgent,
        _ lease: WorkerLease,
        _ context: ExecutionContext
    ) async {
        let attachment: RunAttachment
        do throws(AgentEventsError) {
            attachment = try await context.attach(run.run, lease: lease.id)
        } catch {
            workers.cancel(lease, .stopped)
            workers.end(lease)
            return leave(run)
        }
        guard case .taken(let work) = attachment, let accepted = work.run else {
            // Something has come in between.
            workers.cancel(lease, .stopped)
            workers.end(lease)
            return leave(run)
        }
        // The run works from here on, also before its body has a slot: whoever emits for it does not wait for that, and keeps nobody
        // waiting.
        lease.begin()
        let author = work.beginning.by ?? run.owner.user
        let prompt = lease.run.prompt
        let working = agent.working(by: lease, workers) { self.left(place, of: run.owner.user, $0) }
        var job = AgentJob(agent: working, run: accepted, place: place) { _ in UserPrompt(prompt) }
        job.resumed = work
        job.author = work.beginning.by
        perform { $0.endTakingUp(place, for: author) }
        await execute(job)
        workers.end(lease)
    }
}

extension UserPrompt {
    fileprivate init(_ prompt: WorkerRun.Prompt) {
        self.init(text: prompt.text, data: prompt.data, messageID: prompt.message, author: prompt.author)
    }
}
