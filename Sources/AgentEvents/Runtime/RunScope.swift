/// Starts a run, runs its body and ends it, whichever way the body ends (I7), and at its deadline.
struct RunScope: Sendable {
    let context: ExecutionContext
    let agent: AgentName
    let input: (any Encodable & Sendable)?
    let id: RunID
    /// Whether the id is one that nobody can have used before.
    private let isNew: Bool
    var parent: (run: RunID, call: CallID?)?
    private let usage: RunUsage
    /// The user who asked for the run; `nil` for the user of the thread.
    private let author: UserID?
    /// The place of the first event of a run that has started already.
    private let started: RunStart?
    private let limit: TimeLimit?
    private let expiry = Expiry()
    /// Signalled when the run ends while its body works.
    private let endSignal: WakeSignal
    private let observer: RunBodyObserver?
    /// The time in which the run has worked before this scope.
    private let spent: Duration

    /// - Parameter deadline: how long the run may take; of a run without a parent, the configured one when it is `nil`.
    init(
        context: ExecutionContext,
        agent: AgentName,
        input: (any Encodable & Sendable)?,
        id: RunID? = nil,
        parent: (run: RunID, call: CallID?)? = nil,
        author: UserID? = nil,
        deadline: Duration? = nil,
        observer: RunBodyObserver? = nil
    ) {
        let configuration = context.services.configuration
        self.context = context
        self.agent = agent
        self.input = input
        self.id = id ?? configuration.identifiers.runID()
        isNew = id == nil && configuration.identifiers.isUnguessable
        self.parent = parent
        self.author = author
        usage = RunUsage()
        started = nil
        endSignal = WakeSignal()
        self.observer = observer
        spent = .zero
        // A child ends with its parent, and so at the parent's deadline.
        limit = TimeLimit(deadline ?? (parent == nil ? configuration.runDeadline : nil), configuration)
    }

    /// The scope of a run that has started.
    ///
    /// - Parameter isChild: whether it ends at the deadline of its parent.
    init(_ run: AcceptedRun, observer: RunBodyObserver?, isChild: Bool = false) {
        let configuration = run.context.services.configuration
        context = run.context
        agent = run.agent
        input = nil
        id = run.id
        isNew = false
        parent = nil
        author = nil
        usage = run.usage
        started = run.start
        endSignal = run.ending
        self.observer = observer
        spent = run.spent
        limit = TimeLimit(isChild ? nil : configuration.runDeadline, configuration)
    }

    /// - Parameter convert: turns what the body returns into the run's result.
    func run<Result>(
        _ body: (AgentRun) async throws -> Result,
        result convert: (Result) throws -> JSONValue?
    ) async throws -> Result {
        let start = try await start()
        return try await ending {
            guard let limit else { return try await complete(start, body, convert) }
            return try await limit.run(
                { try await complete(start, body, convert) }, rest: rest, expire: { await expire(limit) })
        }
    }

    /// As ``run(_:result:)``, with a body that is cancelled when the run ends before it returns: at the deadline, by a
    /// command, with its parent.
    func runCancelling<Result: Sendable>(
        _ body: @escaping @Sendable (AgentRun) async throws -> Result,
        result convert: @escaping @Sendable (Result) throws -> JSONValue?
    ) async throws -> Result {
        let start = try await start(endSignal)
        return try await ending {
            try await withThrowingTaskGroup(of: Step<Result>.self) { group in
                group.addTask { .returned(try await complete(start, body, convert)) }
                group.addTask {
                    guard await endSignal.wait() else { return .idle }
                    observer?.runDidEnd()
                    return .ended
                }
                if let limit { group.addTask { await limit.isOver(rest, spent: spent) ? await expired(limit) : .idle } }
                // Whichever is first ends the others: the body the waits, the end of the run the body.
                defer { group.cancelAll() }
                while let step = try await group.next() {
                    switch step {
                    case .returned(let result):
                        return result
                    case .ended:
                        group.cancelAll()
                    case .idle:
                        break
                    }
                }
                preconditionFailure("the body returns or throws")
            }
        }
    }

    private enum Step<Result: Sendable>: Sendable {
        case returned(Result)
        /// The run has ended.
        case ended
        /// A wait was of no use.
        case idle
    }

