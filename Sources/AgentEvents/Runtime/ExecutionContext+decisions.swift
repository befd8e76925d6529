// Requests whose events depend on the state that the thread has at that moment.

extension ExecutionContext {
    /// Decides on a request by the state of the thread, and accepts what it becomes, all or nothing, in one piece:
    /// nothing comes in between.
    ///
    /// ```
    ///          ┌── the key was used: repeated, nothing is decided
    /// request ─┤                                              ┌── no events: nothing is logged
    ///          └── decide, by the state of the thread ────────┤
    ///                ^                                        └── events ──> accepted, in one commit
    ///                └── another writer of the log was first, or a run had to be looked up: decided again
    /// ```
    ///
    /// - Parameters:
    ///   - request: the key of the request, and the events that it stands for: the ones that the request would become in
    ///     a thread in which nothing is open. `nil` for a request without a key.
    ///   - newRuns: runs whose ids nobody can have used before; they are not looked up.
    ///   - decide: called in the thread's actor, as often as it takes; the last call counts. It is quick, and has no
    ///     effect but on what it returns.
    /// - Throws: ``AgentEventsError``; then nothing was logged.
    package func decide<Outcome: Sendable>(
        _ request: DecisionKey? = nil,
        newRuns: Set<RunID> = [],
        by decide: @Sendable (ThreadStateMachine, Timestamp) -> ThreadDecision<Outcome>
    ) async throws(AgentEventsError) -> DecidedRequest<Outcome> {
        var emission = Emission(isIndexed: true)
        if configurationGivesNewIDs { for run in newRuns { emission.lookedUp[run] = false } }
        guard let request else {
            let decided = try await settled { () async throws(AgentEventsError) in
                try await acceptDecision(emission, decide)
            }
            if decided.batch?.accepted.isFull == true { await services.commit.waitForCapacity() }
            return .decided(decided.result)
        }
        let keyed = KeyedRequest(key: request.key.key, digest: try digest(of: request.drafts, request.key))
        switch try await once(
            keyed,
            { () async throws(AgentEventsError) in
                try await acceptDecision(emission.with(keyed), decide)
            })
        {
        case .known(let receipt): return .repeated(receipt)
        case .decided(let decided): return .decided(decided.result)
        }
    }

    /// What is open in the thread, as the log has it.
    func upToDateLoad() async throws(AgentEventsError) -> ThreadLoad {
        // Where others write too, a decision without events reads the thread from the log.
        let decided = try await decide { machine, _ in ThreadDecision(machine.load) }
        guard case .decided(let result) = decided else {
            preconditionFailure("a request without a key is not repeated")
        }
        return result.outcome
    }

    private nonisolated var configurationGivesNewIDs: Bool { services.configuration.identifiers.isUnguessable }

    private func acceptDecision<Outcome: Sendable>(
        _ emission: Emission,
        _ decide: (ThreadStateMachine, Timestamp) -> ThreadDecision<Outcome>
    ) async throws(AgentEventsError) -> DecidedBatch<Outcome> {
        var attempt = try attemptDecision(emission, decide)
        while true {
            guard case .lookUp(let drafts) = attempt else { break }
            let unknown = path.machine.unknownRuns(in: drafts).subtracting(emission.lookedUp.keys)
            let position = path.beginLookUp()
            defer { path.endLookUp(committedThrough: position) }
            let started = try await mapLogError { () async throws(EventLogError) in
                try await services.log.startedRuns(among: unknown, in: thread)
            }
            // Of an earlier look-up nothing is used again: it may be out of date.
            var answered = emission
            for run in unknown { answered.lookedUp[run] = started.contains(run) }
            attempt = try attemptDecision(answered, decide)
        }
        guard case .decided(let decided) = attempt else { preconditionFailure("nothing is left to look up") }
        return decided
    }

    private enum DecisionAttempt<Outcome: Sendable> {
        case decided(DecidedBatch<Outcome>)
        /// A run has to be looked up first; nothing changed.
        case lookUp([EventDraft])
    }

