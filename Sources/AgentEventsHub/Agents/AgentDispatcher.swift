package import AgentEvents
package import AgentEventsProtocol
package import Logging
import Synchronization

/// Runs the service's agents, all of them children of ``run()``: those that start at once, and the queued ones when it is
/// their turn.
///
/// ``RunQueueStateMachine`` says which queued run is tried next. Whether it starts is decided in its thread, on what the log
/// has. So it does not matter that others may start, queue or stop something in the thread at the same time, also from
/// another process that writes the log.
///
/// ```
/// request ── admit ──> decided in its thread ── settle ──┬── started: its body works, in a slot
///                                                        └── queued ──> RunQueueStateMachine ──> attempt ──┘
///                                                                          ^
///                   commits that end something, time, other processes ─────┘
///
/// found open (``ParkedRuns``) ── taken up, in its thread ──> its body works, once it has a slot
/// ```
///
/// The file is long because the actions after every change of the queue are done here, in one place.
package final class AgentDispatcher: Sendable {
    let runtime: AgentRuntime
    let agents: [any ServedAgent]
    let logger: Logger
    let queue: Mutex<RunQueueStateMachine>
    /// Says if anything is queued or works: commits are looked at then.
    let isConcerned = Atomic<Bool>(false)
    /// Says if a run rests: each event of its thread may end that.
    let hasResting = Atomic<Bool>(false)
    /// The threads in which runs may have begun to rest, or ended it, and that have not been looked at since.
    let rested = ThreadSet()
    let rests = WakeSignal()
    /// The tasks that wait until their run has a slot.
    private let slotWaiters = SlotWaiters()
    let parked = ParkedRuns()
    /// The programs outside that work for agents.
    let workers: Workers
    let jobs: AgentJobs
    private let cancellation = Gate()
    private let bodies: StuckBodies
    /// Signalled when time will change something.
    private let timer = WakeSignal()
    /// The threads in which others have written, or the runtime has queued a run, and that have not been looked at since.
    let advanced = ThreadSet()
    let advances = WakeSignal()
    /// The agents of which was told that a queued run waits for one that is not served.
    private let missing = Mutex<Set<AgentName>>([])

    /// The policy for agents that have none of their own.
    private let policy: ConcurrencyPolicy

    /// - Parameters:
    ///   - agents: the first one answers those who name none.
    ///   - policy: the policy for agents that have none of their own.
    ///   - bodies: is told of the agents that work after their runs have ended.
    ///   - workers: the limits on programs outside that work for agents.
    package init(
        runtime: AgentRuntime,
        agents: [any ServedAgent],
        limits: RunQueueStateMachine.Limits,
        policy: ConcurrencyPolicy,
        bodies: StuckBodies,
        workers: WorkersStateMachine.Limits = WorkersStateMachine.Limits(),
        logger: Logger
    ) {
        let workers = Workers(runtime, ownAgents: agents.map(\.name), limits: workers, logger: logger)
        self.workers = workers
        self.runtime = runtime
        self.agents = agents
        self.policy = policy
        self.bodies = bodies
        self.logger = logger
        queue = Mutex(RunQueueStateMachine(limits: limits))
        jobs = AgentJobs(roomCount: max(1, limits.running))
        runtime.hub.add(self)
        runtime.observeQueue { [advanced, advances] owner in
            advanced.insert(owner.thread, of: owner.user)
            advances.signal()
        }
        runtime.keepSlots(
            wait: { [weak self] owner, run in
                await self?.waitForSlot(RunQueueStateMachine.Place(thread: owner.thread, run: run))
            },
            rest: { [rested, rests] owner in
                rested.insert(owner.thread, of: owner.user)
                rests.signal()
            })
        let policies = Dictionary(agents.map { ($0.name, $0.recovery) }) { first, _ in first }
        runtime.recover { policies[$0] ?? RunRecovery.Policy(workers.restart(of: $0) ?? .never) }
        runtime.readBeforeRecovery { await workers.load() }
        workers.onRoom { [weak self] in self?.retry($0) ?? true }
        for agent in agents where agent.resumesWithoutSayingHow {
            logger.warning(
                "agent asks for runs that are resumed and is no ResumableAgent: they are lost with their process",
                metadata: ["agent.name": "\(agent.name)"])
        }
    }

    // MARK: Life

    /// Runs agents until ``close()``, and waits for those that still run. They are cancelled by ``cancel()``, or when
    /// the task is cancelled.
    package func run() async {
        defer { runtime.hub.remove(self) }
        await withTaskGroup { beside in
            // Until the agents have ended, which is after they were cancelled.
            beside.addTask { await self.bodies.watch() }
            beside.addTask { await self.watchTime() }
            beside.addTask { await self.takeUpQueue() }
            beside.addTask { await self.watchRests() }
            beside.addTask { await self.watchParked() }
            beside.addTask { await self.workers.watch() }
            await withTaskGroup { group in
                group.addTask { await self.runAgents() }
                group.addTask { await self.cancellation.wait() }
                // Whichever is first: all agents have ended, or have to be cancelled.
                await group.next()
                group.cancelAll()
            }
            beside.cancelAll()
        }
    }

    private func runAgents() async {
        await withDiscardingTaskGroup { group in
            await jobs.forEach { job in
                group.addTask {
                    switch job {
                    case .work(let job): await self.execute(job)
                    case .attempt(let entry): await self.attempt(entry)
                    case .takeUp(let run, let agent): await self.takeUp(run, by: agent)
                    }
                }
            }
        }
    }

    /// Takes no further runs, and starts none of the queued ones; ``run()`` returns when those under way have ended. May
    /// be called several times.
    package func close() {
        runtime.stopTakingUp()
        perform { $0.close() }
        workers.close()
    }

    /// Takes no further runs and cancels those under way. May be called several times.
    package func cancel() {
        close()
        cancellation.open()
    }

    /// The number of agents that run.
    package var runningCount: Int { queue.withLock { $0.bodyCount } }

    /// The number of slots in use: of the agents that run, without those that wait for a person.
    package var slotCount: Int { queue.withLock { $0.slotCount } }

    /// The runs that work, without those that wait for a person.
    var working: [RunQueueStateMachine.Place] { queue.withLock { $0.working } }

    /// The number of queued runs that this process knows.
    package var queuedCount: Int { queue.withLock { $0.queuedCount } }

    /// The number of runs that stayed open when an earlier process was lost, and for which nobody works yet.
    package var parkedCount: Int { parked.count }

    // MARK: Agents

    /// The agent of a name, or the first one.
    ///
    /// - Parameters:
    ///   - thread: the one that it is for.
    ///   - owner: the user of the thread. An agent whose workers may not work for them is not served for them.
    /// - Returns: `nil` when none is named and none is served: then others answer, by way of the events.
    /// - Throws: ``ProtocolError`` `agent.unknown` with the names of all agents.
    package func agent(
        named name: AgentName?,
        in thread: ThreadID,
        of owner: UserID
    ) throws(ProtocolError) -> (any ServedAgent)? {
        guard let name else { return agents.first ?? workers.firstAgent(for: owner) }
        if let agent = agents.first(where: { $0.name == name }) ?? workers.agent(name, for: owner) { return agent }
        let known = agents.isEmpty ? "none" : agents.map(\.name.rawValue).joined(separator: ", ")
        throw ProtocolError(
            .agentUnknown, "the agent \(name) is not served here; there are: \(known)", threadID: thread)
    }

    func served(_ name: AgentName) -> (any ServedAgent)? { agents.first { $0.name == name } ?? workers.agent(name) }

    /// Whether runs may be for agents of this process, or of its workers.
    var hasAgents: Bool { !agents.isEmpty || workers.hasServed }

    /// The agents that take input while they run.
    var inputAgents: Set<AgentName> { Set(agents.filter { $0.settings.takesInput }.map(\.name)) }

    /// Says if an agent takes a command of the application's own.
    func takes(_ command: CommandName, agent name: AgentName) -> Bool {
        (served(name) as? any CommandedAgent)?.takes(command) ?? false
    }

    // MARK: Requests

    /// A request for a run comes in, on behalf of a user. It is followed by ``settle(_:as:)``.
    ///
    /// - Throws: ``ProtocolError`` `server.stopping`.
    func admit(_ user: UserID, in thread: ThreadID) throws(ProtocolError) -> RunQueueStateMachine.Admission {
        guard let admission = queue.withLock({ $0.admit(user) }) else {
            throw ProtocolError.stopping(in: thread)
        }
        return admission
    }

    /// Says if nothing queued in a thread is tried before something in it ends.
    package func holds(_ thread: ThreadID) -> Bool { queue.withLock { $0.isHeld(thread) } }

    /// Whether a run may start, or be taken up: those that were are on their way to their tasks.
    var hasRoom: Bool { jobs.hasRoom }

    /// Says if bodies of runs of a thread have not returned.
    func hasBodies(in thread: ThreadID) -> Bool { queue.withLock { $0.hasBodies(in: thread) } }

    /// The request of an admission was decided.
    ///
    /// - Parameter job: the run to work for, when one has started.
    func settle(
        _ admission: RunQueueStateMachine.Admission,
        as outcome: RunQueueStateMachine.Outcome,
        _ job: AgentJob? = nil
    ) {
        perform(job) { $0.settle(admission.ticket, as: outcome) }
        // What ends it may be committed already. One that can be tried is found to be gone then; this one is looked for.
        guard case .queued(let entry, settlesUntil: _) = outcome, entry.notBefore != nil else { return }
        advanced.insert(entry.place.thread, of: entry.owner)
        advances.signal()
    }

    /// Changes the queue, and does what follows.
    ///
    /// - Parameter job: the run to work for, when one has started.
    func perform(
        _ job: AgentJob? = nil,
        _ input: (inout RunQueueStateMachine) -> [RunQueueStateMachine.Action]
    ) {
        let now = runtime.configuration.clock.now()
        let (actions, hasNewTime) = queue.withLock { queue in
            let known = queue.nextTime
            let actions = queue.timePassed(to: now) + input(&queue)
            isConcerned.store(!queue.isIdle, ordering: .sequentiallyConsistent)
            hasResting.store(queue.hasResting, ordering: .sequentiallyConsistent)
            return (actions, queue.nextTime.map { $0 != known } ?? false)
        }
        // Before the machine may say that no further one comes.
        if let job { jobs.put(.work(job)) }
        var early: [RunQueueStateMachine.Entry] = []
        for action in actions {
            switch action {
            case .start(let entry):
                if jobs.hasRoom { jobs.put(.attempt(entry)) } else { early.append(entry) }
            case .proceed(let place): slotWaiters.wake(place)
            case .finish: jobs.finish()
            }
        }
        if hasNewTime { timer.signal() }
        for entry in early { perform { $0.attemptEnded(entry.place, .later) } }
    }

    // MARK: Working

    func execute(_ job: AgentJob) async {
        defer {
            bodies.returned(job.place.run)
            perform { $0.bodyEnded(job.place) }
            slotWaiters.wake(job.place)
        }
        let trace = Mutex<TraceContext?>(nil)
        do {
            let observer = bodies.observer(
                of: job.place.run, in: job.place.thread, agent: job.agent.name, trace: { trace.withLock { $0 } })
            try await runtime.work(for: job.run, observer: observer) { run in
                guard let work = job.resumed else {
                    let prompt = try await job.prompt(run)
                    trace.withLock { $0 = prompt.trace }
                    return try await job.agent.respond(to: prompt, run: run.asked(by: job.author ?? prompt.author))
                }
                guard let agent = job.agent as? any ResumableAgent else {
                    preconditionFailure("a run stays open for an agent that resumes it")
                }
                try await run.beginResumed()
                let prompt = try await job.prompt(run)
                trace.withLock { $0 = prompt.trace }
                let asked = run.asked(by: job.author ?? prompt.author)
                return try await agent.resume(ResumedRun(asked, work, prompt))
            }
        } catch is RunLeftOpen {
            // A worker has done what there was to do, or another one will.
        } catch {
            // The thread's readers are told by the run's last event.
            var metadata: Logger.Metadata = [
                "thread.id": "\(job.place.thread)", "run.id": "\(job.place.run)", "agent.name": "\(job.agent.name)",
                "error.code": "\((error as? any CodedError)?.eventCode ?? "error")",
            ]
            TraceMetadata.add(trace.withLock { $0 }, to: &metadata)
            logger.info("run ended with an error", metadata: metadata)
        }
    }

    /// The outcome for a queued run whose turn it seemed to be.
    enum Attempt: Sendable {
        case started(messages: [MessageID], mayStartOthers: Bool)
        case held
        case later
        case gone
    }

    /// Tries to start a queued run, in the slot that it has.
    private func attempt(_ entry: RunQueueStateMachine.Entry) async {
        guard let agent = served(entry.agent) else {
            // It keeps its place in the log, and so do those after it: another process may serve its agent.
            noteMissing(entry)
            workers.wait(for: entry.agent, in: entry.place.thread, of: entry.owner)
            return perform { $0.attemptEnded(entry.place, .held) }
        }
        if let agent = agent as? WorkerAgent { return await attempt(entry, by: agent) }
        do throws(AgentEventsError) {
            let context = try await runtime.context(user: entry.owner, thread: entry.place.thread)
            let settings = agent.settings
            let decided = try await context.decide { machine, time in
                self.decide(on: entry, machine.load, settings, at: time)
            }
            guard case .decided(let result) = decided else {
                preconditionFailure("a request without a key is not repeated")
            }
            switch result.outcome {
            case .held:
                perform { $0.attemptEnded(entry.place, .held) }
            case .later:
                perform { $0.attemptEnded(entry.place, .later) }
            case .gone:
                perform { $0.attemptEnded(entry.place, .gone) }
            case .started(let messages, let mayStartOthers):
                perform { $0.attemptEnded(entry.place, mayStartOthers ? .startedBesideOthers : .started) }
                guard let run = result.started else { preconditionFailure("the run that was started is known") }
                let log = runtime.log
                await execute(
                    AgentJob(agent: agent, run: run, place: entry.place, author: entry.user) { run in
                        // What was queued a moment ago may not be in the log yet.
                        try await run.flush()
                        return try await QueuedPrompt(entry, messages).read(from: log)
                    })
            }
        } catch {
            await endAttempt(entry, after: error)
        }
    }

    /// An attempt could not be decided.
    func endAttempt(_ entry: RunQueueStateMachine.Entry, after error: AgentEventsError) async {
        logger.info(
            "queued run not started",
            metadata: [
                "thread.id": "\(entry.place.thread)", "run.id": "\(entry.place.run)", "error.code": "\(error.code)",
            ])
        let isGone = await isGone(entry.place.thread, error)
        perform { $0.attemptEnded(entry.place, isGone ? .gone : .later) }
    }

    /// Whether the queued runs of a thread are gone with it, for their user, so that no event tells of them any longer. Every other
    /// error may go by, and so may that of a deletion under way: until the log has it, the thread may stay.
    private func isGone(_ thread: ThreadID, _ error: AgentEventsError) async -> Bool {
        switch error.code {
        case .threadForbidden: return true
        case .threadDeleted:
            // Where it cannot say so, it is asked again.
            let deletion = try? await (runtime.log as? any DeletingEventLog)?.deletion(of: thread)
            return deletion != nil
        default: return false
        }
    }

    func decide(
        on entry: RunQueueStateMachine.Entry,
        _ load: ThreadLoad,
        _ settings: AgentConcurrency,
        at time: Timestamp
    ) -> ThreadDecision<Attempt> {
        let limit = settings.policy ?? policy == .parallel ? max(1, settings.parallelLimit) : 1
        let action = ConcurrencyPolicy.mayStart(
            entry.place.run, load, at: time, parallelLimit: limit, isServed: mayBeStarted)
        switch action {
        case .leave: return ThreadDecision(.gone)
        case .wait: return ThreadDecision(.held)
        case .waitForAnother: return ThreadDecision(.later)
        case .start(let place):
            let start = QueuedStart(load, place: place, merges: settings.mergesQueued, at: time)
            let mayStartOthers = load.roots.count + 1 < limit
            return ThreadDecision(
                .started(messages: start.messageIDs, mayStartOthers: mayStartOthers), drafts: start.drafts,
                startedRun: entry.place.run)
        }
    }

    /// Says if a run of an agent could be started, here or by another process with this log.
    private func mayBeStarted(_ agent: AgentName) -> Bool { runtime.log is any ContendedLog || served(agent) != nil }

    private func noteMissing(_ entry: RunQueueStateMachine.Entry) {
        guard missing.withLock({ $0.insert(entry.agent).inserted }) else { return }
        logger.warning(
            "queued runs wait for an agent that is not served here",
            metadata: [
                "agent.name": "\(entry.agent)", "thread.id": "\(entry.place.thread)", "run.id": "\(entry.place.run)",
            ])
    }

    // MARK: Rests

    /// Gives the slots of runs that wait for people to others, and has them asked for again when these continue.
    private func watchRests() async {
        while await rests.wait() {
            for (thread, user) in rested.take().sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                let places = queue.withLock { $0.bodies(in: thread) }
                guard !places.isEmpty, let context = try? await runtime.context(user: user, thread: thread) else {
                    continue
                }
                let resting = await context.restingRuns
                perform { queue in
                    places.flatMap { place in
                        // A run does not rest while a part of it continues, which the next event shows.
                        resting.contains(place.run) && !slotWaiters.has(place)
                            ? queue.waits(place) : queue.mayContinue(place)
                    }
                }
            }
        }
    }

    /// Returns when a run has a slot, or needs none, or the task is cancelled.
    private func waitForSlot(_ place: RunQueueStateMachine.Place) async {
        // Before it is asked for: what is given at once finds somebody.
        let signal = slotWaiters.add(of: place)
        perform { $0.mayContinue(place) }
        if !queue.withLock({ $0.isContinuing(place) }) { signal.signal() }
        _ = await signal.wait()
        slotWaiters.remove(signal, of: place)
    }

    // MARK: Time

    /// Looks at the queue when a delayed run may start.
    private func watchTime() async {
        while !Task.isCancelled {
            guard let next = queue.withLock({ $0.nextTime }) else {
                _ = await timer.wait()
                continue
            }
            let now = runtime.configuration.clock.now()
            // The wall clock may be moved.
            let pause = Duration.milliseconds(max(1, min(60_000, next.milliseconds(since: now))))
            await withTaskGroup { group in
                group.addTask { _ = await self.timer.wait() }
                // A cancelled sleep is the end of the pause as well.
                group.addTask { try? await self.runtime.environment.sleep(pause) }
                await group.next()
                group.cancelAll()
            }
            perform { _ in [] }
        }
    }

    // MARK: The log

    /// Takes up the runs that are queued in the log: at the start those that were left by the process before, later those in
    /// threads in which other processes have written.
    private func takeUpQueue() async {
        do throws(AgentEventsError) {
            try await runtime.waitForStart()
        } catch {
            // The run of the runtime ends with the same error.
            return
        }
        for owner in runtime.threadsWithQueuedRuns { advanced.insert(owner.thread, of: owner.user) }
        advances.signal()
        while await advances.wait() {
            let threads = advanced.take()
            var failed: [ThreadID: UserID] = [:]
            for (thread, user) in threads.sorted(by: { $0.key.rawValue < $1.key.rawValue })
            where await !takeUp(thread, of: user) {
                failed[thread] = user
            }
            guard !failed.isEmpty else { continue }
            // What is queued there is not forgotten. A cancelled sleep is the end of it all.
            guard (try? await runtime.environment.sleep(.seconds(1))) != nil else { return }
            for (thread, user) in failed { advanced.insert(thread, of: user) }
            advances.signal()
        }
    }

    /// Takes up the queued runs of a thread, and forgets those that are queued no longer.
    ///
    /// - Returns: `false` when it has to be tried again.
    private func takeUp(_ thread: ThreadID, of user: UserID) async -> Bool {
        do throws(AgentEventsError) {
            while try await lookAtQueue(of: thread, user) {}
            return true
        } catch {
            logger.info(
                "queued runs not taken up",
                metadata: ["thread.id": "\(thread)", "error.code": "\(error.code)"])
            return await isGone(thread, error)
        }
    }

    /// - Returns: whether to look again: a run may have ended between the look and its entry here, also one that was known
    ///   before the look, and nobody would look for it before its time.
    private func lookAtQueue(of thread: ThreadID, _ user: UserID) async throws(AgentEventsError) -> Bool {
        // Before the look: those that come meanwhile may not be among what it finds.
        let known = queue.withLock { $0.queued(in: thread) }
        let found = try await runtime.queuedRuns(of: thread, user: user).map { run in
            RunQueueStateMachine.Entry(
                place: RunQueueStateMachine.Place(thread: thread, run: run.queued.run), owner: user,
                user: run.queued.by ?? user, agent: run.queued.agent, sequence: run.sequence,
                queuedAt: run.queued.queuedAt, notBefore: run.queued.notBefore, isScheduled: run.queued.isScheduled)
        }
        // A run that nobody can start stays queued in the log, until its agent is served again.
        for entry in found where !mayBeStarted(entry.agent) {
            noteMissing(entry)
            workers.wait(for: entry.agent, in: thread, of: user)
        }
        let entries = found.filter { mayBeStarted($0.agent) }
        let places = Set(found.map(\.place))
        let gone = known.filter { !places.contains($0) }
        var hasNew = false
        perform { queue in
            let queued = queue.queued(in: thread)
            hasNew = entries.contains { $0.notBefore != nil && !queued.contains($0.place) }
            return gone.flatMap { queue.left($0) } + entries.flatMap { queue.enqueue($0) } + queue.freed(thread)
        }
        return hasNew
    }
}