    /// The deadline counts the time in which the run works.
    private var rest: @Sendable () async -> RestTime {
        { [context, id] in await context.restTime(of: id) }
    }

    private func expired<Result>(_ limit: TimeLimit) async -> Step<Result> {
        await expire(limit)
        return .ended
    }

    /// - Parameter ending: signalled when the run ends while its body works; `nil` for a body that is not cancelled.
    private func start(_ ending: WakeSignal? = nil) async throws -> RunStart {
        if let started { return started }
        let input = try input.map { try JSONValue(converting: $0) }
        return try await context.start(
            id, isNew: isNew, agent: agent,
            AgentStarted(input: input, parentRunID: parent?.run, parentCallID: parent?.call), usage: usage,
            ending: ending)
    }

    private func complete<Result>(
        _ start: RunStart,
        _ body: (AgentRun) async throws -> Result,
        _ convert: (Result) throws -> JSONValue?
    ) async throws -> Result {
        if context.services.budgets != nil { try await context.throwIfBudgetIsUsed(for: id) }
        let result = try await body(
            AgentRun(id: id, agent: agent, context: context, start: start, usage: usage, author: author))
        let json = try convert(result)
        let position: UInt64
        do throws(AgentEventsError) {
            position = try await context.complete(id, result: json)
        } catch {
            if error.code == .order(.alreadyEnded) { observer?.bodyDidReturnLate(.success(json)) }
            throw error
        }
        try await context.waitForCommit(at: position)
        return result
    }

    private func ending<Result>(_ work: () async throws -> Result) async throws -> Result {
        do {
            return try await work()
        } catch let left as RunLeftOpen {
            throw left
        } catch {
            do throws(AgentEventsError) {
                try await end(after: error)
            } catch let unlogged {
                throw unlogged.endingAfter(error)
            }
            guard let limit, expiry.hasHappened else { throw error }
            throw AgentEventsError(.runDeadline, "the run did not end within \(limit.duration)", cause: error)
        }
    }

    private func end(after error: any Error) async throws(AgentEventsError) {
        await context.bodyDidThrow(in: id)
        let position =
            if isCancellation(error) {
                try await context.cancel(id, reason: "the agent's task was cancelled", by: nil)
            } else {
                try await context.fail(id, RunFailure(describing: error))
            }
        // At the deadline, from elsewhere by a command, or through the parent: there was nothing left to end.
        guard let position else {
            // Those are how a body learns that it was stopped, or that its run failed with a no.
            if !(error is CancellationError), !(error is AgentEventsError), !(error is ApprovalRefused) {
                observer?.bodyDidReturnLate(.failure(error))
            }
            return try await context.flush()
        }
        try await context.waitForCommit(at: position)
    }

    private func expire(_ limit: TimeLimit) async {
        // When the end cannot be logged, no other event can: the body's end reports it.
        if (try? await context.fail(id, .overdue(limit))) != nil { expiry.happen() }
    }
}

/// Is told about a body that works after its run has ended. Called in the tasks of the run's scope; it returns soon.
package struct RunBodyObserver: Sendable {
    /// The run has ended, and its body has not returned; it is cancelled next.
    package let runDidEnd: @Sendable () -> Void
    /// The body has returned, or thrown something other than that it was stopped, after the end of its run: nobody gets it.
    package let bodyDidReturnLate: @Sendable (Result<JSONValue?, any Error>) -> Void

    package init(
        runDidEnd: @escaping @Sendable () -> Void,
        bodyDidReturnLate: @escaping @Sendable (Result<JSONValue?, any Error>) -> Void
    ) {
        self.runDidEnd = runDidEnd
        self.bodyDidReturnLate = bodyDidReturnLate
    }
}

/// The error of a body that lets go of its run: it has ended already, or somebody else continues it.
package struct RunLeftOpen: Error {
    package init() {}
}

/// The place of a run's first event.
struct RunStart: Sendable {
    var id: EventID
    /// To wait for its commit.
    var position: UInt64
    /// Of a run that is taken up, the generation of the process that does: commands of earlier ones were given to others.
    var earliestGeneration: UInt64 = 0
}