    private func attemptDecision<Outcome: Sendable>(
        _ emission: Emission,
        _ decide: (ThreadStateMachine, Timestamp) -> ThreadDecision<Outcome>
    ) throws(AgentEventsError) -> DecisionAttempt<Outcome> {
        let time = try path.begin()
        let decision = decide(path.machine, time)
        guard !decision.drafts.isEmpty else { return .decided(DecidedBatch(outcome: decision.outcome)) }
        guard let batch = try path.accept(decision.drafts, emission, at: time) else { return .lookUp(decision.drafts) }
        keepForHalves()
        var accepted: AcceptedRun?
        if let run = decision.startedRun {
            guard let agent = path.machine.agent(of: run), let id = batch.ids.last else {
                preconditionFailure("a run that was started is open")
            }
            let usage = RunUsage()
            let ending = WakeSignal()
            path.setUsage(usage, of: run)
            path.setEnding(ending, of: run)
            if let lease = decision.lease { path.beginLease(lease, of: run) }
            accepted = AcceptedRun(
                id: run, agent: agent, context: self, start: RunStart(id: id, position: batch.accepted.position),
                usage: usage, ending: ending)
        }
        return .decided(DecidedBatch(outcome: decision.outcome, started: accepted, batch: batch))
    }
}

/// The key of a request that is decided by the state of its thread, and what it stands for.
package struct DecisionKey: Sendable {
    var key: RequestKey
    /// The events that are compared when the key comes again.
    var drafts: [EventDraft]

    package init(_ key: RequestKey, for drafts: [EventDraft]) {
        self.key = key
        self.drafts = drafts
    }
}

/// The events that a request becomes in its thread, and the answer to it.
package struct ThreadDecision<Outcome: Sendable>: Sendable {
    /// The events, all or none; none when there is nothing to log.
    package var drafts: [EventDraft]
    /// The run that starts with the last of the events, and for which this process works.
    package var startedRun: RunID?
    /// The lease by which a worker outside works for that run; `nil` when none does.
    package var lease: LeaseID?
    package var outcome: Outcome

    package init(_ outcome: Outcome, drafts: [EventDraft] = [], startedRun: RunID? = nil, lease: LeaseID? = nil) {
        self.outcome = outcome
        self.drafts = drafts
        self.startedRun = startedRun
        self.lease = lease
    }
}

/// The end of a request that was decided by the state of its thread.
package enum DecidedRequest<Outcome: Sendable>: Sendable {
    case decided(Result)
    /// It was logged before, under the same key.
    case repeated(EmitReceipt)

    package struct Result: Sendable {
        package var outcome: Outcome
        /// The run that was started. Somebody has to work for it; see ``AgentRuntime/work(for:_:)``.
        package var started: AcceptedRun?
        /// The events, without those that close open work; `nil` when nothing was logged.
        package var receipt: EmitReceipt?
    }
}

private struct DecidedBatch<Outcome: Sendable>: KeyedDecision {
    var outcome: Outcome
    var started: AcceptedRun?
    var batch: AcceptedBatch?

    var decision: ContentionDecision { batch == nil ? .nothing : .offered }
    var offeredPosition: UInt64? { batch?.accepted.position }

    var result: DecidedRequest<Outcome>.Result {
        DecidedRequest.Result(outcome: outcome, started: started, receipt: batch?.receipt)
    }
}

/// A run that was accepted together with other events: it has started, and somebody has to work for it.
package struct AcceptedRun: Sendable {
    package let id: RunID
    package let agent: AgentName
    let context: ExecutionContext
    let start: RunStart
    let usage: RunUsage
    /// Signalled when the run ends while its body works.
    let ending: WakeSignal
    /// The time in which the run has worked before, in earlier processes.
    var spent = Duration.zero
}

extension AgentRuntime {
    /// Works for a run that has started. Its result is JSON, or absent; its body is cancelled when the run ends before it
    /// returns.
    ///
    /// - Parameter observer: is told about a body that works after its run has ended.
    package func work(
        for run: AcceptedRun,
        observer: RunBodyObserver? = nil,
        _ body: @escaping @Sendable (AgentRun) async throws -> JSONValue?
    ) async throws {
        _ = try await RunScope(run, observer: observer).runCancelling(body, result: { $0 })
    }
}
